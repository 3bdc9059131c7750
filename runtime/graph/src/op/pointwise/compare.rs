//! Elementwise comparison.

use super::binary::check_same_type;
use crate::DType;
use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::NodeId;
use crate::op::{Infer, Operator, Types, one};
use crate::program::CompareOp;
use crate::reference::{Array, Evaluate, Values};
use serde::{Deserialize, Serialize};

/// An elementwise comparison of two tensors of one type; the result is `Bool`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Compare {
    /// The comparison.
    pub op: CompareOp,
}

impl Operator for Compare {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [a, b] = cx.expect::<2>()?;
        check_same_type(a, b)?;
        one(a.with_dtype(DType::Bool))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [a, b] = cx.expect::<2>()?;
        let values = match (&a.values, &b.values) {
            (Values::Float(a), Values::Float(b)) => {
                a.iter().zip(b).map(|(a, b)| holds(self.op, a, b) as i128).collect()
            }
            (Values::Int(a), Values::Int(b)) => {
                a.iter().zip(b).map(|(a, b)| holds(self.op, a, b) as i128).collect()
            }
            _ => return Err(OpError::Value("the operands differ in kind".into())),
        };
        Ok(vec![Array::ints(DType::Bool, a.shape.clone(), values)])
    }

    fn gradient(&self, _cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        Ok(vec![None, None])
    }
}

fn holds<T: PartialOrd>(op: CompareOp, a: &T, b: &T) -> bool {
    match op {
        CompareOp::Eq => a == b,
        CompareOp::Ne => a != b,
        CompareOp::Lt => a < b,
        CompareOp::Le => a <= b,
        CompareOp::Gt => a > b,
        CompareOp::Ge => a >= b,
    }
}
