//! Algebra that is exact for every value.
//!
//! A rule may not change any float result: `x + 0.0` stays, because it turns `-0.0` into `0.0`, while `x - 0.0` is `x`; `x * 0` is 0 for
//! integers only. Rules look at nodes whose operands are simple already, and run again until none applies.

mod algebra;
mod control;
mod movement;

use super::rewrite::{Replacement, rewrite};
use crate::error::{GraphError, OpError};
use crate::graph::{Graph, Node, NodeId};
use crate::op::Op;
use crate::{DType, HostTensor, Scalar, Shape};
use std::cell::Cell;

/// More rounds than any graph needs: each rule leaves fewer or simpler nodes.
const MAX_ROUNDS: usize = 1000;

/// Applies every rule until none applies, in regions too. Nodes that are left without users stay; [`dead`](super::dead) drops them.
///
/// Errors: none on a valid graph.
pub fn simplify(graph: &Graph) -> Result<Graph, GraphError> {
    let mut graph = graph.clone();
    for _ in 0..MAX_ROUNDS {
        let changed = Cell::new(false);
        graph = round(&graph, &changed)?;
        if !changed.get() {
            return Ok(graph);
        }
        graph = super::dead(&graph)?;
    }
    let error =
        OpError::Attribute(format!("rules still apply after {MAX_ROUNDS} rounds: two undo each other"));
    Err(GraphError::general("simplify", error))
}

fn round(graph: &Graph, changed: &Cell<bool>) -> Result<Graph, GraphError> {
    rewrite(graph, &|region| round(region, changed), &mut |graph, node| {
        let results = match rule(graph, node)? {
            Some(id) => Some(Replacement::Node(id)),
            None => control::region(graph, node).map(Replacement::Results),
        };
        if results.is_some() {
            changed.set(true);
        }
        Ok(results)
    })
}

/// What a node with one result is replaced by.
fn rule(graph: &mut Graph, node: &Node) -> Result<Option<NodeId>, GraphError> {
    match &node.op {
        Op::Unary(op) => algebra::unary(graph, op.op, node.inputs[0]),
        Op::Binary(op) => algebra::binary(graph, op.op, node.inputs[0], node.inputs[1]),
        Op::Compare(op) => algebra::compare(graph, op.op, node.inputs[0], node.inputs[1]),
        Op::Select(_) => algebra::select(graph, node.inputs[0], node.inputs[1], node.inputs[2]),
        Op::Cast(op) => algebra::cast(graph, op.dtype, node.inputs[0]),
        Op::Reduce(op) => movement::reduce(graph, op, node.inputs[0]),
        Op::Reshape(op) => movement::reshape(graph, op, node.inputs[0]),
        Op::Transpose(op) => movement::transpose(graph, op, node.inputs[0]),
        Op::Broadcast(op) => movement::broadcast(graph, op, node.inputs[0]),
        Op::Slice(op) => movement::slice(graph, op, node.inputs[0]),
        Op::Pad(op) => Ok(movement::pad(op, node.inputs[0])),
        Op::Concat(op) => movement::concat(graph, op, &node.inputs),
        Op::DynamicSlice(op) => Ok(movement::dynamic_slice(graph, op, node.inputs[0])),
        Op::DynamicUpdate(_) => Ok(movement::dynamic_update(graph, node.inputs[0], node.inputs[1])),
        Op::Project(op) => Ok(control::project(graph, op, node.inputs[0])),
        Op::Detach(_) => Ok(Some(node.inputs[0])),
        _ => Ok(None),
    }
}

/// The value that all elements of a node have, where that can be seen: a constant, perhaps broadcast or reshaped.
fn repeated(graph: &Graph, mut id: NodeId) -> Option<Scalar> {
    loop {
        let node = graph.node(id);
        match &node.op {
            Op::Broadcast(_) | Op::Reshape(_) | Op::Transpose(_) => id = node.inputs[0],
            Op::Constant(constant) => return same(&constant.value),
            _ => return None,
        }
    }
}

fn same(value: &HostTensor) -> Option<Scalar> {
    let mut scalars = value.scalars();
    let first = scalars.next()?;
    scalars.all(|s| s == first).then_some(first)
}

/// A tensor of one value.
fn filled(graph: &mut Graph, value: Scalar, dtype: DType, shape: &Shape) -> Result<NodeId, GraphError> {
    let scalar = graph.constant_scalar(value, dtype)?;
    graph.broadcast_to(scalar, shape)
}

#[cfg(test)]
mod tests;
