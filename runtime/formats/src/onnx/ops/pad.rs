//! Borders.

use super::{Operator, onnx};
use crate::onnx::call::Call;
use crate::onnx::importer::{Importer, Value};
use crate::onnx::refusal::Refusal;
use hadal_graph::op::{self, resolve_axis};
use hadal_graph::program::CompareOp;
use hadal_graph::{Dim, HostTensor, NodeId, Scalar};

pub(super) const OPERATORS: &[Operator] = &[onnx("Pad", &[2, 11, 13, 18, 19, 21, 23, 24, 25], pad)];

fn pad(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let mode = call.text("mode")?.unwrap_or("constant");
    let x = cx.operand(call, 0)?;
    let (shape, dtype) = (cx.graph.shape(x).clone(), cx.graph.dtype(x));
    let rank = shape.rank();
    let (pads, axes) = if call.opset < 11 {
        (call.ints("pads")?.map(|p| p.into_iter().map(Dim::Const).collect()), None)
    } else {
        (cx.dims(call, 1, "a padding")?, cx.ints(call, 3, "a list of axes")?)
    };
    let pads: Vec<Dim> = pads.ok_or_else(|| Refusal::malformed("no pads", "some"))?;
    let axes: Vec<usize> = match axes {
        None => (0..rank).collect(),
        Some(axes) => axes.into_iter().map(|a| resolve_axis(a, rank)).collect::<Result<_, _>>()?,
    };
    if pads.len() != 2 * axes.len() {
        let found = format!("{} pads", pads.len());
        return Err(Refusal::malformed(found, format!("two for each of {} axes", axes.len())));
    }
    let (mut low, mut high) = (vec![Dim::ZERO; rank], vec![Dim::ZERO; rank]);
    for (i, &axis) in axes.iter().enumerate() {
        low[axis] = pads[i].clone();
        high[axis] = pads[axes.len() + i].clone();
    }
    // Negative padding takes elements away, before anything is added.
    let negative = |p: &Dim| p.as_const().is_some_and(|p| p < 0);
    let mut cut = op::Slice { starts: vec![Dim::ZERO; rank], extents: shape.0.clone(), steps: vec![1; rank] };
    for axis in 0..rank {
        for (side, from_start) in [(&mut low[axis], true), (&mut high[axis], false)] {
            if negative(side) {
                cut.extents[axis] = &cut.extents[axis] + &*side;
                if from_start {
                    cut.starts[axis] = &*side * -1;
                }
                *side = Dim::ZERO;
            }
        }
    }
    let x = if cut.extents == shape.0 { x } else { cx.graph.apply(cut, &[x])? };
    if low.iter().chain(&high).all(|p| p.is(0)) {
        return Ok(vec![Value::Node(x)]);
    }
    match mode {
        "constant" => {}
        "edge" | "reflect" | "wrap" => return around(cx, x, mode, &low, &high),
        other => {
            return Err(Refusal::malformed(format!("mode {other:?}"), "constant, edge, reflect or wrap"));
        }
    }
    let given = if call.opset < 11 {
        call.float("value")?.map(|v| HostTensor::scalar(dtype, Scalar::new(v.into(), dtype)))
    } else if call.inputs.get(2).copied().flatten().is_some() {
        match cx.tensor(call, 2) {
            Some(tensor) => Some(tensor.clone()),
            // A value that is data: everything outside is replaced by it.
            None => return with_data(cx, call, x, low, high),
        }
    } else {
        None
    };
    let value = match given.as_ref().map(|t| (t.elements(), t.dtype(), t.scalars().next())) {
        None => Scalar::zero(dtype),
        Some((1, given, Some(value))) if given == dtype => value,
        Some((elements, given, _)) => {
            return Err(Refusal::malformed(format!("a value of {elements} {given}"), format!("one {dtype}")));
        }
    };
    Ok(vec![Value::Node(cx.graph.apply(op::Pad { low, high, value }, &[x])?)])
}

fn with_data(
    cx: &mut Importer,
    call: &Call<'_>,
    x: NodeId,
    low: Vec<Dim>,
    high: Vec<Dim>,
) -> Result<Vec<Value>, Refusal> {
    let dtype = cx.graph.dtype(x);
    let value = cx.operand(call, 2)?;
    let value = cx.graph.reshape(value, hadal_graph::Shape::scalar())?;
    let one = cx.graph.constant_scalar(Scalar::Bool(true), hadal_graph::DType::Bool)?;
    let shape = cx.graph.shape(x).clone();
    let inside = cx.graph.broadcast_to(one, &shape)?;
    let outside = op::Pad { low: low.clone(), high: high.clone(), value: Scalar::Bool(false) };
    let inside = cx.graph.apply(outside, &[inside])?;
    let padded = cx.graph.apply(op::Pad { low, high, value: Scalar::zero(dtype) }, &[x])?;
    Ok(vec![Value::Node(cx.graph.select(inside, padded, value)?)])
}

/// Borders made of the tensor's own elements: each axis is gathered at positions that are clamped, mirrored or wrapped.
fn around(
    cx: &mut Importer,
    mut x: NodeId,
    mode: &str,
    low: &[Dim],
    high: &[Dim],
) -> Result<Vec<Value>, Refusal> {
    for axis in 0..low.len() {
        if low[axis].is(0) && high[axis].is(0) {
            continue;
        }
        let extent = cx.graph.shape(x)[axis].clone();
        let (Some(n), Some(before), Some(after)) =
            (extent.as_const(), low[axis].as_const(), high[axis].as_const())
        else {
            return Err(Refusal::unsupported(format!("`{mode}` padding of an axis of {extent} elements"))
                .with_hint("export the model with that axis static"));
        };
        let reach = if mode == "reflect" { n - 1 } else { n };
        if n == 0 || (mode != "edge" && before.max(after) > reach) {
            let found = format!("{before} and {after} elements around {n}");
            return Err(Refusal::malformed(found, format!("at most {reach} for `{mode}`")));
        }
        let dtype = hadal_graph::DType::I32;
        let total = Dim::Const(before.saturating_add(n).saturating_add(after));
        let position = cx.graph.iota([total], 0, dtype)?;
        let mut number = |value: i64| cx.graph.constant_scalar(Scalar::Int(value.into()), dtype);
        let [shift, zero, last, period] = [number(before)?, number(0)?, number(n - 1)?, number(n)?];
        let position = cx.graph.sub(position, shift)?;
        let position = match mode {
            "edge" => {
                let above = cx.graph.maximum(position, zero)?;
                cx.graph.minimum(above, last)?
            }
            "reflect" => {
                // last - |last - |position||
                let mirrored = cx.graph.unary(hadal_graph::program::UnaryOp::Abs, position)?;
                let past = cx.graph.sub(last, mirrored)?;
                let past = cx.graph.unary(hadal_graph::program::UnaryOp::Abs, past)?;
                cx.graph.sub(last, past)?
            }
            _ => {
                let below = cx.graph.compare(CompareOp::Lt, position, zero)?;
                let raised = cx.graph.add(position, period)?;
                let position = cx.graph.select(below, raised, position)?;
                let above = cx.graph.compare(CompareOp::Gt, position, last)?;
                let lowered = cx.graph.sub(position, period)?;
                cx.graph.select(above, lowered, position)?
            }
        };
        x = cx.graph.gather(x, axis, position)?;
    }
    Ok(vec![Value::Node(x)])
}
