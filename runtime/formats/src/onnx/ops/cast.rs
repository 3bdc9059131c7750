//! Conversion of dtypes, and operators that return their operand.

use super::{Operator, onnx};
use crate::onnx::call::Call;
use crate::onnx::importer::{Importer, Value};
use crate::onnx::known::Known;
use crate::onnx::refusal::Refusal;
use crate::onnx::tensor;
use hadal_graph::{DType, Dim, HostTensor, Scalar};

pub(super) const OPERATORS: &[Operator] = &[
    onnx("Cast", &[6, 9, 13, 19, 21, 23, 24, 25], cast),
    onnx("CastLike", &[15, 19, 21, 23, 24, 25], cast_like),
    onnx("Dropout", &[7, 10, 12, 13, 22], dropout),
    onnx("Identity", &[1, 13, 14, 16, 19, 21, 23, 24, 25], identity),
];

fn cast(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    call.ignore(&["saturate", "round_mode"]); // Only for 8-bit floats.
    let number = call.int("to")?.ok_or_else(|| Refusal::malformed("no attribute `to`", "one"))?;
    let to = i32::try_from(number).map_err(|_| format!("the element type {number}")).and_then(tensor::dtype);
    convert(cx, call, to.map_err(|what| Refusal::unsupported(format!("a cast to {what}")))?)
}

fn cast_like(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    call.ignore(&["saturate", "round_mode"]);
    let like = cx.operand(call, 1)?;
    let to = cx.graph.dtype(like);
    convert(cx, call, to)
}

fn convert(cx: &mut Importer, call: &Call<'_>, to: DType) -> Result<Vec<Value>, Refusal> {
    if let Some(known) = cx.known(call, 0).and_then(|known| known_as(&known, to)) {
        return Ok(vec![Value::Known(known)]);
    }
    let x = cx.operand(call, 0)?;
    Ok(vec![Value::Node(cx.graph.cast(x, to)?)])
}

/// A known value in another integer dtype, if that keeps it.
fn known_as(known: &Known, to: DType) -> Option<Known> {
    if to == DType::Bool {
        let mut truth = known.map(|d| d.as_const().map(|c| Dim::Const((c != 0).into())))?;
        truth.dtype = to;
        return Some(truth);
    }
    if !to.is_int() {
        return None;
    }
    let mut converted = known.clone();
    converted.dtype = to;
    converted.map(|d| Some(d.clone()))
}

fn identity(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    Ok(vec![Value::Same(cx.id(call, 0)?)])
}

fn dropout(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    call.ignore(&["ratio", "seed"]);
    if call.inputs.get(2).copied().flatten().is_some() {
        let off = cx.known(call, 2).and_then(|k| k.ints()).is_some_and(|v| v == [0]);
        if !off {
            return Err(
                Refusal::unsupported("dropout in training mode").with_hint("export the model for inference")
            );
        }
    }
    let mut results = vec![Value::Same(cx.id(call, 0)?)];
    if call.results() > 1 {
        let x = cx.operand(call, 0)?;
        let shape = cx.graph.shape(x).clone();
        let kept = cx.graph.constant(HostTensor::scalar(DType::Bool, Scalar::Bool(true)))?;
        results.push(Value::Node(cx.graph.broadcast_to(kept, &shape)?));
    }
    Ok(results)
}
