//! Axes in another order.

use super::{Operator, onnx};
use crate::onnx::call::Call;
use crate::onnx::importer::{Importer, Value};
use crate::onnx::refusal::Refusal;
use hadal_graph::op::resolve_axis;

pub(super) const OPERATORS: &[Operator] = &[onnx("Transpose", &[1, 13, 21, 23, 24, 25], transpose)];

fn transpose(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let x = cx.operand(call, 0)?;
    let rank = cx.graph.shape(x).rank();
    let permutation: Vec<usize> = match call.ints("perm")? {
        None => (0..rank).rev().collect(),
        Some(axes) => axes.into_iter().map(|a| resolve_axis(a, rank)).collect::<Result<_, _>>()?,
    };
    Ok(vec![Value::Node(cx.graph.transpose(x, &permutation)?)])
}
