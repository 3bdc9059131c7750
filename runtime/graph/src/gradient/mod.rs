//! Reverse-mode differentiation as a pass.
//!
//! [`gradient`] takes a graph and returns it with more nodes: those that compute the derivative of a scalar. [`differentiate`] is the same
//! for many results with given gradients, in place. As a graph is append-only, the ids of forward nodes stay valid, and backward nodes
//! read forward results directly.
//!
//! The walk goes from the last node to the first. Every op's rule ([`Operator::gradient`]) turns gradients of its results into gradients of
//! its inputs, in terms of primitives and composites that have rules themselves; so a gradient can be differentiated again. What
//! several consumers contribute is added. Nodes that do not depend on what is differentiated for are not visited, and integers and
//! booleans carry no gradient.

mod backward;

pub use backward::Backward;
pub(crate) use backward::zeros;

use crate::error::{GraphError, OpError};
use crate::graph::{Graph, NodeId};
use crate::op::{Op, Operator};
use smallvec::{SmallVec, smallvec};

/// The graph with nodes that compute the gradient of `loss`, a float scalar, for each of `wrt` (zeros where `loss` does not depend on it).
/// Outputs and assigns are as they were.
///
/// Errors: `loss` is no float scalar; an op on the way has no gradient.
pub fn gradient(graph: &Graph, loss: NodeId, wrt: &[NodeId]) -> Result<(Graph, Vec<NodeId>), GraphError> {
    let mut graph = graph.clone();
    let ty = graph.ty(loss).clone();
    if ty.rank() != 0 || !ty.dtype.is_float() {
        let error =
            OpError::Attribute("only a float scalar has a gradient\n  hint: reduce it to one number".into());
        return Err(GraphError::new("gradient", vec![ty], None, error));
    }
    let one = graph.scalar(1.0, ty.dtype)?;
    let gradients = differentiate(&mut graph, &[(loss, one)], wrt)?;
    let mut results = Vec::with_capacity(wrt.len());
    for (gradient, &of) in gradients.into_iter().zip(wrt) {
        results.push(match gradient {
            Some(gradient) => gradient,
            None => {
                let ty = graph.ty(of).clone();
                zeros(&mut graph, &ty)?
            }
        });
    }
    Ok((graph, results))
}

/// Adds nodes that compute `Σ seedᵀ · ∂output/∂x` for each `x` of `wrt`, where `outputs` are pairs of an output and its seed, which has
/// the output's type. `None` where no output depends on `x` in a differentiable way.
///
/// Backward nodes take the name (with `.gradient`) and the location of the forward node.
///
/// Errors: a seed of another type than its output; an op on the way has no gradient.
pub fn differentiate(
    graph: &mut Graph,
    outputs: &[(NodeId, NodeId)],
    wrt: &[NodeId],
) -> Result<Vec<Option<NodeId>>, GraphError> {
    walk(graph, 0, outputs, wrt)
}

/// Like [`differentiate`], but nodes before number `first` are taken as given, even where they depend on each other.
fn walk(
    graph: &mut Graph,
    first: usize,
    outputs: &[(NodeId, NodeId)],
    wrt: &[NodeId],
) -> Result<Vec<Option<NodeId>>, GraphError> {
    let depends = dependents(graph, wrt);
    // The gradient of each result of each node, as far as it is known.
    let mut gradients: Vec<SmallVec<[Option<NodeId>; 1]>> =
        graph.nodes().iter().map(|(_, node)| smallvec![None; node.types.len()]).collect();
    for &(output, seed) in outputs {
        if graph.ty(output) != graph.ty(seed) {
            let types = vec![graph.ty(output).clone(), graph.ty(seed).clone()];
            let error = OpError::Attribute("a seed must have the type of its output".into());
            return Err(GraphError::new("differentiate", types, None, error));
        }
        if depends[output.index()] {
            accumulate(graph, &mut gradients[output.index()][0], seed)?;
        }
    }
    let visited = graph.nodes().handles().skip(first).rev().filter(|id| depends[id.index()]);
    for id in visited.collect::<Vec<_>>() {
        let node = graph.node(id);
        let needs: Vec<bool> = node.inputs.iter().map(|i| depends[i.index()]).collect();
        if !needs.contains(&true) || gradients[id.index()].iter().all(Option::is_none) {
            continue;
        }
        let (op, inputs) = (node.op.clone(), node.inputs.clone());
        let first_new = graph.nodes().len();
        let own = gradients[id.index()].clone();
        let mut backward = Backward { graph, node: id, gradients: &own, needs: &needs };
        let contributions = op.gradient(&mut backward)?;
        let result = match &op {
            Op::Project(project) => project.index,
            _ => 0,
        };
        for ((&input, contribution), needed) in inputs.iter().zip(contributions).zip(needs) {
            let Some(contribution) = contribution.filter(|_| needed) else { continue };
            if graph.ty(contribution) != &graph.node(input).types[result] {
                let types = vec![graph.node(input).types[result].clone(), graph.ty(contribution).clone()];
                let error = OpError::Attribute("the gradient of an input is not of its type".into());
                return Err(GraphError::new(op.name(), types, None, error));
            }
            accumulate(graph, &mut gradients[input.index()][result], contribution)?;
        }
        graph.attribute(first_new, id, ".gradient");
    }
    Ok(wrt.iter().map(|x| gradients[x.index()][0]).collect())
}

/// Which nodes are floats that depend on one of `wrt`.
fn dependents(graph: &Graph, wrt: &[NodeId]) -> Vec<bool> {
    let mut depends = vec![false; graph.nodes().len()];
    for id in wrt {
        depends[id.index()] = true;
    }
    for (id, node) in graph.nodes().iter() {
        let reached = depends[id.index()] || node.inputs.iter().any(|i| depends[i.index()]);
        depends[id.index()] = reached && node.types.iter().any(|ty| ty.dtype.is_float());
    }
    depends
}

fn accumulate(graph: &mut Graph, sum: &mut Option<NodeId>, term: NodeId) -> Result<(), GraphError> {
    *sum = Some(match *sum {
        None => term,
        Some(sum) => graph.add(sum, term)?,
    });
    Ok(())
}
