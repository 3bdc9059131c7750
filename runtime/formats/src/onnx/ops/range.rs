//! Sequences of numbers and triangles.

use super::{Operator, onnx};
use crate::onnx::call::Call;
use crate::onnx::importer::{Importer, Value};
use crate::onnx::known::{Known, MAX_KNOWN};
use crate::onnx::refusal::Refusal;
use hadal_graph::program::CompareOp;
use hadal_graph::{DType, Dim, Scalar};

pub(super) const OPERATORS: &[Operator] = &[onnx("Range", &[11, 27], range), onnx("Trilu", &[14], trilu)];

fn range(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    call.ignore(&["stash_type"]);
    let mut bounds = Vec::new();
    let mut dtype = None;
    for index in 0..3 {
        let known = cx.known(call, index);
        dtype = known.as_ref().map(|k| k.dtype);
        match known.map(|k| k.dims).as_deref() {
            Some([bound]) => bounds.push(bound.clone()),
            _ => {
                return Err(Refusal::unsupported(
                    "a range whose bounds are not sizes or integers that are known at import",
                )
                .with_hint("export the model with static bounds"));
            }
        }
    }
    let ([start, limit, step], Some(dtype)) = (bounds.as_slice(), dtype) else {
        return Err(Refusal::malformed("no bounds", "start, limit and step"));
    };
    let Some(step) = step.as_const().filter(|&step| step != 0) else {
        return Err(Refusal::malformed(format!("a step of {step}"), "a number other than 0"));
    };
    let distance = if step > 0 { limit - start } else { start - limit };
    let magnitude = i64::try_from(step.unsigned_abs()).unwrap_or(i64::MAX);
    let count = match distance.as_const() {
        Some(distance) => Dim::Const(distance.saturating_add(magnitude - 1).max(0) / magnitude),
        None => (distance + (magnitude - 1)).floor_div(&Dim::Const(magnitude)),
    };
    if let (Some(start), Some(count)) = (start.as_const(), count.as_usize().filter(|&n| n <= MAX_KNOWN)) {
        let value = |i: usize| start.saturating_add(step.saturating_mul(i as i64)).into();
        return Ok(vec![Value::Known(Known::vector(dtype, (0..count).map(value).collect()))]);
    }
    let shape = hadal_graph::Shape(vec![count]);
    super::expand::check_target(&shape)?;
    let mut node = cx.graph.iota(shape, 0, dtype)?;
    if step != 1 {
        let step = cx.graph.constant_scalar(Scalar::Int(step.into()), dtype)?;
        node = cx.graph.mul(node, step)?;
    }
    if !start.is(0) {
        let start = match start.as_const() {
            Some(start) => cx.graph.constant_scalar(Scalar::Int(start.into()), dtype)?,
            None => cx.graph.apply(hadal_graph::op::Size { size: start.clone(), dtype }, &[])?,
        };
        node = cx.graph.add(node, start)?;
    }
    Ok(vec![Value::Node(node)])
}

/// The upper or lower triangle of the last two axes.
fn trilu(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let upper = call.flag("upper", true)?;
    let diagonal = match cx.ints(call, 1, "a diagonal")?.as_deref() {
        None => 0,
        Some([k]) => *k,
        Some(_) => return Err(Refusal::malformed("a diagonal that is no scalar", "one number")),
    };
    let x = cx.operand(call, 0)?;
    let rank = cx.graph.shape(x).rank();
    if rank < 2 {
        return Err(Refusal::malformed(format!("rank {rank}"), "at least 2"));
    }
    let square = hadal_graph::Shape(cx.graph.shape(x)[rank - 2..].to_vec());
    let row = cx.graph.iota(square.clone(), 0, DType::I64)?;
    let column = cx.graph.iota(square, 1, DType::I64)?;
    let diagonal = cx.graph.constant_scalar(Scalar::Int(diagonal.into()), DType::I64)?;
    let edge = cx.graph.add(row, diagonal)?;
    let kept = cx.graph.compare(if upper { CompareOp::Ge } else { CompareOp::Le }, column, edge)?;
    let dtype = cx.graph.dtype(x);
    let zero = cx.graph.constant_scalar(Scalar::zero(dtype), dtype)?;
    Ok(vec![Value::Node(cx.graph.select(kept, x, zero)?)])
}
