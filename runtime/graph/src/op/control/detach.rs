//! A tensor as it is, through which no gradient flows.
//!
//! | | |
//! |---|---|
//! | inputs | `x`, any type |
//! | output | `x` |
//! | gradient | none |
//! | ONNX / PyTorch | — / `torch.Tensor.detach` |

use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::NodeId;
use crate::op::{Infer, Operator, Types, one};
use crate::reference::{Array, Evaluate};
use serde::{Deserialize, Serialize};

/// `x` as it is, through which no gradient flows.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Detach;

impl Operator for Detach {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x] = cx.expect::<1>()?;
        one((*x).clone())
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x] = cx.expect::<1>()?;
        Ok(vec![x.clone()])
    }

    fn gradient(&self, _cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        Ok(vec![None])
    }
}
