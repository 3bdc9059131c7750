//! WGSL types: what registers hold, what buffers hold, and literals.

use crate::Storage;
use hadal_graph::{DType, Scalar};

/// The WGSL type of a register. Small integers are kept wrapped, `F16` and `BF16` are computed in `f32`, 64-bit integers are two words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    F32,
    I32,
    U32,
    Bool,
    Wide,
}

impl Kind {
    /// `None` for `F64`, which WGSL cannot compute.
    pub(crate) fn of(dtype: DType) -> Option<Kind> {
        Some(match dtype {
            DType::F64 => return None,
            DType::F32 | DType::F16 | DType::BF16 => Kind::F32,
            DType::I8 | DType::I16 | DType::I32 => Kind::I32,
            DType::U8 | DType::U16 | DType::U32 => Kind::U32,
            DType::I64 | DType::U64 => Kind::Wide,
            DType::Bool => Kind::Bool,
        })
    }

    pub(crate) fn wgsl(self) -> &'static str {
        match self {
            Kind::F32 => "f32",
            Kind::I32 => "i32",
            Kind::U32 => "u32",
            Kind::Bool => "bool",
            Kind::Wide => "vec2<u32>",
        }
    }

    /// Zero, or false.
    pub(crate) fn zero(self) -> &'static str {
        match self {
            Kind::F32 => "0.0",
            Kind::I32 => "0i",
            Kind::U32 => "0u",
            Kind::Bool => "false",
            Kind::Wide => "vec2<u32>(0u, 0u)",
        }
    }

    /// Whether `vec4` of it exists and computes like four of it.
    pub(crate) fn has_vec4(self) -> bool {
        matches!(self, Kind::F32 | Kind::I32 | Kind::U32)
    }
}

/// The element type of a buffer.
pub(crate) fn element_type(storage: Storage) -> &'static str {
    match storage {
        Storage::F32 => "f32",
        Storage::F16 => "f16",
        Storage::I32 => "i32",
        Storage::U32 | Storage::Packed => "u32",
        Storage::Wide64 => "vec2<u32>",
    }
}

/// Bytes of an element type.
pub(crate) fn element_bytes(element: &str) -> usize {
    match element {
        "f16" => 2,
        "vec2<u32>" => 8,
        _ => 4,
    }
}

/// A constant as a WGSL expression of `Kind::of(dtype)`.
pub(crate) fn literal(value: Scalar, dtype: DType) -> String {
    match Kind::of(dtype) {
        Some(Kind::F32) | None => float_literal(value.to_f64() as f32),
        Some(Kind::Bool) => (value.to_i128() != 0).to_string(),
        Some(Kind::I32) => match value.to_i128() as i32 {
            i32::MIN => "(-2147483647i - 1i)".into(),
            v if v < 0 => format!("({v}i)"),
            v => format!("{v}i"),
        },
        Some(Kind::U32) => format!("{}u", value.to_i128() as u32),
        Some(Kind::Wide) => {
            let bits = value.to_i128() as u64;
            format!("vec2<u32>({}u, {}u)", bits as u32, (bits >> 32) as u32)
        }
    }
}

fn float_literal(value: f32) -> String {
    if value == 0.0 && value.is_sign_positive() {
        "0.0".into()
    } else if !value.is_normal() || value.abs() == f32::MAX {
        // The shortest digits of the largest number stand for one beyond it, which Chromium's compiler refuses.
        format!("float_from_bits({}u)", value.to_bits())
    } else if value < 0.0 {
        format!("({value:?}f)")
    } else {
        format!("{value:?}f")
    }
}

/// `value`, a register of `dtype`, as what a buffer with `storage` holds.
pub(crate) fn to_storage(value: &str, dtype: DType, storage: Storage) -> String {
    match (dtype, storage) {
        (DType::F16, Storage::F16) => format!("f16(round_f16({value}))"),
        (DType::F16, _) => format!("round_f16({value})"),
        (DType::BF16, _) => format!("round_bf16({value})"),
        (DType::Bool, _) => format!("select(0i, 1i, {value})"),
        _ => value.into(),
    }
}

/// An element `raw` of a buffer with `storage`, at `address`, as a register of `dtype`.
pub(crate) fn from_storage(raw: &str, dtype: DType, storage: Storage, address: &str) -> String {
    match (storage, dtype) {
        (Storage::Packed, DType::Bool) => format!("(unpack_u8({raw}, {address}) != 0u)"),
        (Storage::Packed, _) => format!("unpack_{}({raw}, {address})", dtype.name()),
        (_, DType::Bool) => format!("({raw} != 0i)"),
        (Storage::F16, _) => format!("f32({raw})"),
        _ => raw.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_number_is_not_written_in_digits() {
        assert_eq!(literal(Scalar::Float(-f64::from(f32::MAX)), DType::F32), "float_from_bits(4286578687u)");
        assert_eq!(literal(Scalar::Float(-1.5), DType::F32), "(-1.5f)");
    }
}
