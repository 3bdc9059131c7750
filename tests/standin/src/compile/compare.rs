//! `setp`, `set`, `testp`.

use super::arithmetic_half::format;
use super::code::{General, Op, Reg, map1};
use super::emit::{Emitted, Emitter};
use super::parts::Parts;
use crate::numeric::float::Comparison;
use crate::numeric::half;
use crate::numeric::integer::number;
use crate::ptx::{Operand, Type};

/// A comparison, and whether NaN makes it true. `lo`, `ls`, `hi`, `hs` compare as if unsigned.
fn comparison(part: &str) -> Option<(Comparison, bool, bool)> {
    Some(match part {
        "eq" => (Comparison::Equal, false, false),
        "ne" => (Comparison::NotEqual, false, false),
        "lt" => (Comparison::Less, false, false),
        "le" => (Comparison::LessEqual, false, false),
        "gt" => (Comparison::Greater, false, false),
        "ge" => (Comparison::GreaterEqual, false, false),
        "lo" => (Comparison::Less, false, true),
        "ls" => (Comparison::LessEqual, false, true),
        "hi" => (Comparison::Greater, false, true),
        "hs" => (Comparison::GreaterEqual, false, true),
        "equ" => (Comparison::Equal, true, false),
        "neu" => (Comparison::NotEqual, true, false),
        "ltu" => (Comparison::Less, true, false),
        "leu" => (Comparison::LessEqual, true, false),
        "gtu" => (Comparison::Greater, true, false),
        "geu" => (Comparison::GreaterEqual, true, false),
        "num" => (Comparison::Ordered, false, false),
        "nan" => (Comparison::Unordered, true, false),
        _ => return None,
    })
}

type Test = Box<dyn Fn(u64, u64) -> bool + Send + Sync>;

fn test(
    ty: Type,
    (op, unordered, as_unsigned): (Comparison, bool, bool),
    flush: bool,
) -> Result<Test, String> {
    let flushed = move |bits: u64| {
        let value = f32::from_bits(bits as u32);
        f64::from(if flush && value.is_subnormal() { 0.0 } else { value })
    };
    Ok(match ty {
        Type::F(32) => Box::new(move |a, b| op.floats(flushed(a), flushed(b), unordered)),
        Type::F(64) => Box::new(move |a, b| op.floats(f64::from_bits(a), f64::from_bits(b), unordered)),
        Type::U(_) | Type::S(_) | Type::B(_) => {
            let (bits, signed) = (ty.bits(), ty.is_signed() && !as_unsigned);
            Box::new(move |a, b| op.values(number(a, bits, signed), number(b, bits, signed)))
        }
        _ => match format(ty) {
            Some((format, false)) => {
                let style = half::Style { format, flush, saturate: false, relu: false };
                Box::new(move |a, b| {
                    op.floats(style.read(a & 0xffff).into(), style.read(b & 0xffff).into(), unordered)
                })
            }
            _ => return Err(format!("comparisons of {ty:?} are not known")),
        },
    })
}

