//! Rules for ops with several results or regions.

use super::super::rewrite::inline;
use super::repeated;
use crate::graph::{Graph, Node, NodeId};
use crate::op::{Op, Project};

/// The only result of a node is the node.
pub(super) fn project(graph: &Graph, op: &Project, x: NodeId) -> Option<NodeId> {
    (op.index == 0 && graph.node(x).types.len() == 1).then_some(x)
}

/// A branch whose predicate is known is the region that it takes. What only says how it is differentiated is its forward region.
pub(super) fn region(graph: &mut Graph, node: &Node) -> Option<Vec<NodeId>> {
    let (taken, operands) = match node.op {
        Op::If(_) if repeated(graph, node.inputs[0])?.to_f64() != 0.0 => (0, &node.inputs[1..]),
        Op::If(_) => (1, &node.inputs[1..]),
        Op::Checkpoint(_) | Op::CustomGradient(_) => (0, &node.inputs[..]),
        _ => return None,
    };
    Some(inline(graph, &node.regions[taken], operands))
}
