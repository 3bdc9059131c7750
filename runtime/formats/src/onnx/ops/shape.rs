//! Shapes as values.

use super::{Operator, onnx};
use crate::onnx::call::Call;
use crate::onnx::importer::{Importer, Value};
use crate::onnx::known::Known;
use crate::onnx::refusal::Refusal;
use hadal_graph::DType;

pub(super) const OPERATORS: &[Operator] = &[
    onnx("Shape", &[1, 13, 15, 19, 21, 23, 24, 25], shape),
    onnx("Size", &[1, 13, 19, 21, 23, 24, 25], size),
];

fn shape(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let x = cx.operand(call, 0)?;
    let shape = cx.graph.shape(x);
    let rank = shape.rank() as i64;
    let clamp = |at: i64| (if at < 0 { at.saturating_add(rank) } else { at }).clamp(0, rank) as usize;
    let start = clamp(call.int("start")?.unwrap_or(0));
    let end = clamp(call.int("end")?.unwrap_or(rank));
    let dims = shape.get(start..end).unwrap_or_default().to_vec();
    Ok(vec![Value::Known(Known::vector(DType::I64, dims))])
}

fn size(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let x = cx.operand(call, 0)?;
    Ok(vec![Value::Known(Known::scalar(DType::I64, cx.graph.shape(x).elements()))])
}
