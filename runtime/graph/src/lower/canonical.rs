//! Rewrites the primitives that no archetype runs as they are, or that a better primitive says as well.

use crate::error::GraphError;
use crate::graph::{Graph, Node, NodeId};
use crate::op::{Concat, Conv, MatMul, Op, Pad, Reduce, Slice};
use crate::program::ReduceOp;
use crate::{Dim, Scalar, Shape, Target};

/// Convolutions lose their input dilation, concatenations of many tensors become several, and a sum over batches of products becomes one product.
pub(super) fn canonical(graph: &Graph, target: &Target) -> Result<Graph, GraphError> {
    let mut result = Graph::new(graph.name.clone());
    let mut map: Vec<NodeId> = Vec::with_capacity(graph.nodes().len());
    let mut uses = vec![0; graph.nodes().len()];
    let read = graph.nodes().iter().flat_map(|(_, node)| node.inputs.iter().copied());
    read.chain(graph.outputs.iter().map(|output| output.node)).for_each(|id| uses[id.index()] += 1);
    for (_, node) in graph.nodes().iter() {
        let inputs: Vec<NodeId> = node.inputs.iter().map(|i| map[i.index()]).collect();
        let copied = match &node.op {
            Op::Conv(op) if op.input_dilation.iter().any(|&d| d != 1) => {
                let mut dilated = inputs[0];
                for (axis, &dilation) in op.input_dilation.iter().enumerate() {
                    dilated = dilate(&mut result, dilated, axis + 2, dilation)?;
                }
                let plain = Conv { input_dilation: vec![1; op.input_dilation.len()], ..op.clone() };
                result.apply(plain, &[dilated, inputs[1]])?
            }
            Op::Concat(op) if inputs.len() > concat_limit(target) => {
                concat(&mut result, inputs, op.axis, concat_limit(target))?
            }
            Op::Reduce(op) if op.op == ReduceOp::Sum && uses[node.inputs[0].index()] == 1 => {
                match sum_of_products(&mut result, op, inputs[0])? {
                    Some(product) => product,
                    None => result.push(Node { inputs: inputs.into(), ..node.clone() }),
                }
            }
            _ => result.push(Node { inputs: inputs.into(), ..node.clone() }),
        };
        map.push(copied);
    }
    for output in &graph.outputs {
        result.output(output.name.clone(), map[output.node.index()]);
    }
    for assign in &graph.assigns {
        result.assign(map[assign.variable.index()], map[assign.value.index()])?;
    }
    Ok(result)
}

/// `sum over b of a[b] c[b]` as one product, whose inner axis runs over `b` too: what the gradient of a weight that every batch shares is.
/// It needs no memory for the products of single batches.
fn sum_of_products(graph: &mut Graph, op: &Reduce, product: NodeId) -> Result<Option<NodeId>, GraphError> {
    let node = graph.node(product);
    let Op::MatMul(matmul) = &node.op else { return Ok(None) };
    let batch = graph.shape(product).rank() - 2;
    if batch == 0 || op.axes != (0..batch).collect::<Vec<_>>() || !graph.dtype(product).is_float() {
        return Ok(None);
    }
    let (matmul, [a, c]) = (matmul.clone(), [node.inputs[0], node.inputs[1]]);
    // The inner axis goes beside those of the batch.
    let inner_first = transposed(graph, a, batch)?;
    let rows = joined(graph, inner_first, batch)?;
    let rows = graph.transpose_last(rows)?;
    let columns = joined(graph, c, batch)?;
    graph.apply(MatMul { dtype: matmul.dtype }, &[rows, columns]).map(Some)
}

/// The last two axes, which come after `batch` others, the other way round; what is turned already is turned back.
fn transposed(graph: &mut Graph, id: NodeId, batch: usize) -> Result<NodeId, GraphError> {
    let node = graph.node(id);
    if let Op::Transpose(op) = &node.op
        && op.permutation.iter().copied().eq((0..batch).chain([batch + 1, batch]))
    {
        return Ok(node.inputs[0]);
    }
    graph.transpose_last(id)
}

/// All axes but the last as one.
fn joined(graph: &mut Graph, id: NodeId, batch: usize) -> Result<NodeId, GraphError> {
    let shape = graph.shape(id);
    let rows: Dim = shape[..=batch].iter().cloned().product();
    let shape = Shape(vec![rows, shape[batch + 1].clone()]);
    graph.reshape(id, shape)
}

/// Tensors that one step can concatenate: one binding is for the result.
fn concat_limit(target: &Target) -> usize {
    target.max_bindings.saturating_sub(1).clamp(2, 16)
}

fn concat(
    graph: &mut Graph,
    mut inputs: Vec<NodeId>,
    axis: usize,
    limit: usize,
) -> Result<NodeId, GraphError> {
    while inputs.len() > 1 {
        let mut next = Vec::new();
        for part in inputs.chunks(limit) {
            next.push(if part.len() == 1 { part[0] } else { graph.apply(Concat { axis }, part)? });
        }
        inputs = next;
    }
    Ok(inputs[0])
}

/// `dilation - 1` zeros between neighbours along `axis`: each element becomes the first of `dilation`, and the tail is cut off.
fn dilate(graph: &mut Graph, x: NodeId, axis: usize, dilation: usize) -> Result<NodeId, GraphError> {
    if dilation == 1 {
        return Ok(x);
    }
    let shape = graph.shape(x).clone();
    let dtype = graph.dtype(x);
    let wide = graph.unsqueeze(x, axis + 1)?;
    let rank = shape.rank() + 1;
    let mut high = vec![Dim::ZERO; rank];
    high[axis + 1] = Dim::from(dilation - 1);
    let padded =
        graph.apply(Pad { low: vec![Dim::ZERO; rank], high, value: Scalar::zero(dtype) }, &[wide])?;
    let long = graph.reshape(padded, shape.with(axis, &shape[axis] * dilation))?;
    let kept = (&shape[axis] - 1) * dilation + 1;
    let slice = Slice {
        starts: vec![Dim::ZERO; shape.rank()],
        extents: shape.with(axis, kept).0,
        steps: vec![1; shape.rank()],
    };
    graph.apply(slice, &[long])
}
