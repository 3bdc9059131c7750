//! Concatenation.

use super::{Operator, onnx};
use crate::onnx::call::Call;
use crate::onnx::importer::{Importer, Value};
use crate::onnx::known::{Known, MAX_KNOWN};
use crate::onnx::refusal::Refusal;
use hadal_graph::op::resolve_axis;

pub(super) const OPERATORS: &[Operator] = &[onnx("Concat", &[4, 11, 13], concat)];

fn concat(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let axis = call.int("axis")?.ok_or_else(|| Refusal::malformed("no attribute `axis`", "one"))?;
    if let Some(parts) = cx.all_known(call)
        && parts.iter().all(|part| part.vector && part.dtype == parts[0].dtype)
        && !parts.is_empty()
        && matches!(axis, 0 | -1)
        && parts.iter().map(|part| part.dims.len()).sum::<usize>() <= MAX_KNOWN
    {
        let dtype = parts[0].dtype;
        return Ok(vec![Value::Known(Known::vector(
            dtype,
            parts.into_iter().flat_map(|p| p.dims).collect(),
        ))]);
    }
    let mut inputs = Vec::with_capacity(call.inputs.len());
    for index in 0..call.inputs.len() {
        inputs.push(cx.operand(call, index)?);
    }
    let rank = inputs.first().map_or(0, |&x| cx.graph.shape(x).rank());
    let axis = resolve_axis(axis, rank)?;
    Ok(vec![Value::Node(cx.graph.concat(&inputs, axis)?)])
}
