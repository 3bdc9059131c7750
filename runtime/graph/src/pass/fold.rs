//! Computes small constants.

use super::rewrite::{Replacement, rewrite};
use crate::error::GraphError;
use crate::graph::{Graph, Node, NodeId};
use crate::op::{Constant, Op, Size};
use crate::reference::{self, Array, Evaluate};
use crate::{Bindings, HostTensor, Scalar, Shape, TensorType};

/// Largest result that is computed here; larger ones are left to the program's `once` part.
const MAX_BYTES: usize = 4096;

/// Replaces nodes whose operands are all constants by their value, in regions too. The reference semantics decide what that is.
///
/// A result of more than 4 KiB, or of more elements than the operands have together, stays an expression: a small constant never becomes a
/// large one. Elementwise functions of one repeated value stay one repeated value. What the reference rejects, such as an index out of
/// range, is left for the run to report.
///
/// Errors: none.
pub fn fold(graph: &Graph) -> Result<Graph, GraphError> {
    rewrite(graph, &fold, &mut |graph, node| {
        let folded = match &node.op {
            Op::Size(op) => fold_size(graph, op)?,
            _ if node.types.len() != 1 || node.inputs.is_empty() || !node.regions.is_empty() => None,
            _ => match fold_whole(graph, node)? {
                Some(id) => Some(id),
                None => fold_repeated(graph, node)?,
            },
        };
        Ok(folded.map(Replacement::Node))
    })
}

fn fold_size(graph: &mut Graph, op: &Size) -> Result<Option<NodeId>, GraphError> {
    match op.size.as_const() {
        Some(size) => {
            let value = Scalar::Int(op.dtype.wrap(size as i128));
            graph.constant_scalar(value, op.dtype).map(Some)
        }
        None => Ok(None),
    }
}

/// A node of constants.
fn fold_whole(graph: &mut Graph, node: &Node) -> Result<Option<NodeId>, GraphError> {
    let mut operands = Vec::with_capacity(node.inputs.len());
    for &input in &node.inputs {
        let Op::Constant(constant) = &graph.node(input).op else { return Ok(None) };
        operands.push(&constant.value);
    }
    let ty = &node.types[0];
    let Some(elements) = ty.shape.elements().as_usize() else { return Ok(None) };
    let given: usize = operands.iter().map(|o| o.elements()).sum();
    if elements > given || elements.saturating_mul(ty.dtype.size()) > MAX_BYTES {
        return Ok(None);
    }
    match evaluate(&node.op, &operands, ty) {
        Some(value) => graph.constant(value).map(Some),
        None => Ok(None),
    }
}

/// An elementwise function of constants of rank 0 that were broadcast: the function of those, broadcast.
fn fold_repeated(graph: &mut Graph, node: &Node) -> Result<Option<NodeId>, GraphError> {
    if !matches!(node.op, Op::Unary(_) | Op::Binary(_) | Op::Compare(_) | Op::Select(_) | Op::Cast(_)) {
        return Ok(None);
    }
    let mut operands = Vec::with_capacity(node.inputs.len());
    for &input in &node.inputs {
        let Op::Broadcast(_) = graph.node(input).op else { return Ok(None) };
        let Op::Constant(Constant { value }) = &graph.node(graph.node(input).inputs[0]).op else {
            return Ok(None);
        };
        if value.elements() != 1 {
            return Ok(None);
        }
        let Some(scalar) = value.scalars().next() else { return Ok(None) };
        operands.push(HostTensor::scalar(value.dtype(), scalar));
    }
    let operands: Vec<&HostTensor> = operands.iter().collect();
    let ty = &node.types[0];
    match evaluate(&node.op, &operands, &ty.with_shape(Shape::scalar())) {
        Some(value) => {
            let scalar = graph.constant(value)?;
            graph.broadcast_to(scalar, &ty.shape).map(Some)
        }
        None => Ok(None),
    }
}

fn evaluate(op: &Op, operands: &[&HostTensor], ty: &TensorType) -> Option<HostTensor> {
    let arrays: Vec<Array> = operands.iter().map(|o| Array::from_host(o)).collect();
    let cx = Evaluate {
        inputs: &arrays.iter().collect::<Vec<_>>(),
        all: &|i| std::slice::from_ref(&arrays[i]),
        types: std::slice::from_ref(ty),
        bindings: &Bindings::new(),
        regions: &[],
        leaf: &|_| None,
    };
    reference::evaluate(op, &cx).ok()?.pop()?.to_host().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;
    use crate::error::OpError;
    use crate::op::Gather;
    use crate::pass::dead;
    use crate::program::UnaryOp;

    fn constant(g: &mut Graph, values: &[f32]) -> Result<NodeId, GraphError> {
        let tensor = HostTensor::new([values.len()], values)
            .map_err(|e| GraphError::general("test", OpError::from(e)))?;
        g.constant(tensor)
    }

    #[test]
    fn constants_fold_through_chains() -> Result<(), GraphError> {
        let mut g = Graph::new("chain");
        let a = constant(&mut g, &[1.0, 4.0, 9.0])?;
        let root = g.unary(UnaryOp::Sqrt, a)?;
        let sum = g.add(root, a)?;
        g.output("y", sum);
        let folded = dead(&fold(&g)?)?;
        assert_eq!(folded.nodes().len(), 1);
        let Op::Constant(c) = &folded.node(folded.outputs[0].node).op else { panic!("not a constant") };
        assert_eq!(c.value.to_f64(), [2.0, 6.0, 12.0]);
        Ok(())
    }

    #[test]
    fn a_repeated_value_stays_one_value() -> Result<(), GraphError> {
        let mut g = Graph::new("ones");
        let shape = Shape::of(["batch", "seq"]);
        let one = g.scalar(1.0, DType::F32)?;
        let ones = g.broadcast_to(one, &shape)?;
        let twos = g.add(ones, ones)?;
        g.output("y", twos);
        let folded = dead(&fold(&g)?)?;
        assert_eq!(folded.nodes().len(), 2, "a scalar and its broadcast");
        assert_eq!(*folded.shape(folded.outputs[0].node), shape);
        Ok(())
    }

    #[test]
    fn what_would_grow_or_fail_stays() -> Result<(), GraphError> {
        let mut g = Graph::new("kept");
        let a = constant(&mut g, &[1.0, 2.0])?;
        let wide = g.broadcast_to(a, &Shape::of([8, 2]))?;
        g.output("wide", wide);
        let big = constant(&mut g, &[1.0; 2000])?;
        let big = g.unary(UnaryOp::Neg, big)?;
        g.output("big", big);
        let index = g.constant_scalar(Scalar::Int(7), DType::I32)?;
        let outside = g.apply(Gather { axis: 0 }, &[a, index])?;
        g.output("outside", outside);
        assert_eq!(dead(&fold(&g)?)?, dead(&g)?);
        Ok(())
    }
}
