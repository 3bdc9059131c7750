//! `cvt`.

use super::arithmetic::rounding;
use super::code::{map1, map2};
use super::emit::{Emitted, Emitter};
use super::parts::Parts;
use crate::numeric::integer::{mask, number, signed};
use crate::numeric::narrow::{self, BF16, F16, F32, TF32};
use crate::numeric::{Rounding, convert};
use crate::ptx::{Operand, Type};

/// Rounding to an integral value.
fn integral(parts: &mut Parts<'_>) -> Option<Rounding> {
    parts.choose(|part| match part {
        "rni" => Some(Rounding::Nearest),
        "rzi" => Some(Rounding::Zero),
        "rmi" => Some(Rounding::Down),
        "rpi" => Some(Rounding::Up),
        _ => None,
    })
}

fn is_float(ty: Type) -> bool {
    matches!(ty, Type::F(_) | Type::Bf16 | Type::Tf32)
}

/// A float's value; subnormal `f32` become zero where they are flushed.
fn decode(bits: u64, ty: Type, flush: bool) -> f64 {
    match ty {
        Type::F(64) => f64::from_bits(bits),
        Type::F(16) => narrow::widen(bits & 0xffff, 10, 5, true),
        Type::Bf16 => f64::from(f32::from_bits((bits as u32) << 16)),
        _ => {
            let value = f32::from_bits(bits as u32);
            f64::from(if flush && value.is_subnormal() { 0f32.copysign(value) } else { value })
        }
    }
}

fn encode(value: f64, ty: Type, rounding: Rounding, flush: bool) -> u64 {
    match ty {
        Type::F(64) => value.to_bits(),
        Type::F(16) => narrow::bits(value, F16, rounding),
        Type::Bf16 => narrow::bits(value, BF16, rounding),
        Type::Tf32 => match value.is_nan() {
            true => 0x7fff_ffff,
            false => narrow::bits(value, TF32, rounding) << 13,
        },
        _ => {
            let bits = narrow::bits(value, F32, rounding);
            if flush && bits & 0x7f80_0000 == 0 { bits & 0x8000_0000 } else { bits }
        }
    }
}

