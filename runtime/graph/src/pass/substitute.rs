//! Replaces symbols by sizes.

use super::infer::types;
use crate::dim::Symbol;
use crate::error::GraphError;
use crate::graph::Graph;
use crate::op::Op;
use crate::{Dim, Shape};
use std::sync::Arc;

/// Replaces symbols in every attribute, in regions too, and infers all types again. Symbols for which `f` returns `None` stay.
///
/// Errors: shapes that no longer fit, named with their node.
pub fn substitute(graph: &Graph, f: &dyn Fn(&Symbol) -> Option<Dim>) -> Result<Graph, GraphError> {
    let mut result = Graph::new(graph.name.clone());
    // Every node is copied, so handles stay.
    for (_, node) in graph.nodes().iter() {
        let mut copy = node.clone();
        substitute_op(&mut copy.op, f);
        for region in &mut copy.regions {
            *region = Arc::new(substitute(region, f)?);
        }
        copy.types = types(&result, &copy)?;
        result.push(copy);
    }
    result.outputs = graph.outputs.clone();
    for assign in &graph.assigns {
        result.assign(assign.variable, assign.value)?;
    }
    Ok(result)
}

/// Replaces symbols in the attributes of an op. Every op is listed, so that a new one with sizes cannot be forgotten.
fn substitute_op(op: &mut Op, f: &dyn Fn(&Symbol) -> Option<Dim>) {
    let dim = |d: &mut Dim| *d = d.substitute(f);
    let dims = |list: &mut Vec<Dim>| list.iter_mut().for_each(dim);
    let shape = |s: &mut Shape| s.0.iter_mut().for_each(dim);
    match op {
        Op::Input(op) => shape(&mut op.ty.shape),
        Op::Parameter(op) => shape(&mut op.ty.shape),
        Op::Variable(op) => shape(&mut op.ty.shape),
        Op::Iota(op) => shape(&mut op.shape),
        Op::Custom(op) => shape(&mut op.ty.shape),
        Op::Size(op) => dim(&mut op.size),
        Op::RandomBits(op) => shape(&mut op.shape),
        Op::Reshape(op) => shape(&mut op.shape),
        Op::Broadcast(op) => shape(&mut op.shape),
        Op::Slice(op) => {
            dims(&mut op.starts);
            dims(&mut op.extents);
        }
        Op::Pad(op) => {
            dims(&mut op.low);
            dims(&mut op.high);
        }
        Op::DynamicSlice(op) => dim(&mut op.extent),
        Op::OneHot(op) => dim(&mut op.depth),
        Op::Uniform(op) => shape(&mut op.shape),
        Op::Normal(op) => shape(&mut op.shape),
        Op::Constant(_)
        | Op::Unary(_)
        | Op::Binary(_)
        | Op::Compare(_)
        | Op::Select(_)
        | Op::Cast(_)
        | Op::Transpose(_)
        | Op::Concat(_)
        | Op::Gather(_)
        | Op::Scatter(_)
        | Op::DynamicUpdate(_)
        | Op::Reduce(_)
        | Op::Cumulative(_)
        | Op::Sort(_)
        | Op::Window(_)
        | Op::MatMul(_)
        | Op::Conv(_)
        | Op::Project(_)
        | Op::While(_)
        | Op::If(_)
        | Op::Checkpoint(_)
        | Op::CustomGradient(_)
        | Op::Barrier(_)
        | Op::Detach(_)
        | Op::Softmax(_)
        | Op::LogSoftmax(_)
        | Op::LayerNorm(_)
        | Op::Gelu(_)
        | Op::Attention(_)
        | Op::AttentionBackward(_)
        | Op::CrossEntropy(_)
        | Op::Dropout(_)
        | Op::BatchNorm(_)
        | Op::DequantizeLinear(_)
        | Op::GroupNorm(_)
        | Op::LogSumExp(_)
        | Op::QuantizeLinear(_)
        | Op::Relu(_)
        | Op::RmsNorm(_)
        | Op::Rope(_)
        | Op::Sigmoid(_)
        | Op::Silu(_)
        | Op::Softplus(_)
        | Op::TakeAlong(_)
        | Op::TopK(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;

    #[test]
    fn every_shape_and_size_follows() -> Result<(), GraphError> {
        let mut g = Graph::new("mean");
        let x = g.input("x", DType::F32, ["batch", "seq"])?;
        let mean = g.mean_keep(x, &[1])?;
        let centred = g.sub(x, mean)?;
        let flat = g.reshape(centred, [Dim::symbol("batch") * Dim::symbol("seq")])?;
        g.output("y", flat);
        let fixed = substitute(&g, &|symbol| (&*symbol.0 == "seq").then(|| Dim::from(7)))?;
        fixed.validate()?;
        assert_eq!(fixed.ty(fixed.outputs[0].node).to_string(), "f32[7*batch]");
        assert_eq!(fixed.ty(fixed.inputs()[0]).to_string(), "f32[batch, 7]");
        let mut left = Vec::new();
        for (_, node) in fixed.nodes().iter() {
            node.types.iter().flat_map(|t| t.shape.iter()).for_each(|d| d.symbols(&mut left));
        }
        assert!(left.iter().all(|s| &*s.0 == "batch"));
        Ok(())
    }

    #[test]
    fn shapes_that_no_longer_fit_are_errors() -> Result<(), GraphError> {
        let mut g = Graph::new("head");
        let x = g.input("x", DType::F32, ["seq"])?;
        let head = g.narrow(x, 0, 0, 4)?;
        g.output("y", head);
        assert!(substitute(&g, &|_| Some(Dim::from(3))).is_err());
        assert!(substitute(&g, &|_| Some(Dim::from(4))).is_ok());
        Ok(())
    }
}
