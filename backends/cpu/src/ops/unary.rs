//! Functions of one operand.

use super::{Loop1, map1};
use crate::math;
use hadal_graph::DType;
use hadal_graph::program::UnaryOp;

macro_rules! signed {
    ($op:expr, $t:ty) => {
        match $op {
            UnaryOp::Neg => Some(map1!($t => $t, |x| x.wrapping_neg())),
            UnaryOp::Abs => Some(map1!($t => $t, |x| x.wrapping_abs())),
            UnaryOp::Sign => Some(map1!($t => $t, |x| x.signum())),
            UnaryOp::Not => Some(map1!($t => $t, |x| !x)),
            _ => None,
        }
    };
}
macro_rules! unsigned {
    ($op:expr, $t:ty) => {
        match $op {
            UnaryOp::Neg => Some(map1!($t => $t, |x| x.wrapping_neg())),
            UnaryOp::Abs => Some(map1!($t => $t, |x| x)),
            UnaryOp::Sign => Some(map1!($t => $t, |x| (x > 0) as $t)),
            UnaryOp::Not => Some(map1!($t => $t, |x| !x)),
            _ => None,
        }
    };
}
/// The loop for `op` on `dtype`; `None` where the op is not defined on it.
pub(crate) fn unary(op: UnaryOp, dtype: DType) -> Option<Loop1> {
    match dtype {
        DType::F16 | DType::BF16 | DType::F32 => unary_f32(op),
        DType::F64 => unary_f64(op),
        DType::Bool => match op {
            UnaryOp::Not => Some(map1!(u8 => u8, |x| x ^ 1)),
            _ => None,
        },
        DType::I8 => signed!(op, i8),
        DType::I16 => signed!(op, i16),
        DType::I32 => signed!(op, i32),
        DType::I64 => signed!(op, i64),
        DType::U8 => unsigned!(op, u8),
        DType::U16 => unsigned!(op, u16),
        DType::U32 => unsigned!(op, u32),
        DType::U64 => unsigned!(op, u64),
    }
}

fn unary_f32(op: UnaryOp) -> Option<Loop1> {
    Some(match op {
        UnaryOp::Neg => map1!(f32 => f32, |x| -x),
        UnaryOp::Abs => map1!(f32 => f32, |x| x.abs()),
        UnaryOp::Sign => map1!(f32 => f32, |x| if x > 0.0 { 1.0 } else if x < 0.0 { -1.0 } else { x }),
        UnaryOp::Floor => map1!(f32 => f32, |x| x.floor()),
        UnaryOp::Ceil => map1!(f32 => f32, |x| x.ceil()),
        UnaryOp::Round => map1!(f32 => f32, |x| x.round_ties_even()),
        UnaryOp::Trunc => map1!(f32 => f32, |x| x.trunc()),
        UnaryOp::Exp => map1!(f32 => f32, |x| math::exp(x)),
        UnaryOp::Expm1 => map1!(f32 => f32, |x| math::expm1(x)),
        UnaryOp::Log => map1!(f32 => f32, |x| math::log(x)),
        UnaryOp::Log1p => map1!(f32 => f32, |x| math::log1p(x)),
        UnaryOp::Sqrt => map1!(f32 => f32, |x| x.sqrt()),
        UnaryOp::Rsqrt => map1!(f32 => f32, |x| 1.0 / x.sqrt()),
        UnaryOp::Reciprocal => map1!(f32 => f32, |x| 1.0 / x),
        UnaryOp::Sin => map1!(f32 => f32, |x| x.sin()),
        UnaryOp::Cos => map1!(f32 => f32, |x| x.cos()),
        UnaryOp::Tan => map1!(f32 => f32, |x| x.tan()),
        UnaryOp::Asin => map1!(f32 => f32, |x| x.asin()),
        UnaryOp::Acos => map1!(f32 => f32, |x| x.acos()),
        UnaryOp::Atan => map1!(f32 => f32, |x| x.atan()),
        UnaryOp::Sinh => map1!(f32 => f32, |x| math::sinh(x)),
        UnaryOp::Cosh => map1!(f32 => f32, |x| math::cosh(x)),
        UnaryOp::Tanh => map1!(f32 => f32, |x| math::tanh(x)),
        // The standard library's inverse hyperbolic functions lose digits in f32; in f64 they keep enough.
        UnaryOp::Asinh => map1!(f32 => f32, |x| f64::asinh(x as f64) as f32),
        UnaryOp::Acosh => map1!(f32 => f32, |x| f64::acosh(x as f64) as f32),
        UnaryOp::Atanh => map1!(f32 => f32, |x| f64::atanh(x as f64) as f32),
        UnaryOp::Erf => map1!(f32 => f32, |x| math::erf(x)),
        UnaryOp::IsNan => map1!(f32 => u8, |x| ((x.to_bits() & 0x7fff_ffff) > 0x7f80_0000) as u8),
        UnaryOp::IsInf => map1!(f32 => u8, |x| ((x.to_bits() & 0x7fff_ffff) == 0x7f80_0000) as u8),
        UnaryOp::Not => return None,
    })
}

