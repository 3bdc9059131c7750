//! Rewrites the primitives that no archetype runs as they are.

use crate::error::GraphError;
use crate::graph::{Graph, Node, NodeId};
use crate::op::{Concat, Conv, Op, Pad, Slice};
use crate::{Dim, Scalar, Target};

/// Convolutions lose their input dilation, concatenations of many tensors become several.
pub(super) fn canonical(graph: &Graph, target: &Target) -> Result<Graph, GraphError> {
    let mut result = Graph::new(graph.name.clone());
    let mut map: Vec<NodeId> = Vec::with_capacity(graph.nodes().len());
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
