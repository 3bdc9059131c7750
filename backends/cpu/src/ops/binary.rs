//! Functions of two operands of one type.

use super::{Loop2, map2};
use hadal_graph::DType;
use hadal_graph::program::BinaryOp;

macro_rules! integer {
    ($op:expr, $t:ty, $power:expr) => {
        Some(match $op {
            BinaryOp::Add => map2!($t => $t, |a, b| a.wrapping_add(b)),
            BinaryOp::Sub => map2!($t => $t, |a, b| a.wrapping_sub(b)),
            BinaryOp::Mul => map2!($t => $t, |a, b| a.wrapping_mul(b)),
            BinaryOp::Div => map2!($t => $t, |a, b| if b == 0 { a } else { a.wrapping_div(b) }),
            BinaryOp::Rem => map2!($t => $t, |a, b| if b == 0 { 0 } else { a.wrapping_rem(b) }),
            BinaryOp::Pow => map2!($t => $t, |a, b| $power(a as i128, b as i128) as $t),
            BinaryOp::Max => map2!($t => $t, |a, b| a.max(b)),
            BinaryOp::Min => map2!($t => $t, |a, b| a.min(b)),
            BinaryOp::And => map2!($t => $t, |a, b| a & b),
            BinaryOp::Or => map2!($t => $t, |a, b| a | b),
            BinaryOp::Xor => map2!($t => $t, |a, b| a ^ b),
            BinaryOp::Shl => map2!($t => $t, |a, b| a.wrapping_shl(b as u32)),
            BinaryOp::Shr => map2!($t => $t, |a, b| a.wrapping_shr(b as u32)),
            BinaryOp::Atan2 => return None,
        })
    };
}

macro_rules! float {
    ($op:expr, $t:ty) => {
        Some(match $op {
            BinaryOp::Add => map2!($t => $t, |a, b| a + b),
            BinaryOp::Sub => map2!($t => $t, |a, b| a - b),
            BinaryOp::Mul => map2!($t => $t, |a, b| a * b),
            BinaryOp::Div => map2!($t => $t, |a, b| a / b),
            BinaryOp::Rem => map2!($t => $t, |a, b| a % b),
            BinaryOp::Pow => map2!($t => $t, |a, b| if b == 2.0 { a * a } else { a.powf(b) }),
            // A comparison with NaN is false, so a NaN in `b` is taken by the other arm.
            BinaryOp::Max => map2!($t => $t, |a, b| if a > b || a.is_nan() { a } else { b }),
            BinaryOp::Min => map2!($t => $t, |a, b| if a < b || a.is_nan() { a } else { b }),
            BinaryOp::Atan2 => map2!($t => $t, |a, b| a.atan2(b)),
            BinaryOp::And | BinaryOp::Or | BinaryOp::Xor | BinaryOp::Shl | BinaryOp::Shr => return None,
        })
    };
}

/// The loop for `op` on `dtype`; `None` where the op is not defined on it.
pub(crate) fn binary(op: BinaryOp, dtype: DType) -> Option<Loop2> {
    match dtype {
        DType::F16 | DType::BF16 | DType::F32 => float!(op, f32),
        DType::F64 => float!(op, f64),
        DType::I8 => integer!(op, i8, power),
        DType::I16 => integer!(op, i16, power),
        DType::I32 => integer!(op, i32, power),
        DType::I64 => integer!(op, i64, power),
        DType::U8 => integer!(op, u8, power),
        DType::U16 => integer!(op, u16, power),
        DType::U32 => integer!(op, u32, power),
        DType::U64 => integer!(op, u64, power),
        DType::Bool => Some(match op {
            BinaryOp::And | BinaryOp::Mul | BinaryOp::Min => map2!(u8 => u8, |a, b| a & b),
            BinaryOp::Or | BinaryOp::Add | BinaryOp::Max => map2!(u8 => u8, |a, b| a | b),
            BinaryOp::Xor => map2!(u8 => u8, |a, b| a ^ b),
            _ => return None,
        }),
    }
}

/// `base^exponent` modulo 2^128, of which callers keep the low bits; a negative exponent gives 0 unless `base` is 1 or -1.
fn power(base: i128, exponent: i128) -> i128 {
    match (base, exponent) {
        (1, _) => 1,
        (-1, e) => 1 - 2 * (e & 1),
        (_, e) if e < 0 => 0,
        (base, e) => {
            let (mut square, mut rest, mut result) = (base, e, 1i128);
            while rest > 0 {
                if rest & 1 == 1 {
                    result = result.wrapping_mul(square);
                }
                square = square.wrapping_mul(square);
                rest >>= 1;
            }
            result
        }
    }
}
