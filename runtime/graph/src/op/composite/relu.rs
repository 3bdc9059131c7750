//! The rectified linear unit.
//!
//! | | |
//! |---|---|
//! | inputs | `x`, any float or integer dtype |
//! | output | like `x`: `max(x, 0)`; NaN stays NaN |
//! | gradient | 0 at 0 |
//! | ONNX / PyTorch | `Relu` / `torch.relu` |

use crate::error::{GraphError, OpError};
use crate::gradient::{Backward, zeros};
use crate::graph::{Graph, NodeId};
use crate::op::{Infer, Operator, Types, one};
use crate::program::CompareOp;
use crate::reference::{Array, Evaluate, Values};
use crate::{DType, Scalar};
use serde::{Deserialize, Serialize};

/// The rectified linear unit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Relu;

impl Operator for Relu {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x] = cx.expect::<1>()?;
        if x.dtype == DType::Bool {
            let expected = "a float or an integer".into();
            return Err(OpError::DType { what: "the operand".into(), expected, given: x.dtype });
        }
        one((*x).clone())
    }

    fn decompose(&self, graph: &mut Graph, inputs: &[NodeId]) -> Result<Option<Vec<NodeId>>, GraphError> {
        let dtype = graph.dtype(inputs[0]);
        let zero = graph.constant_scalar(Scalar::zero(dtype), dtype)?;
        Ok(Some(vec![graph.maximum(inputs[0], zero)?]))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x] = cx.expect::<1>()?;
        let values = match &x.values {
            Values::Float(v) => {
                Values::Float(v.iter().map(|&x| if x > 0.0 || x.is_nan() { x } else { 0.0 }).collect())
            }
            Values::Int(v) => Values::Int(v.iter().map(|&x| x.max(0)).collect()),
        };
        Ok(vec![Array { values, ..x.clone() }])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let (x, ty, d) = (cx.input(0), cx.input_type(0), cx.gradient()?);
        let none = zeros(cx.graph, &ty)?;
        let positive = cx.graph.compare(CompareOp::Gt, x, none)?;
        Ok(vec![Some(cx.graph.select(positive, d, none)?)])
    }
}
