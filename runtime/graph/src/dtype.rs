//! Element types.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The element type of a tensor: how one element is *stored*.
///
/// Storage and accumulation are separate: `F16` and `BF16` tensors are accumulated in `F32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DType {
    /// Boolean, one byte, 0 or 1.
    Bool,
    /// Signed 8-bit integer.
    I8,
    /// Signed 16-bit integer.
    I16,
    /// Signed 32-bit integer.
    I32,
    /// Signed 64-bit integer.
    I64,
    /// Unsigned 8-bit integer.
    U8,
    /// Unsigned 16-bit integer.
    U16,
    /// Unsigned 32-bit integer.
    U32,
    /// Unsigned 64-bit integer.
    U64,
    /// IEEE binary16.
    F16,
    /// bfloat16: the upper half of an `F32`.
    BF16,
    /// IEEE binary32.
    F32,
    /// IEEE binary64.
    F64,
}

impl DType {
    /// Every dtype, in declaration order.
    pub const ALL: [DType; 13] = [
        DType::Bool,
        DType::I8,
        DType::I16,
        DType::I32,
        DType::I64,
        DType::U8,
        DType::U16,
        DType::U32,
        DType::U64,
        DType::F16,
        DType::BF16,
        DType::F32,
        DType::F64,
    ];

    /// Bytes of one element in the canonical (host and file) layout.
    pub const fn size(self) -> usize {
        match self {
            DType::Bool | DType::I8 | DType::U8 => 1,
            DType::I16 | DType::U16 | DType::F16 | DType::BF16 => 2,
            DType::I32 | DType::U32 | DType::F32 => 4,
            DType::I64 | DType::U64 | DType::F64 => 8,
        }
    }

    /// Whether this is a floating-point type.
    pub const fn is_float(self) -> bool {
        matches!(self, DType::F16 | DType::BF16 | DType::F32 | DType::F64)
    }

    /// Whether this is an integer type (`Bool` is not).
    pub const fn is_int(self) -> bool {
        !self.is_float() && !matches!(self, DType::Bool)
    }

    /// Whether this is a signed integer type.
    pub const fn is_signed_int(self) -> bool {
        matches!(self, DType::I8 | DType::I16 | DType::I32 | DType::I64)
    }

    /// The type in which sums and products of this type are accumulated:
    /// `F32` for `F16` and `BF16`, otherwise itself.
    pub const fn accumulator(self) -> DType {
        match self {
            DType::F16 | DType::BF16 => DType::F32,
            other => other,
        }
    }

    /// Smallest and largest value of an integer type or `Bool`; `None` for floats.
    pub const fn int_range(self) -> Option<(i128, i128)> {
        Some(match self {
            DType::Bool => (0, 1),
            DType::I8 => (i8::MIN as i128, i8::MAX as i128),
            DType::I16 => (i16::MIN as i128, i16::MAX as i128),
            DType::I32 => (i32::MIN as i128, i32::MAX as i128),
            DType::I64 => (i64::MIN as i128, i64::MAX as i128),
            DType::U8 => (0, u8::MAX as i128),
            DType::U16 => (0, u16::MAX as i128),
            DType::U32 => (0, u32::MAX as i128),
            DType::U64 => (0, u64::MAX as i128),
            _ => return None,
        })
    }

    /// Wraps an exact integer into this integer type (two's complement). Floats are returned as given.
    pub const fn wrap(self, value: i128) -> i128 {
        match self {
            DType::Bool => (value != 0) as i128,
            DType::I8 => value as i8 as i128,
            DType::I16 => value as i16 as i128,
            DType::I32 => value as i32 as i128,
            DType::I64 => value as i64 as i128,
            DType::U8 => value as u8 as i128,
            DType::U16 => value as u16 as i128,
            DType::U32 => value as u32 as i128,
            DType::U64 => value as u64 as i128,
            _ => value,
        }
    }

    /// Rounds an `f64` to the nearest value of this float type (ties to even), returned as `f64`.
    /// Other types are returned as given.
    pub fn round(self, value: f64) -> f64 {
        match self {
            DType::F16 => half::f16::from_f32(round_to_odd(value)).to_f64(),
            DType::BF16 => half::bf16::from_f32(round_to_odd(value)).to_f64(),
            DType::F32 => value as f32 as f64,
            _ => value,
        }
    }

    /// Lower-case name as printed and stored: `f32`, `bf16`, `bool`, …
    pub const fn name(self) -> &'static str {
        match self {
            DType::Bool => "bool",
            DType::I8 => "i8",
            DType::I16 => "i16",
            DType::I32 => "i32",
            DType::I64 => "i64",
            DType::U8 => "u8",
            DType::U16 => "u16",
            DType::U32 => "u32",
            DType::U64 => "u64",
            DType::F16 => "f16",
            DType::BF16 => "bf16",
            DType::F32 => "f32",
            DType::F64 => "f64",
        }
    }
}

/// The `f32` that a narrower format rounds as it would round `value` itself. What does not fit is cut off towards zero, with the last bit
/// set to say so; rounding to the nearest `f32` first would round ties of the narrower format twice.
fn round_to_odd(value: f64) -> f32 {
    let nearest = value as f32;
    if value.is_nan() || nearest as f64 == value {
        return nearest;
    }
    let away = (nearest as f64).abs() > value.abs();
    f32::from_bits((nearest.to_bits() - away as u32) | 1)
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrow_floats_round_once() {
        let above_tie = |bits: i32| 1.0 + 2f64.powi(-bits) + 2f64.powi(-45);
        let below_tie = |bits: i32| 1.0 + 2f64.powi(-bits) - 2f64.powi(-45);
        for (dtype, bits) in [(DType::F16, 11), (DType::BF16, 8)] {
            assert_eq!(dtype.round(above_tie(bits)), 1.0 + 2f64.powi(1 - bits));
            assert_eq!(dtype.round(-above_tie(bits)), -1.0 - 2f64.powi(1 - bits));
            assert_eq!(dtype.round(below_tie(bits)), 1.0);
            assert_eq!(dtype.round(1.0 + 2f64.powi(-bits)), 1.0);
            assert_eq!(dtype.round(1e300), f64::INFINITY);
            assert_eq!(dtype.round(f64::NEG_INFINITY), f64::NEG_INFINITY);
            assert_eq!(dtype.round(1e-300), 0.0);
            assert!(dtype.round(f64::NAN).is_nan());
        }
        // The middle of two subnormals of f16, and a little more.
        assert_eq!(DType::F16.round(1.5 * 2f64.powi(-24)), 2f64.powi(-23));
        assert_eq!(DType::F16.round(0.5 * 2f64.powi(-24) * (1.0 + 2f64.powi(-40))), 2f64.powi(-24));
        assert_eq!(DType::F16.round(65520.0 - 2f64.powi(-30)), 65504.0);
    }
}
