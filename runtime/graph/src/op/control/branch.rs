//! Choice between two computations.
//!
//! | | |
//! |---|---|
//! | inputs | `predicate: bool` scalar, then what both regions take |
//! | regions | `then`, `else`: of the same types |
//! | outputs | those of the region that was taken |
//! | gradient | a choice between the gradients of the regions |
//! | ONNX / PyTorch | `If` / `torch.cond` |

use super::while_loop::check_region;
use super::while_loop::holds;
use crate::error::{GraphError, OpError};
use crate::gradient::{Backward, differentiate, zeros};
use crate::graph::NodeId;
use crate::op::{Infer, Operator, Types};
use crate::reference::{Array, Evaluate, interpret_region};
use crate::{DType, Graph, TensorType};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Choice between two computations; only one runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct If;

impl Operator for If {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let ([then, otherwise], Some((predicate, inputs))) = (cx.regions, cx.inputs.split_first()) else {
            return Err(OpError::Attribute("needs 2 regions and a predicate".into()));
        };
        if **predicate != TensorType::new(DType::Bool, crate::Shape::scalar()) {
            return Err(OpError::DType {
                what: "the predicate".into(),
                expected: "a bool scalar".into(),
                given: predicate.dtype,
            });
        }
        let results: Vec<&TensorType> = then.outputs.iter().map(|o| then.ty(o.node)).collect();
        check_region("then", then, inputs, &results)?;
        check_region("else", otherwise, inputs, &results)?;
        Ok(results.into_iter().cloned().collect())
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let ([then, otherwise], Some((predicate, inputs))) = (cx.regions, cx.inputs.split_first()) else {
            return Err(OpError::Attribute("needs 2 regions and a predicate".into()));
        };
        let inputs: Vec<Array> = inputs.iter().map(|&x| x.clone()).collect();
        let taken = if holds(std::slice::from_ref(*predicate))? { then } else { otherwise };
        interpret_region(taken, &inputs, cx.bindings)
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let node = cx.graph.node(cx.node).clone();
        let wanted: Vec<usize> = (1..node.inputs.len()).filter(|&i| cx.needs[i]).collect();
        // Both regions take what the forward ones take, then the gradients that are known.
        let seeds: Vec<(usize, NodeId)> =
            cx.gradients.iter().enumerate().filter_map(|(i, d)| Some((i, (*d)?))).collect();
        let mut regions = Vec::new();
        for region in &node.regions {
            regions.push(Arc::new(backward_region(region, &seeds, &wanted, cx.graph)?));
        }
        let inputs: Vec<NodeId> = node.inputs.iter().copied().chain(seeds.iter().map(|s| s.1)).collect();
        let branch = cx.graph.apply_regions(If.into(), &inputs, regions)?;
        let mut gradients = vec![None; node.inputs.len()];
        for (result, &input) in wanted.iter().enumerate() {
            gradients[input] = Some(cx.graph.project(branch, result)?);
        }
        Ok(gradients)
    }
}

/// A region that computes the gradients of the operands `wanted` (numbered with the predicate) from the operands and `seeds`, which are
/// pairs of a result's number and its gradient in `outer`.
fn backward_region(
    region: &Graph,
    seeds: &[(usize, NodeId)],
    wanted: &[usize],
    outer: &Graph,
) -> Result<Graph, GraphError> {
    let mut graph = region.clone();
    let results: Vec<NodeId> = graph.outputs.drain(..).map(|output| output.node).collect();
    let mut pairs = Vec::new();
    for &(result, gradient) in seeds {
        let ty = outer.ty(gradient).clone();
        let name = free_name(&graph, result);
        pairs.push((results[result], graph.input(&name, ty.dtype, ty.shape)?));
    }
    let wrt: Vec<NodeId> = wanted.iter().map(|&i| graph.inputs()[i - 1]).collect();
    let gradients = differentiate(&mut graph, &pairs, &wrt)?;
    for (position, (gradient, of)) in gradients.into_iter().zip(wrt).enumerate() {
        let gradient = match gradient {
            Some(gradient) => gradient,
            None => {
                let ty = graph.ty(of).clone();
                zeros(&mut graph, &ty)?
            }
        };
        graph.output(format!("gradient{position}"), gradient);
    }
    Ok(graph)
}

/// A name for the gradient of a result that no leaf of the region has.
fn free_name(region: &Graph, result: usize) -> String {
    let mut name = format!("gradient_of_{result}");
    while region.leaf(&name).is_some() {
        name.push('_');
    }
    name
}
