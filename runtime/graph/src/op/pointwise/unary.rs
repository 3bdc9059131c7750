//! Elementwise functions of one tensor.

use crate::DType;
use crate::error::OpError;
use crate::op::{Infer, Operator, Types, one};
use crate::program::UnaryOp;
use crate::reference::{Array, Evaluate, Values};
use serde::{Deserialize, Serialize};

/// An elementwise function of one tensor; see [`UnaryOp`] for each.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Unary {
    /// The function.
    pub op: UnaryOp,
}

impl Operator for Unary {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x] = cx.expect::<1>()?;
        use UnaryOp::*;
        let (accepted, expected) = match self.op {
            Neg | Abs | Sign => (x.dtype != DType::Bool, "a float or an integer"),
            Not => (!x.dtype.is_float(), "an integer or bool"),
            _ => (x.dtype.is_float(), "a float"),
        };
        if !accepted {
            return Err(OpError::DType {
                what: "the operand".into(),
                expected: expected.into(),
                given: x.dtype,
            });
        }
        let dtype = if matches!(self.op, IsNan | IsInf) { DType::Bool } else { x.dtype };
        one(x.with_dtype(dtype))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x] = cx.expect::<1>()?;
        let values = match (&x.values, self.op) {
            (Values::Float(v), UnaryOp::IsNan) => Values::Int(v.iter().map(|x| x.is_nan() as i128).collect()),
            (Values::Float(v), UnaryOp::IsInf) => {
                Values::Int(v.iter().map(|x| x.is_infinite() as i128).collect())
            }
            (Values::Float(v), op) => Values::Float(v.iter().map(|&x| float_unary(op, x)).collect()),
            (Values::Int(v), op) => Values::Int(v.iter().map(|&i| int_unary(op, i, x.dtype)).collect()),
        };
        Ok(vec![Array { dtype: cx.dtype(), shape: x.shape.clone(), values }])
    }
}

/// A function of a float; NaN for those that take no floats.
fn float_unary(op: UnaryOp, x: f64) -> f64 {
    match op {
        UnaryOp::Neg => -x,
        UnaryOp::Abs => x.abs(),
        UnaryOp::Sign if x.is_nan() => x,
        UnaryOp::Sign => (x > 0.0) as i8 as f64 - (x < 0.0) as i8 as f64,
        UnaryOp::Floor => x.floor(),
        UnaryOp::Ceil => x.ceil(),
        UnaryOp::Round => x.round_ties_even(),
        UnaryOp::Trunc => x.trunc(),
        UnaryOp::Exp => libm::exp(x),
        UnaryOp::Expm1 => libm::expm1(x),
        UnaryOp::Log => libm::log(x),
        UnaryOp::Log1p => libm::log1p(x),
        UnaryOp::Sqrt => x.sqrt(),
        UnaryOp::Rsqrt => 1.0 / x.sqrt(),
        UnaryOp::Reciprocal => 1.0 / x,
        UnaryOp::Sin => libm::sin(x),
        UnaryOp::Cos => libm::cos(x),
        UnaryOp::Tan => libm::tan(x),
        UnaryOp::Asin => libm::asin(x),
        UnaryOp::Acos => libm::acos(x),
        UnaryOp::Atan => libm::atan(x),
        UnaryOp::Sinh => libm::sinh(x),
        UnaryOp::Cosh => libm::cosh(x),
        UnaryOp::Tanh => libm::tanh(x),
        UnaryOp::Asinh => libm::asinh(x),
        UnaryOp::Acosh => libm::acosh(x),
        UnaryOp::Atanh => libm::atanh(x),
        UnaryOp::Erf => libm::erf(x),
        UnaryOp::Not | UnaryOp::IsNan | UnaryOp::IsInf => f64::NAN,
    }
}

/// A function of an integer or boolean, before it is wrapped; the operand itself for those that take only floats.
fn int_unary(op: UnaryOp, x: i128, dtype: DType) -> i128 {
    match op {
        UnaryOp::Neg => -x,
        UnaryOp::Abs => x.abs(),
        UnaryOp::Sign => x.signum(),
        UnaryOp::Not if dtype == DType::Bool => 1 - x,
        UnaryOp::Not => !x,
        _ => x,
    }
}
