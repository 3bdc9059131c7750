//! Rules for ops that move elements, and for reductions of nothing.

use crate::Shape;
use crate::error::GraphError;
use crate::graph::{Graph, NodeId};
use crate::op::{Broadcast, Concat, DynamicSlice, Op, Pad, Reduce, Reshape, Slice, Transpose};
use crate::program::ReduceOp;

type Replacement = Result<Option<NodeId>, GraphError>;

/// Rows of one element are that element. A sum starts at zero, so it turns `-0.0` into `0.0`.
pub(super) fn reduce(graph: &mut Graph, op: &Reduce, x: NodeId) -> Replacement {
    let same = matches!(op.op, ReduceOp::Sum | ReduceOp::Product | ReduceOp::Max | ReduceOp::Min);
    if !same || !op.axes.iter().all(|&axis| graph.shape(x)[axis].is(1)) {
        return Ok(None);
    }
    let axes = (0..graph.shape(x).rank()).filter(|axis| !op.axes.contains(axis));
    let shape: Shape = axes.map(|axis| graph.shape(x)[axis].clone()).collect();
    let x = if op.op == ReduceOp::Sum && graph.dtype(x).is_float() {
        let zero = graph.scalar(0.0, graph.dtype(x))?;
        graph.add(x, zero)?
    } else {
        x
    };
    graph.reshape(x, shape).map(Some)
}

pub(super) fn reshape(graph: &mut Graph, op: &Reshape, x: NodeId) -> Replacement {
    if *graph.shape(x) == op.shape {
        return Ok(Some(x));
    }
    let node = graph.node(x);
    if let Op::Reshape(_) = node.op {
        let origin = node.inputs[0];
        return graph.reshape(origin, op.shape.clone()).map(Some);
    }
    Ok(None)
}

pub(super) fn transpose(graph: &mut Graph, op: &Transpose, x: NodeId) -> Replacement {
    if op.permutation.iter().enumerate().all(|(i, &p)| i == p) {
        return Ok(Some(x));
    }
    let node = graph.node(x);
    if let Op::Transpose(inner) = &node.op {
        let permutation: Vec<usize> = op.permutation.iter().map(|&axis| inner.permutation[axis]).collect();
        let origin = node.inputs[0];
        return graph.transpose(origin, &permutation).map(Some);
    }
    Ok(None)
}

pub(super) fn broadcast(graph: &mut Graph, op: &Broadcast, x: NodeId) -> Replacement {
    if *graph.shape(x) == op.shape {
        return Ok(Some(x));
    }
    let node = graph.node(x);
    if let Op::Broadcast(inner) = &node.op {
        let axes = inner.axes.iter().map(|&axis| op.axes[axis]).collect();
        let origin = node.inputs[0];
        return graph.apply(Broadcast { shape: op.shape.clone(), axes }, &[origin]).map(Some);
    }
    Ok(None)
}

pub(super) fn slice(graph: &mut Graph, op: &Slice, x: NodeId) -> Replacement {
    let whole = op.starts.iter().all(|s| s.is(0)) && op.steps.iter().all(|&s| s == 1);
    if whole && op.extents == graph.shape(x).0 {
        return Ok(Some(x));
    }
    let node = graph.node(x);
    if let Op::Slice(inner) = &node.op {
        // Element i is element start + i · step of the inner slice.
        let axes = 0..op.starts.len();
        let starts = axes.clone().map(|a| &inner.starts[a] + &op.starts[a] * inner.steps[a]).collect();
        let steps = axes.map(|a| inner.steps[a].saturating_mul(op.steps[a])).collect();
        let origin = node.inputs[0];
        return graph.apply(Slice { starts, extents: op.extents.clone(), steps }, &[origin]).map(Some);
    }
    Ok(None)
}

pub(super) fn pad(op: &Pad, x: NodeId) -> Option<NodeId> {
    op.low.iter().chain(&op.high).all(|p| p.is(0)).then_some(x)
}

pub(super) fn concat(graph: &mut Graph, op: &Concat, inputs: &[NodeId]) -> Replacement {
    if let [only] = inputs {
        return Ok(Some(*only));
    }
    // Empty parts add nothing, unless all are empty.
    let kept: Vec<NodeId> = inputs.iter().copied().filter(|&i| !graph.shape(i)[op.axis].is(0)).collect();
    if kept.is_empty() || kept.len() == inputs.len() {
        return Ok(None);
    }
    graph.concat(&kept, op.axis).map(Some)
}

/// A slice of everything: its start is clamped to 0.
pub(super) fn dynamic_slice(graph: &Graph, op: &DynamicSlice, x: NodeId) -> Option<NodeId> {
    (graph.shape(x)[op.axis] == op.extent).then_some(x)
}

/// An update of everything: its start is clamped to 0.
pub(super) fn dynamic_update(graph: &Graph, x: NodeId, update: NodeId) -> Option<NodeId> {
    (graph.shape(x) == graph.shape(update)).then_some(update)
}
