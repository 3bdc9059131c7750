//! Elementwise functions of two tensors.

use crate::error::OpError;
use crate::op::{Infer, Operator, Types, one};
use crate::program::BinaryOp;
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