impl Emitter<'_> {
    pub(crate) fn conversion(&mut self, parts: &mut Parts<'_>, operands: &[Operand]) -> Emitted {
        let integral = integral(parts);
        let away = parts.take("rna");
        let direction = rounding(parts);
        let flush = parts.take("ftz");
        let saturates = parts.take("sat");
        let finite = parts.take("satfinite");
        let relu = parts.take("relu");
        let (to, from) = (parts.ty()?, parts.ty()?);
        let rounding = if away { Rounding::Away } else { direction.unwrap_or(Rounding::Nearest) };
        if let Type::F16x2 | Type::Bf16x2 | Type::E4m3x2 | Type::E5m2x2 = to {
            return self.pair_conversion(operands, to, from, rounding, relu, finite);
        }
        let [d, a] = self.expect(operands)?;
        if relu && to.bits() == 32 || finite && to != Type::Tf32 {
            return Err("this modifier does not go with these types".to_owned());
        }
        let width = self.declared(d).map_or(to.bits(), Type::bits).max(to.bits());
        let (d, a) = (self.dest(d)?, self.source(a, from)?);
        let f = match (is_float(from), is_float(to)) {
            (false, false) => {
                let (bits, is_signed, to_bits) = (from.bits(), from.is_signed(), to.bits());
                let to_signed = to.is_signed();
                let (low, high) = convert::range(to_bits, to_signed);
                match saturates {
                    true => map1(move |a| {
                        convert::clamp(number(a, bits, is_signed), low, high) as u64 & mask(width)
                    }),
                    false => map1(move |a| {
                        let value =
                            if is_signed { signed(a, bits) as u64 } else { a & mask(bits) } & mask(to_bits);
                        if to_signed { signed(value, to_bits) as u64 & mask(width) } else { value }
                    }),
                }
            }
            (false, true) => {
                let (bits, is_signed) = (from.bits(), from.is_signed());
                match to {
                    Type::F(32) if rounding == Rounding::Nearest && bits <= 32 && !saturates => {
                        match is_signed {
                            true => map1(move |a| u64::from((signed(a, bits) as f32).to_bits())),
                            false => map1(move |a| u64::from(((a & mask(bits)) as f32).to_bits())),
                        }
                    }
                    Type::F(64) => {
                        map1(move |a| convert::to_double(number(a, bits, is_signed), rounding).to_bits())
                    }
                    _ => map1(move |a| {
                        let value = convert::to_odd_float(number(a, bits, is_signed));
                        encode(if saturates { value.clamp(0.0, 1.0) } else { value }, to, rounding, false)
                    }),
                }
            }
            (true, false) => {
                let Some(integral) = integral else {
                    return Err("a float becomes an integer with `.rni`, `.rzi`, `.rmi` or `.rpi`".to_owned());
                };
                let (to_bits, to_signed) = (to.bits(), to.is_signed());
                map1(move |a| {
                    let found = convert::to_integer(
                        decode(a, from, flush),
                        integral,
                        to_bits,
                        to_signed,
                        from.bits(),
                    );
                    if to_signed { signed(found, to_bits) as u64 & mask(width) } else { found }
                })
            }
            (true, true) => {
                let same = from == to;
                map1(move |a| {
                    let mut value = decode(a, from, flush);
                    if let Some(direction) = integral {
                        value = convert::integral(value, direction).copysign(value);
                    }
                    if saturates {
                        value = if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) + 0.0 };
                    }
                    if relu && value < 0.0 {
                        value = 0.0;
                    }
                    if finite && value.is_infinite() {
                        value = f64::from(f32::MAX).copysign(value);
                    }
                    let rounding = if same { Rounding::Nearest } else { rounding };
                    encode(value, to, rounding, flush)
                })
            }
        };
        self.push1(f, d, a);
        Ok(())
    }

    /// Two values into one word: the first operand is the upper one. Or a pair of 8-bit floats to a pair of halves.
    fn pair_conversion(
        &mut self,
        operands: &[Operand],
        to: Type,
        from: Type,
        rounding: Rounding,
        relu: bool,
        finite: bool,
    ) -> Emitted {
        let floor = move |value: f64| if relu && value < 0.0 { 0.0 } else { value };
        match (to, from, operands) {
            (Type::F16x2, Type::E4m3x2 | Type::E5m2x2, [d, a]) => {
                let (d, a) = (self.dest(d)?, self.source(a, Type::B(16))?);
                let (fraction, exponent) = if from == Type::E4m3x2 { (3, 4) } else { (2, 5) };
                let one = move |byte: u64| {
                    let value = narrow::widen(byte & 0xff, fraction, exponent, exponent == 5);
                    narrow::bits(floor(value), F16, Rounding::Nearest)
                };
                self.push1(map1(move |a| one(a) | one(a >> 8) << 16), d, a);
            }
            (Type::F16x2 | Type::Bf16x2, Type::F(32), [d, a, b]) => {
                let sources = [self.source(a, from)?, self.source(b, from)?];
                let d = self.dest(d)?;
                let (format, largest) = if to == Type::F16x2 { (F16, 0x7bff) } else { (BF16, 0x7f7f) };
                let one = move |bits: u64| {
                    let value = decode(bits, Type::F(32), false);
                    let found = narrow::bits(floor(value), format, rounding);
                    let overflows = finite && !value.is_nan() && found & 0x7fff > largest;
                    if overflows { found & 0x8000 | largest } else { found }
                };
                self.push2(map2(move |a, b| one(a) << 16 | one(b)), d, sources);
            }
            (Type::E4m3x2 | Type::E5m2x2, Type::F(32), [d, a, b]) if finite => {
                let sources = [self.source(a, from)?, self.source(b, from)?];
                let d = self.dest(d)?;
                let of = if to == Type::E4m3x2 { narrow::e4m3 } else { narrow::e5m2 };
                let one = move |bits: u64| of(floor(decode(bits, Type::F(32), false)));
                self.push2(map2(move |a, b| one(a) << 8 | one(b)), d, sources);
            }
            (Type::E4m3x2 | Type::E5m2x2, Type::F16x2, [d, a]) if finite => {
                let (d, a) = (self.dest(d)?, self.source(a, Type::B(32))?);
                let of = if to == Type::E4m3x2 { narrow::e4m3 } else { narrow::e5m2 };
                let one = move |bits: u64| of(floor(narrow::widen(bits & 0xffff, 10, 5, true)));
                self.push1(map1(move |a| one(a) | one(a >> 16) << 8), d, a);
            }
            _ => return Err(format!("`cvt` from {from:?} to {to:?} with these operands is not known")),
        }
        Ok(())
    }
}
