//! `f16` and `bf16`, alone and in pairs.

use super::float::extreme;
use super::narrow::{self, BF16, F16, Format};
use super::{Rounding, exact};
use half::{bf16, f16};

/// Which of the two formats of 16 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Half {
    F16,
    Bf16,
}

/// How an instruction treats operands and result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) format: Half,
    pub(crate) flush: bool,
    pub(crate) saturate: bool,
    /// `.relu`: what is below zero and NaN becomes zero (NaN stays NaN).
    pub(crate) relu: bool,
}

impl Style {
    pub(crate) fn read(self, bits: u64) -> f32 {
        let value = match self.format {
            Half::F16 => f16::from_bits(bits as u16).to_f32(),
            Half::Bf16 => bf16::from_bits(bits as u16).to_f32(),
        };
        let smallest = match self.format {
            Half::F16 => f16::MIN_POSITIVE.to_f32(),
            Half::Bf16 => f32::MIN_POSITIVE,
        };
        if self.flush && value.abs() < smallest { 0f32.copysign(value) } else { value }
    }

    /// Rounds to nearest; `value` is exact, rounded to odd, or has at least two bits more than twice the format's.
    pub(crate) fn write(self, value: f64) -> u64 {
        let value = match (self.saturate, self.relu) {
            (true, _) if value.is_nan() => 0.0,
            (true, _) => value.clamp(0.0, 1.0) + 0.0,
            (_, true) if value <= 0.0 => 0.0,
            _ => value,
        };
        let bits = narrow::bits(value, self.interchange(), Rounding::Nearest);
        let subnormal = bits & self.interchange_exponent() == 0;
        if self.flush && subnormal { bits & 0x8000 } else { bits }
    }

    fn interchange(self) -> Format {
        match self.format {
            Half::F16 => F16,
            Half::Bf16 => BF16,
        }
    }

    fn interchange_exponent(self) -> u64 {
        match self.format {
            Half::F16 => 0x7c00,
            Half::Bf16 => 0x7f80,
        }
    }

    pub(crate) fn add(self, a: u64, b: u64) -> u64 {
        self.write(exact::add(f64::from(self.read(a)), f64::from(self.read(b))))
    }

    pub(crate) fn subtract(self, a: u64, b: u64) -> u64 {
        self.add(a, b ^ 0x8000)
    }

    pub(crate) fn multiply(self, a: u64, b: u64) -> u64 {
        self.write(f64::from(self.read(a)) * f64::from(self.read(b)))
    }

    pub(crate) fn fused(self, a: u64, b: u64, c: u64) -> u64 {
        let [a, b, c] = [a, b, c].map(|bits| f64::from(self.read(bits)));
        self.write(exact::multiply_add(a, b, c))
    }

    pub(crate) fn extreme(self, a: u64, b: u64, greater: bool, keep_nan: bool) -> u64 {
        self.write(extreme(f64::from(self.read(a)), f64::from(self.read(b)), greater, keep_nan))
    }
}

/// A binary operation on both halves of a word.
pub(crate) fn both(a: u64, b: u64, of: impl Fn(u64, u64) -> u64) -> u64 {
    of(a & 0xffff, b & 0xffff) & 0xffff | (of(a >> 16 & 0xffff, b >> 16 & 0xffff) & 0xffff) << 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fused_rounds_once() {
        let style = Style { format: Half::F16, flush: false, saturate: false, relu: false };
        // 1.0009765625² = 1.00195407867431640625: rounded to 1.001953125 before the subtraction, the result would be zero.
        let a = u64::from(f16::from_f32(1.000_976_6).to_bits());
        let c = u64::from(f16::from_f32(-1.001_953_1).to_bits());
        assert_eq!(f16::from_bits(style.fused(a, a, c) as u16).to_f32(), 2f32.powi(-20));
        assert_eq!(style.add(0x7bff, 0x7bff), 0x7c00);
        assert_eq!(style.add(0x7c00, 0xfc00), 0x7fff);
        assert_eq!(both(0x3c00_4000, 0x3c00_3c00, |a, b| style.add(a, b)), 0x4000_4200);
    }
}
