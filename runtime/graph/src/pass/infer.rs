//! Infers every type again.

use crate::TensorType;
use crate::error::{GraphError, OpError};
use crate::graph::{Graph, Node};
use crate::op::{Infer, Operator, Types};

/// Infers the type of every node again, in regions too, and returns the graph if all are as recorded.
///
/// Errors: whatever an op says about its inputs; a recorded type that differs from the inferred one.
pub fn infer(graph: &Graph) -> Result<Graph, GraphError> {
    check(graph)?;
    Ok(graph.clone())
}

fn check(graph: &Graph) -> Result<(), GraphError> {
    for (_, node) in graph.nodes().iter() {
        for region in &node.regions {
            check(region)?;
        }
        check_types(graph, node)?;
    }
    Ok(())
}

/// Checks that a node's types are those that its op gives for its inputs, which are nodes of `graph`.
pub(crate) fn check_types(graph: &Graph, node: &Node) -> Result<(), GraphError> {
    let inferred = types(graph, node)?;
    if inferred == node.types && !inferred.is_empty() {
        return Ok(());
    }
    let list = |types: &[TensorType]| types.iter().map(|t| t.to_string()).collect::<Vec<_>>().join(", ");
    let message =
        format!("is recorded as ({}), but its inputs give ({})", list(&node.types), list(&inferred));
    Err(graph.error_at(node, OpError::Attribute(message)))
}

/// The types that a node's op gives for its inputs, which are nodes of `graph`.
pub(super) fn types(graph: &Graph, node: &Node) -> Result<Types, GraphError> {
    let inputs: Vec<_> = node.inputs.iter().map(|&i| graph.ty(i)).collect();
    let all = |i: usize| &graph.node(node.inputs[i]).types[..];
    let cx = Infer { inputs: &inputs, all: &all, regions: &node.regions };
    node.op.infer(&cx).map_err(|error| graph.error_at(node, error))
}