impl Emitter<'_> {
    pub(crate) fn comparison(&mut self, parts: &mut Parts<'_>, operands: &[Operand]) -> Emitted {
        match parts.name {
            "setp" => self.set_predicate(parts, operands),
            "set" => self.set(parts, operands),
            _ => self.test_property(parts, operands),
        }
    }

    fn set_predicate(&mut self, parts: &mut Parts<'_>, operands: &[Operand]) -> Emitted {
        let Some(compare) = parts.choose(comparison) else {
            return Err("no comparison that is known".to_owned());
        };
        let combine = parts.choose(combination);
        let flush = parts.take("ftz");
        let ty = parts.ty()?;
        let (dest, a, b) = match operands {
            [dest, a, b, ..] => (dest, a, b),
            _ => return Err("operands are missing".to_owned()),
        };
        let (element, is_pair) = match ty {
            Type::F16x2 => (Type::F(16), true),
            Type::Bf16x2 => (Type::Bf16, true),
            other => (other, false),
        };
        let test = test(element, compare, flush)?;
        let untyped = if is_pair || element.bits() == 16 { Type::B(ty.bits() as u8) } else { ty };
        let sources = [self.source(a, untyped)?, self.source(b, untyped)?];
        let (d, second) = match dest {
            Operand::Pair(first, second) => (self.dest(first)?, self.dest(second)?),
            one => (self.dest(one)?, self.sink()),
        };
        let (third, negated) = match (operands.get(3), combine) {
            (Some(third), Some(_)) => self.predicate(third)?,
            (None, None) => (self.constant(0), false),
            _ => return Err("a combination and its predicate belong together".to_owned()),
        };
        let combine = combine.unwrap_or(|found, _| found);
        let f: General = match is_pair {
            // One predicate a half.
            true => Box::new(move |[a, b, p, _]| {
                let p = (p != 0) != negated;
                [u64::from(combine(test(a, b), p)), u64::from(combine(test(a >> 16, b >> 16), p))]
            }),
            false => Box::new(move |[a, b, p, _]| {
                let (found, p) = (test(a, b), (p != 0) != negated);
                [u64::from(combine(found, p)), u64::from(combine(!found, p))]
            }),
        };
        let unused = self.constant(0);
        self.push(Op::General { f, d: [d, second], s: [sources[0], sources[1], third, unused] });
        Ok(())
    }

    /// All ones or zero for integers, 1.0 or 0.0 for floats.
    fn set(&mut self, parts: &mut Parts<'_>, operands: &[Operand]) -> Emitted {
        let Some(compare) = parts.choose(comparison) else {
            return Err("no comparison that is known".to_owned());
        };
        let combine = parts.choose(combination);
        let flush = parts.take("ftz");
        let (to, from) = (parts.ty()?, parts.ty()?);
        let (d, a, b) = match operands {
            [d, a, b, ..] => (d, a, b),
            _ => return Err("operands are missing".to_owned()),
        };
        let (third, negated) = match (operands.get(3), combine) {
            (Some(third), Some(_)) => self.predicate(third)?,
            (None, None) => (self.constant(0), false),
            _ => return Err("a combination and its predicate belong together".to_owned()),
        };
        let combine = combine.unwrap_or(|found, _| found);
        let (element, is_pair) = match from {
            Type::F16x2 => (Type::F(16), true),
            Type::Bf16x2 => (Type::Bf16, true),
            other => (other, false),
        };
        let truth = match to {
            Type::F(32) => u64::from(1f32.to_bits()),
            Type::F16x2 | Type::F(16) => 0x3c00,
            Type::Bf16x2 | Type::Bf16 => 0x3f80,
            Type::U(32) | Type::S(32) if is_pair => 0xffff,
            Type::U(32) | Type::S(32) => 0xffff_ffff,
            Type::U(16) | Type::S(16) => 0xffff,
            other => return Err(format!("`set` to {other:?} is not known")),
        };
        let test = test(element, compare, flush)?;
        let untyped = if is_pair || element.bits() == 16 { Type::B(from.bits() as u8) } else { from };
        let [a, b] = [self.source(a, untyped)?, self.source(b, untyped)?];
        let (d, sink, unused) = (self.dest(d)?, self.sink(), self.constant(0));
        let f: General = Box::new(move |[a, b, p, _]| {
            let p = (p != 0) != negated;
            let one = |a, b| if combine(test(a, b), p) { truth } else { 0 };
            [if is_pair { one(a, b) | one(a >> 16, b >> 16) << 16 } else { one(a, b) }, 0]
        });
        self.push(Op::General { f, d: [d, sink], s: [a, b, third, unused] });
        Ok(())
    }

    fn test_property(&mut self, parts: &mut Parts<'_>, operands: &[Operand]) -> Emitted {
        let property: fn(f64, bool) -> bool = parts
            .choose(|part| {
                Some(match part {
                    "finite" => |x: f64, _| x.is_finite(),
                    "infinite" => |x: f64, _| x.is_infinite(),
                    "number" => |x: f64, _| !x.is_nan(),
                    "notanumber" => |x: f64, _| x.is_nan(),
                    "normal" => |x: f64, subnormal: bool| x.is_finite() && x != 0.0 && !subnormal,
                    "subnormal" => |_, subnormal: bool| subnormal,
                    _ => return None,
                })
            })
            .ok_or_else(|| "no property that is known".to_owned())?;
        let ty = parts.ty()?;
        let [d, a] = self.expect(operands)?;
        let (d, a): (Reg, Reg) = (self.dest(d)?, self.source(a, ty)?);
        self.push1(
            match ty {
                Type::F(32) => map1(move |a| {
                    let value = f32::from_bits(a as u32);
                    u64::from(property(value.into(), value.is_subnormal()))
                }),
                _ => map1(move |a| u64::from(property(f64::from_bits(a), f64::from_bits(a).is_subnormal()))),
            },
            d,
            a,
        );
        Ok(())
    }
}

fn combination(part: &str) -> Option<fn(bool, bool) -> bool> {
    Some(match part {
        "and" => |a, b| a && b,
        "or" => |a, b| a || b,
        "xor" => |a, b| a != b,
        _ => return None,
    })
}
