//! One element, as an attribute of an op or an instruction.

use crate::DType;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::hash::{Hash, Hasher};

/// A constant of any dtype. Two scalars are equal when their bits are, so NaN equals itself and `0.0` differs from `-0.0`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Scalar {
    /// A boolean.
    Bool(bool),
    /// Any integer dtype; the value lies in the dtype's range.
    Int(i128),
    /// Any float dtype; the value is representable in the dtype.
    Float(#[serde(with = "float_bits")] f64),
}

impl Scalar {
    /// The value `value` as an element of `dtype`: rounded for floats, truncated and wrapped for integers.
    pub fn new(value: f64, dtype: DType) -> Scalar {
        match dtype {
            DType::Bool => Scalar::Bool(value != 0.0),
            d if d.is_float() => Scalar::Float(d.round(value)),
            d => Scalar::Int(d.wrap(value as i128)),
        }
    }

    /// Zero of `dtype`.
    pub fn zero(dtype: DType) -> Scalar {
        Scalar::new(0.0, dtype)
    }

    /// One of `dtype`.
    pub fn one(dtype: DType) -> Scalar {
        Scalar::new(1.0, dtype)
    }

    /// The least value of `dtype`: negative infinity for floats. The identity of `max`.
    pub fn lowest(dtype: DType) -> Scalar {
        match dtype.int_range() {
            None => Scalar::Float(f64::NEG_INFINITY),
            Some(_) if dtype == DType::Bool => Scalar::Bool(false),
            Some((low, _)) => Scalar::Int(low),
        }
    }

    /// The greatest value of `dtype`: infinity for floats. The identity of `min`.
    pub fn highest(dtype: DType) -> Scalar {
        match dtype.int_range() {
            None => Scalar::Float(f64::INFINITY),
            Some(_) if dtype == DType::Bool => Scalar::Bool(true),
            Some((_, high)) => Scalar::Int(high),
        }
    }

    /// The value as `f64` (64-bit integers may round).
    pub fn to_f64(self) -> f64 {
        match self {
            Scalar::Bool(b) => b as u8 as f64,
            Scalar::Int(i) => i as f64,
            Scalar::Float(f) => f,
        }
    }

    /// The value as an exact integer; floats truncate and saturate.
    pub fn to_i128(self) -> i128 {
        match self {
            Scalar::Bool(b) => b as i128,
            Scalar::Int(i) => i,
            Scalar::Float(f) => f as i128,
        }
    }

    fn key(self) -> (u8, i128) {
        match self {
            Scalar::Bool(b) => (0, b as i128),
            Scalar::Int(i) => (1, i),
            Scalar::Float(f) => (2, f.to_bits() as i128),
        }
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}
impl Eq for Scalar {}
impl Hash for Scalar {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scalar::Bool(b) => write!(f, "{b}"),
            Scalar::Int(i) => write!(f, "{i}"),
            Scalar::Float(x) => write!(f, "{x:?}"),
        }
    }
}

/// Floats travel as their bits, so that NaN and infinity survive JSON.
mod float_bits {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(value.to_bits())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Ok(f64::from_bits(u64::deserialize(deserializer)?))
    }
}
