//! A tensor as it is, but computed with anew, and not before something else is there.
//!
//! | | |
//! |---|---|
//! | inputs | `x`, any type; then, optionally, what must have been computed before any user of the result starts |
//! | output | `x`: the same memory |
//! | gradient | to `x` |
//! | ONNX / PyTorch | — / what separates the two passes of `torch.utils.checkpoint` |
//!
//! What is computed from a barrier is never merged with what is computed from `x`, and never fused into the steps that made `x`. So a
//! value can be dropped after its first use and be computed again later, at the price of time.

use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::NodeId;
use crate::op::{Infer, Operator, Types, one};
use crate::reference::{Array, Evaluate};
use serde::{Deserialize, Serialize};

/// `x` as it is, but computed with anew, and not before the further operands are there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Barrier;

impl Operator for Barrier {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        match cx.inputs.first() {
            Some(x) => one((*x).clone()),
            None => Err(OpError::Arity { expected: "at least 1".into(), given: 0 }),
        }
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let none = || OpError::Arity { expected: "at least 1".into(), given: 0 };
        Ok(vec![(*cx.inputs.first().ok_or_else(none)?).clone()])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let mut gradients = vec![None; cx.needs.len()];
        gradients[0] = Some(cx.gradient()?);
        Ok(gradients)
    }
}
