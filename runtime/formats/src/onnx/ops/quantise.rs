//! Linear quantisation: `x = (q - zero_point) * scale`.

use super::{Operator, onnx};
use crate::onnx::call::Call;
use crate::onnx::importer::{Importer, Value};
use crate::onnx::refusal::Refusal;
use crate::onnx::tensor;
use hadal_graph::op::resolve_axis;
use hadal_graph::program::{ReduceOp, UnaryOp};
use hadal_graph::{DType, Dim, NodeId, Scalar, Shape};

pub(super) const OPERATORS: &[Operator] = &[
    onnx("DequantizeLinear", &[10, 13, 19, 21, 23, 24, 25], dequantise),
    onnx("DynamicQuantizeLinear", &[11], dynamic),
    onnx("QuantizeLinear", &[10, 13, 19, 21, 23, 24, 25], quantise),
];

/// A scale or zero point for `x`: one number, one for each position of an axis, or one for each block along it.
fn parameter(cx: &mut Importer, p: NodeId, x: NodeId, axis: i64, block: i64) -> Result<NodeId, Refusal> {
    let (shape, of) = (cx.graph.shape(p).clone(), cx.graph.shape(x).clone());
    if shape.rank() == 0 {
        return Ok(p);
    }
    if shape.rank() == 1 && shape[0].is(1) && block == 0 {
        return Ok(cx.graph.reshape(p, Shape::scalar())?);
    }
    let axis = resolve_axis(axis, of.rank())?;
    if block != 0 {
        if shape.rank() != of.rank() || block < 0 || &shape[axis] * block != of[axis] {
            let found = format!("scales of shape {shape} for {of} in blocks of {block}");
            return Err(Refusal::malformed(found, "one for each block"));
        }
        // [.., n / block, ..] becomes [.., n / block, block, ..] and then [.., n, ..].
        let mut wide = shape.clone();
        wide.0.insert(axis + 1, Dim::Const(block));
        let split = cx.graph.unsqueeze(p, axis + 1)?;
        let split = cx.graph.broadcast_to(split, &wide)?;
        return Ok(cx.graph.reshape(split, of)?);
    }
    if shape.rank() != 1 || shape[0] != of[axis] {
        let found = format!("scales of shape {shape} for axis {axis} of {of}");
        return Err(Refusal::malformed(found, "one number, or one for each position of the axis"));
    }
    let mut wide = vec![Dim::ONE; of.rank()];
    wide[axis] = shape[0].clone();
    Ok(cx.graph.reshape(p, Shape(wide))?)
}

fn dequantise(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let (axis, block) = (call.int("axis")?.unwrap_or(1), call.int("block_size")?.unwrap_or(0));
    let (x, scale) = (cx.operand(call, 0)?, cx.operand(call, 1)?);
    let dtype = cx.graph.dtype(scale);
    let result = match call.int("output_dtype")?.filter(|&d| d != 0) {
        None => dtype,
        Some(number) => output_dtype(number)?,
    };
    let mut value = x;
    if let Some(zero) = cx.optional(call, 2)? {
        let zero = parameter(cx, zero, x, axis, block)?;
        let wide = cx.graph.cast(x, DType::I32)?;
        let zero = cx.graph.cast(zero, DType::I32)?;
        value = cx.graph.sub(wide, zero)?;
    }
    let value = cx.graph.cast(value, dtype)?;
    let scale = parameter(cx, scale, x, axis, block)?;
    let value = cx.graph.mul(value, scale)?;
    Ok(vec![Value::Node(cx.graph.cast(value, result)?)])
}

fn output_dtype(number: i64) -> Result<DType, Refusal> {
    let dtype =
        i32::try_from(number).map_err(|_| format!("the element type {number}")).and_then(tensor::dtype);
    dtype.map_err(|what| Refusal::unsupported(format!("quantisation to {what}")))
}

/// `saturate(round(x / scale) + zero_point)`.
fn quantise(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    call.ignore(&["saturate", "precision"]);
    let (axis, block) = (call.int("axis")?.unwrap_or(1), call.int("block_size")?.unwrap_or(0));
    let (x, scale) = (cx.operand(call, 0)?, cx.operand(call, 1)?);
    let zero = cx.optional(call, 2)?;
    let dtype = match (zero, call.int("output_dtype")?.filter(|&d| d != 0)) {
        (Some(zero), _) => cx.graph.dtype(zero),
        (None, Some(number)) => output_dtype(number)?,
        (None, None) => DType::U8,
    };
    let scale = parameter(cx, scale, x, axis, block)?;
    let x = cx.graph.cast(x, DType::F32)?;
    let scale = cx.graph.cast(scale, DType::F32)?;
    let ratio = cx.graph.div(x, scale)?;
    let mut value = cx.graph.unary(UnaryOp::Round, ratio)?;
    if let Some(zero) = zero {
        let zero = parameter(cx, zero, x, axis, block)?;
        let zero = cx.graph.cast(zero, DType::F32)?;
        value = cx.graph.add(value, zero)?;
    }
    Ok(vec![Value::Node(saturated(cx, value, dtype)?)])
}

/// A float clamped to the range of an integer dtype of at most 16 bits, and cast.
fn saturated(cx: &mut Importer, value: NodeId, dtype: DType) -> Result<NodeId, Refusal> {
    let Some((low, high)) = dtype.int_range().filter(|_| dtype.is_int() && dtype.size() <= 2) else {
        return Err(Refusal::unsupported(format!("quantisation to {dtype}")));
    };
    let low = cx.graph.constant_scalar(Scalar::Float(low as f64), DType::F32)?;
    let high = cx.graph.constant_scalar(Scalar::Float(high as f64), DType::F32)?;
    let above = cx.graph.maximum(value, low)?;
    let clamped = cx.graph.minimum(above, high)?;
    Ok(cx.graph.cast(clamped, dtype)?)
}

/// Quantisation to 8 bits with a scale and zero point from the range of the data, which is widened to hold 0.
fn dynamic(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let x = cx.operand(call, 0)?;
    let axes: Vec<usize> = (0..cx.graph.shape(x).rank()).collect();
    let zero = cx.graph.scalar(0.0, DType::F32)?;
    let steps = cx.graph.scalar(255.0, DType::F32)?;
    let low = cx.graph.reduce(ReduceOp::Min, x, &axes)?;
    let low = cx.graph.minimum(low, zero)?;
    let high = cx.graph.reduce(ReduceOp::Max, x, &axes)?;
    let high = cx.graph.maximum(high, zero)?;
    let range = cx.graph.sub(high, low)?;
    let scale = cx.graph.div(range, steps)?;
    let offset = cx.graph.div(low, scale)?;
    let offset = cx.graph.unary(UnaryOp::Neg, offset)?;
    let offset = cx.graph.unary(UnaryOp::Round, offset)?;
    let point = saturated(cx, offset, DType::U8)?;
    let ratio = cx.graph.div(x, scale)?;
    let rounded = cx.graph.unary(UnaryOp::Round, ratio)?;
    let shift = cx.graph.cast(point, DType::F32)?;
    let shifted = cx.graph.add(rounded, shift)?;
    let value = saturated(cx, shifted, DType::U8)?;
    Ok(vec![Value::Node(value), Value::Node(scale), Value::Node(point)])
}
