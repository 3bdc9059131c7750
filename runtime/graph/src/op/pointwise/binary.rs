//! Elementwise functions of two tensors.

use crate::error::OpError;
use crate::op::{Infer, Operator, Types, one};
use crate::program::BinaryOp;
use crate::reference::{Array, Evaluate, Values};
use crate::{DType, TensorType};
use serde::{Deserialize, Serialize};

/// An elementwise function of two tensors of one type; see [`BinaryOp`] for each. [`Graph`](crate::Graph)'s builder methods broadcast first.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Binary {
    /// The function.
    pub op: BinaryOp,
}

impl Operator for Binary {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [a, b] = cx.expect::<2>()?;
        check_same_type(a, b)?;
        use BinaryOp::*;
        let (accepted, expected) = match self.op {
            Add | Sub | Mul | Div | Rem | Pow => (a.dtype != DType::Bool, "a float or an integer"),
            Max | Min => (true, ""),
            Atan2 => (a.dtype.is_float(), "a float"),
            And | Or | Xor => (!a.dtype.is_float(), "an integer or bool"),
            Shl | Shr => (a.dtype.is_int(), "an integer"),
        };
        if !accepted {
            return Err(OpError::DType {
                what: "both operands".into(),
                expected: expected.into(),
                given: a.dtype,
            });
        }
        one(a.clone())
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [a, b] = cx.expect::<2>()?;
        let values = match (&a.values, &b.values) {
            (Values::Float(a), Values::Float(b)) => {
                Values::Float(a.iter().zip(b).map(|(&a, &b)| float_binary(self.op, a, b)).collect())
            }
            (Values::Int(x), Values::Int(y)) => {
                Values::Int(x.iter().zip(y).map(|(&x, &y)| int_binary(self.op, x, y, a.dtype)).collect())
            }
            _ => return Err(OpError::Value("the operands differ in kind".into())),
        };
        Ok(vec![Array { dtype: a.dtype, shape: a.shape.clone(), values }])
    }
}

/// Checks that two operands have one dtype and one shape. Errors: `DType`, `Broadcast`.
pub(crate) fn check_same_type(a: &TensorType, b: &TensorType) -> Result<(), OpError> {
    if a.dtype != b.dtype {
        let expected = format!("{} like the first", a.dtype);
        return Err(OpError::DType { what: "the second operand".into(), expected, given: b.dtype });
    }
    if a.shape != b.shape {
        return Err(OpError::Broadcast { a: a.shape.clone(), b: b.shape.clone() });
    }
    Ok(())
}

/// A function of two floats; NaN for those that take no floats.
pub(crate) fn float_binary(op: BinaryOp, a: f64, b: f64) -> f64 {
    match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::Rem => a % b,
        BinaryOp::Pow => libm::pow(a, b),
        BinaryOp::Max | BinaryOp::Min if a.is_nan() || b.is_nan() => f64::NAN,
        BinaryOp::Max => a.max(b),
        BinaryOp::Min => a.min(b),
        BinaryOp::Atan2 => libm::atan2(a, b),
        BinaryOp::And | BinaryOp::Or | BinaryOp::Xor | BinaryOp::Shl | BinaryOp::Shr => f64::NAN,
    }
}

/// A function of two integers or booleans, before it is wrapped; 0 for those that take only floats.
fn int_binary(op: BinaryOp, a: i128, b: i128, dtype: DType) -> i128 {
    let shift = || b.rem_euclid(dtype.size() as i128 * 8) as u32;
    match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a.wrapping_mul(b),
        BinaryOp::Div if b == 0 => a,
        BinaryOp::Div => a / b,
        BinaryOp::Rem if b == 0 => 0,
        BinaryOp::Rem => a % b,
        BinaryOp::Pow => int_pow(a, b, dtype),
        BinaryOp::Max => a.max(b),
        BinaryOp::Min => a.min(b),
        BinaryOp::And => a & b,
        BinaryOp::Or => a | b,
        BinaryOp::Xor => a ^ b,
        BinaryOp::Shl => a.wrapping_shl(shift()),
        BinaryOp::Shr => a >> shift(),
        BinaryOp::Atan2 => 0,
    }
}

fn int_pow(base: i128, exponent: i128, dtype: DType) -> i128 {
    if exponent < 0 {
        return match base {
            1 => 1,
            -1 if exponent % 2 == 0 => 1,
            -1 => -1,
            _ => 0,
        };
    }
    let (mut result, mut square, mut rest) = (1i128, base, exponent);
    while rest > 0 {
        if rest & 1 == 1 {
            result = dtype.wrap(result.wrapping_mul(square));
        }
        square = dtype.wrap(square.wrapping_mul(square));
        rest >>= 1;
    }
    result
}
