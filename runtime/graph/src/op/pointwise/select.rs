//! Elementwise choice.
//!
//! | | |
//! |---|---|
//! | inputs | `condition: bool`, `a`, `b`: all of one shape |
//! | output | `a` where the condition holds, else `b` |
//! | ONNX / PyTorch | `Where` / `torch.where` |

use super::binary::check_same_type;
use crate::DType;
use crate::error::OpError;
use crate::op::{Infer, Operator, Types, one};
use serde::{Deserialize, Serialize};

/// `a` where the condition holds, else `b`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Select;

impl Operator for Select {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [condition, a, b] = cx.expect::<3>()?;
        check_same_type(a, b)?;
        if condition.dtype != DType::Bool {
            return Err(OpError::DType {
                what: "the condition".into(),
                expected: "bool".into(),
                given: condition.dtype,
            });
        }
        if condition.shape != a.shape {
            return Err(OpError::Broadcast { a: condition.shape.clone(), b: a.shape.clone() });
        }
        one(a.clone())
    }
}
