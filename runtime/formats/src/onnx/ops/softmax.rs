//! Softmax.

use super::{Operator, onnx};
use crate::onnx::call::Call;
use crate::onnx::importer::{Importer, Value};
use crate::onnx::refusal::Refusal;
use hadal_graph::Dim;
use hadal_graph::op::{LogSoftmax, Op, Softmax, resolve_axis};

pub(super) const OPERATORS: &[Operator] =
    &[onnx("LogSoftmax", &[1, 11, 13], log_softmax), onnx("Softmax", &[1, 11, 13], softmax)];

fn softmax(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    along(cx, call, |axis| Softmax { axis }.into())
}

fn log_softmax(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    along(cx, call, |axis| LogSoftmax { axis }.into())
}

fn along(cx: &mut Importer, call: &Call<'_>, op: fn(usize) -> Op) -> Result<Vec<Value>, Refusal> {
    let x = cx.operand(call, 0)?;
    let shape = cx.graph.shape(x).clone();
    if call.opset >= 13 {
        let axis = resolve_axis(call.int("axis")?.unwrap_or(-1), shape.rank())?;
        return Ok(vec![Value::Node(cx.graph.apply(op(axis), &[x])?)]);
    }
    // Until opset 12 the axis split the tensor into rows, and each row was one distribution.
    let axis = resolve_axis(call.int("axis")?.unwrap_or(1), shape.rank())?;
    let rows: Dim = shape[..axis].iter().cloned().product();
    let columns: Dim = shape[axis..].iter().cloned().product();
    let flat = cx.graph.reshape(x, [rows, columns])?;
    let result = cx.graph.apply(op(1), &[flat])?;
    Ok(vec![Value::Node(cx.graph.reshape(result, shape)?)])
}
