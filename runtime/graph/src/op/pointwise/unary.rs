//! Elementwise functions of one tensor.

use crate::DType;
use crate::error::OpError;
use crate::op::{Infer, Operator, Types, one};
use crate::program::UnaryOp;
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
}
