//! Rules for ops with several results or regions.

use super::super::rewrite::inline;
use super::repeated;
use crate::graph::{Graph, Node, NodeId};
use crate::op::{Op, Project};

/// The only result of a node is the node.
pub(super) fn project(graph: &Graph, op: &Project, x: NodeId) -> Option<NodeId> {
    (op.index == 0 && graph.node(x).types.len() == 1).then_some(x)
}

/// A branch whose predicate is known is the region that it takes.
pub(super) fn branch(graph: &mut Graph, node: &Node) -> Option<Vec<NodeId>> {
    let Op::If(_) = node.op else { return None };
    let taken = if repeated(graph, node.inputs[0])?.to_f64() != 0.0 { 0 } else { 1 };
    Some(inline(graph, &node.regions[taken], &node.inputs[1..]))
}
