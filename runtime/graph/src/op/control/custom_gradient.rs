//! A computation that says itself what its gradient is.
//!
//! | | |
//! |---|---|
//! | inputs | what the forward region takes |
//! | regions | `forward`; `backward`: from the results, the gradients of the results and the inputs to the gradients of the inputs in `wrt` |
//! | outputs | those of the forward region |
//! | gradient | what the backward region computes; none for inputs that are not in `wrt` |
//! | ONNX / PyTorch | — / `torch.autograd.Function` |
//!
//! Forward it is its region, in whose place it stands from the first pass on. The backward region is differentiated like everything else where a
//! gradient of the gradient is asked for.

use super::while_loop::check_region;
use crate::error::{GraphError, OpError};
use crate::gradient::{Backward, zeros};
use crate::graph::NodeId;
use crate::op::{Infer, Operator, Types};
use crate::pass::inline;
use crate::reference::{Array, Evaluate, interpret_region};
use crate::{Graph, TensorType};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A computation that says itself what its gradient is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CustomGradient {
    /// The inputs that get gradients, increasing: one for each output of the backward region.
    pub wrt: Vec<usize>,
}

impl Operator for CustomGradient {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [forward, backward] = both(cx.regions)?;
        let results: Vec<&TensorType> = forward.outputs.iter().map(|o| forward.ty(o.node)).collect();
        if results.is_empty() {
            return Err(OpError::Attribute("the forward region returns nothing".into()));
        }
        let in_order = self.wrt.windows(2).all(|w| w[0] < w[1]);
        if !in_order || self.wrt.last().is_some_and(|&last| last >= cx.inputs.len()) {
            return Err(OpError::Attribute(format!(
                "the inputs {:?} that get gradients must be increasing and among the {} inputs",
                self.wrt,
                cx.inputs.len()
            )));
        }
        if let Some(&whole) = self.wrt.iter().find(|&&i| !cx.inputs[i].dtype.is_float()) {
            return Err(OpError::DType {
                what: format!("input {whole}, which gets a gradient,"),
                expected: "a float".into(),
                given: cx.inputs[whole].dtype,
            });
        }
        check_region("forward", forward, cx.inputs, &results)?;
        let given: Vec<&TensorType> = results.iter().chain(&results).chain(cx.inputs).copied().collect();
        let gradients: Vec<&TensorType> = self.wrt.iter().map(|&i| cx.inputs[i]).collect();
        check_region("backward", backward, &given, &gradients)?;
        Ok(results.into_iter().cloned().collect())
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let inputs: Vec<Array> = cx.inputs.iter().map(|&x| x.clone()).collect();
        interpret_region(both(cx.regions)?[0], &inputs, cx.bindings)
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let node = cx.graph.node(cx.node).clone();
        let mut given = Vec::with_capacity(2 * node.types.len() + node.inputs.len());
        for index in 0..node.types.len() {
            given.push(cx.graph.project(cx.node, index)?);
        }
        for (gradient, ty) in cx.gradients.iter().zip(&node.types) {
            given.push(match gradient {
                Some(gradient) => *gradient,
                None => zeros(cx.graph, ty)?,
            });
        }
        given.extend_from_slice(&node.inputs);
        let results = inline(cx.graph, &node.regions[1], &given);
        let mut gradients = vec![None; node.inputs.len()];
        for (&input, result) in self.wrt.iter().zip(results) {
            gradients[input] = Some(result);
        }
        Ok(gradients)
    }
}

/// The two regions. Errors: `Attribute`.
fn both(regions: &[Arc<Graph>]) -> Result<[&Graph; 2], OpError> {
    match regions {
        [forward, backward] => Ok([forward, backward]),
        _ => Err(OpError::Attribute(format!("needs 2 regions, but has {}", regions.len()))),
    }
}