fn unary_f64(op: UnaryOp) -> Option<Loop1> {
    Some(match op {
        UnaryOp::Neg => map1!(f64 => f64, |x| -x),
        UnaryOp::Abs => map1!(f64 => f64, |x| x.abs()),
        UnaryOp::Sign => map1!(f64 => f64, |x| if x > 0.0 { 1.0 } else if x < 0.0 { -1.0 } else { x }),
        UnaryOp::Floor => map1!(f64 => f64, |x| x.floor()),
        UnaryOp::Ceil => map1!(f64 => f64, |x| x.ceil()),
        UnaryOp::Round => map1!(f64 => f64, |x| x.round_ties_even()),
        UnaryOp::Trunc => map1!(f64 => f64, |x| x.trunc()),
        UnaryOp::Exp => map1!(f64 => f64, |x| x.exp()),
        UnaryOp::Expm1 => map1!(f64 => f64, |x| x.exp_m1()),
        UnaryOp::Log => map1!(f64 => f64, |x| x.ln()),
        UnaryOp::Log1p => map1!(f64 => f64, |x| x.ln_1p()),
        UnaryOp::Sqrt => map1!(f64 => f64, |x| x.sqrt()),
        UnaryOp::Rsqrt => map1!(f64 => f64, |x| 1.0 / x.sqrt()),
        UnaryOp::Reciprocal => map1!(f64 => f64, |x| 1.0 / x),
        UnaryOp::Sin => map1!(f64 => f64, |x| x.sin()),
        UnaryOp::Cos => map1!(f64 => f64, |x| x.cos()),
        UnaryOp::Tan => map1!(f64 => f64, |x| x.tan()),
        UnaryOp::Asin => map1!(f64 => f64, |x| x.asin()),
        UnaryOp::Acos => map1!(f64 => f64, |x| x.acos()),
        UnaryOp::Atan => map1!(f64 => f64, |x| x.atan()),
        UnaryOp::Sinh => map1!(f64 => f64, |x| x.sinh()),
        UnaryOp::Cosh => map1!(f64 => f64, |x| x.cosh()),
        UnaryOp::Tanh => map1!(f64 => f64, |x| x.tanh()),
        UnaryOp::Asinh => map1!(f64 => f64, |x| libm::asinh(x)),
        UnaryOp::Acosh => map1!(f64 => f64, |x| libm::acosh(x)),
        UnaryOp::Atanh => map1!(f64 => f64, |x| libm::atanh(x)),
        UnaryOp::Erf => map1!(f64 => f64, |x| libm::erf(x)),
        UnaryOp::IsNan => map1!(f64 => u8, |x| ((x.to_bits() << 1) > 0xffe0_0000_0000_0000) as u8),
        UnaryOp::IsInf => map1!(f64 => u8, |x| ((x.to_bits() << 1) == 0xffe0_0000_0000_0000) as u8),
        UnaryOp::Not => return None,
    })
}
