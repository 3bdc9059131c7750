//! A computation that the backward pass does once more instead of keeping what it computed.
//!
//! | | |
//! |---|---|
//! | inputs | what the region takes |
//! | regions | `inside` |
//! | outputs | those of the region |
//! | gradient | that of the region, computed anew behind [`Barrier`]s that wait for the gradient of a result |
//! | ONNX / PyTorch | — / `torch.utils.checkpoint.checkpoint` |
//! | paper | Chen et al., "Training deep nets with sublinear memory cost", 2016 |
//!
//! Forward it is its region, in whose place it stands from the first pass on.

use super::Barrier;
use super::while_loop::check_region;
use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::NodeId;
use crate::op::{Infer, Operator, Types};
use crate::reference::{Array, Evaluate, interpret_region};
use crate::{Graph, TensorType};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A computation that the backward pass does once more instead of keeping what it computed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Checkpoint;

impl Operator for Checkpoint {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let inside = only(cx.regions)?;
        let results: Vec<&TensorType> = inside.outputs.iter().map(|o| inside.ty(o.node)).collect();
        if results.is_empty() {
            return Err(OpError::Attribute("the region returns nothing".into()));
        }
        check_region("inside", inside, cx.inputs, &results)?;
        Ok(results.into_iter().cloned().collect())
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let inputs: Vec<Array> = cx.inputs.iter().map(|&x| x.clone()).collect();
        interpret_region(only(cx.regions)?, &inputs, cx.bindings)
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let node = cx.graph.node(cx.node).clone();
        let known: Vec<NodeId> = cx.gradients.iter().flatten().copied().collect();
        let mut again = Vec::with_capacity(node.inputs.len());
        for &input in &node.inputs {
            let operands: Vec<NodeId> = [input].into_iter().chain(known.iter().copied()).collect();
            again.push(cx.graph.apply(Barrier, &operands)?);
        }
        cx.by_region(&node.regions[0], &again)
    }
}

/// The one region. Errors: `Attribute`.
fn only(regions: &[Arc<Graph>]) -> Result<&Graph, OpError> {
    match regions {
        [inside] => Ok(inside),
        _ => Err(OpError::Attribute(format!("needs 1 region, but has {}", regions.len()))),
    }
}
