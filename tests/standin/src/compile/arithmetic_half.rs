//! Arithmetic of `f16`, `bf16`, of pairs of them, and of pairs of short integers.

use super::arithmetic::rounding;
use super::code::{Map2, map1, map2, map3};
use super::emit::{Emitted, Emitter};
use super::parts::Parts;
use crate::numeric::Rounding;
use crate::numeric::half::{Half, Style, both};
use crate::numeric::integer::number;
use crate::ptx::{Operand, Type};

/// The format of a type, and whether it is a pair.
pub(crate) fn format(ty: Type) -> Option<(Half, bool)> {
    match ty {
        Type::F(16) => Some((Half::F16, false)),
        Type::F16x2 => Some((Half::F16, true)),
        Type::Bf16 => Some((Half::Bf16, false)),
        Type::Bf16x2 => Some((Half::Bf16, true)),
        _ => None,
    }
}

fn each(pair: bool, f: impl Fn(u64, u64) -> u64 + Send + Sync + 'static) -> Map2 {
    match pair {
        true => map2(move |a, b| both(a, b, &f)),
        false => map2(move |a, b| f(a & 0xffff, b & 0xffff)),
    }
}

impl Emitter<'_> {
    /// `add`, `min`, `max` of two integers of 16 bits each.
    pub(crate) fn integer_pair(
        &mut self,
        parts: &mut Parts<'_>,
        operands: &[Operand],
        is_signed: bool,
    ) -> Emitted {
        let [d, a, b] = self.expect(operands)?;
        let sources = [self.source(a, Type::B(32))?, self.source(b, Type::B(32))?];
        let d = self.dest(d)?;
        let relu = parts.take("relu");
        let combine: fn(i128, i128) -> i128 = match parts.name {
            "add" => |x, y| x + y,
            "min" => |x, y| x.min(y),
            "max" => |x, y| x.max(y),
            name => return Err(format!("`{name}` of pairs of integers is not known")),
        };
        let of = move |a: u64, b: u64| {
            let found = combine(number(a, 16, is_signed), number(b, 16, is_signed));
            (if relu { found.max(0) } else { found }) as u64 & 0xffff
        };
        self.push2(each(true, of), d, sources);
        Ok(())
    }

    pub(crate) fn half(&mut self, parts: &mut Parts<'_>, operands: &[Operand], ty: Type) -> Emitted {
        let Some((format, pair)) = format(ty) else {
            return Err(format!("{ty:?} is no format of 16 bits"));
        };
        if rounding(parts).is_some_and(|direction| direction != Rounding::Nearest) {
            return Err("halves are rounded to nearest".to_owned());
        }
        let style =
            Style { format, flush: parts.take("ftz"), saturate: parts.take("sat"), relu: parts.take("relu") };
        let Some((dest, sources)) = operands.split_first() else {
            return Err("operands are missing".to_owned());
        };
        let d = self.dest(dest)?;
        // Immediates of halves are bits.
        let untyped = if pair { Type::B(32) } else { Type::B(16) };
        let sources = sources.iter().map(|s| self.source(s, untyped)).collect::<Result<Vec<_>, _>>()?;
        let (signs, magnitudes) = if pair { (0x8000_8000, 0x7fff_7fff) } else { (0x8000, 0x7fff) };
        match (parts.name, &sources[..]) {
            ("add", &[a, b]) => self.push2(each(pair, move |a, b| style.add(a, b)), d, [a, b]),
            ("sub", &[a, b]) => self.push2(each(pair, move |a, b| style.subtract(a, b)), d, [a, b]),
            ("mul", &[a, b]) => self.push2(each(pair, move |a, b| style.multiply(a, b)), d, [a, b]),
            ("fma", &[a, b, c]) => {
                let f = move |a: u64, b: u64, c: u64| style.fused(a & 0xffff, b & 0xffff, c & 0xffff);
                let f = move |a: u64, b: u64, c: u64| match pair {
                    true => f(a, b, c) | f(a >> 16, b >> 16, c >> 16) << 16,
                    false => f(a, b, c),
                };
                self.push3(map3(f), d, [a, b, c]);
            }
            ("abs", &[a]) => self.push1(map1(move |a| a & magnitudes), d, a),
            ("neg", &[a]) => self.push1(map1(move |a| a & (signs | magnitudes) ^ signs), d, a),
            (name @ ("min" | "max"), &[a, b]) => {
                let (greater, keep_nan) = (name == "max", parts.take("NaN"));
                let unsigned = parts.take("xorsign") && parts.take("abs");
                let f = move |a: u64, b: u64| match unsigned {
                    true => style.extreme(a & 0x7fff, b & 0x7fff, greater, keep_nan) | (a ^ b) & 0x8000,
                    false => style.extreme(a, b, greater, keep_nan),
                };
                self.push2(each(pair, f), d, [a, b]);
            }
            (name @ ("ex2" | "tanh"), &[a]) if parts.take("approx") => {
                let f = if name == "ex2" { f64::exp2 } else { f64::tanh };
                let one = move |a: u64| style.write(f(f64::from(style.read(a & 0xffff))));
                self.push1(map1(move |a| if pair { one(a) | one(a >> 16) << 16 } else { one(a) }), d, a);
            }
            (name, rest) => {
                return Err(format!("`{name}` of {ty:?} with {} sources is not known", rest.len()));
            }
        }
        Ok(())
    }
}
