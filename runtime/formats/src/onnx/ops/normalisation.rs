//! Normalisation.

use super::contraction::channels;
use super::{Operator, onnx};
use crate::onnx::call::Call;
use crate::onnx::importer::{Importer, Value};
use crate::onnx::refusal::Refusal;
use hadal_graph::op::{LayerNorm, resolve_axis};
use hadal_graph::program::{CompareOp, ReduceOp, UnaryOp};
use hadal_graph::{DType, Dim, HostTensor, NodeId, Scalar, Shape};

pub(super) const OPERATORS: &[Operator] = &[
    onnx("BatchNormalization", &[7, 9, 14, 15], batch),
    onnx("GroupNormalization", &[21], group),
    onnx("InstanceNormalization", &[6, 22], instance),
    onnx("LayerNormalization", &[17], layer),
    onnx("LpNormalization", &[1, 22], lp),
    onnx("RMSNormalization", &[23], rms),
];

type Outcome = Result<Vec<Value>, Refusal>;

fn epsilon(call: &Call<'_>) -> Result<f64, Refusal> {
    Ok(call.float("epsilon")?.unwrap_or(1e-5).into())
}

fn batch(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    call.at_most_results(1)?;
    call.ignore(&["momentum"]);
    if call.flag("training_mode", false)? || !call.flag("spatial", true)? {
        return Err(Refusal::unsupported("batch normalisation in training mode or without channels")
            .with_hint("export the model for inference"));
    }
    let x = cx.operand(call, 0)?;
    let [weight, bias, mean, variance] =
        [cx.operand(call, 1)?, cx.operand(call, 2)?, cx.operand(call, 3)?, cx.operand(call, 4)?];
    // On the vectors first, so that one multiplication and one addition remain for each element.
    let small = cx.graph.scalar(epsilon(call)?, cx.graph.dtype(variance))?;
    let stable = cx.graph.add(variance, small)?;
    let scale = cx.graph.unary(UnaryOp::Rsqrt, stable)?;
    let weight = cx.graph.cast(weight, cx.graph.dtype(scale))?;
    let factor = cx.graph.mul(scale, weight)?;
    let moved = cx.graph.mul(mean, factor)?;
    let bias = cx.graph.cast(bias, cx.graph.dtype(moved))?;
    let offset = cx.graph.sub(bias, moved)?;
    let (rank, dtype) = (cx.graph.shape(x).rank(), cx.graph.dtype(x));
    let factor = cx.graph.cast(factor, dtype)?;
    let factor = channels(cx, factor, rank)?;
    let offset = cx.graph.cast(offset, dtype)?;
    let offset = channels(cx, offset, rank)?;
    let scaled = cx.graph.mul(x, factor)?;
    Ok(vec![Value::Node(cx.graph.add(scaled, offset)?)])
}

fn layer(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    call.at_most_results(1)?;
    call.ignore(&["stash_type"]); // The graph accumulates in f32 at least.
    let x = cx.operand(call, 0)?;
    let shape = cx.graph.shape(x).clone();
    let axis = resolve_axis(call.int("axis")?.unwrap_or(-1), shape.rank())?;
    let width: Dim = shape[axis..].iter().cloned().product();
    let rows: Shape = shape[..axis].iter().cloned().chain([width.clone()]).collect();
    let flat = cx.graph.reshape(x, rows)?;
    let weight = cx.operand(call, 1)?;
    let weight = vector(cx, weight, &shape[axis..], &width)?;
    let bias = match cx.optional(call, 2)? {
        Some(bias) => vector(cx, bias, &shape[axis..], &width)?,
        None => {
            let dtype = cx.graph.dtype(x);
            let zero = cx.graph.constant(HostTensor::scalar(dtype, Scalar::zero(dtype)))?;
            cx.graph.broadcast_to(zero, &Shape(vec![width]))?
        }
    };
    let op = LayerNorm { epsilon: Scalar::Float(epsilon(call)?) };
    let result = cx.graph.apply(op, &[flat, weight, bias])?;
    Ok(vec![Value::Node(cx.graph.reshape(result, shape)?)])
}

/// A weight over the normalised axes, to which it broadcasts, as a vector.
fn vector(cx: &mut Importer, x: NodeId, normalised: &[Dim], width: &Dim) -> Result<NodeId, Refusal> {
    let wide = cx.graph.broadcast_to(x, &Shape(normalised.to_vec()))?;
    Ok(cx.graph.reshape(wide, [width.clone()])?)
}

fn rms(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    call.ignore(&["stash_type"]);
    let (x, weight) = (cx.operand(call, 0)?, cx.operand(call, 1)?);
    let rank = cx.graph.shape(x).rank();
    let axis = resolve_axis(call.int("axis")?.unwrap_or(-1), rank)?;
    let axes: Vec<usize> = (axis..rank).collect();
    let dtype = cx.graph.dtype(x);
    let wide = cx.graph.cast(x, dtype.accumulator())?;
    let square = cx.graph.mul(wide, wide)?;
    let mean = cx.graph.mean_keep(square, &axes)?;
    let scaled = scaled_by_deviation(cx, wide, mean, epsilon(call)?)?;
    let scaled = cx.graph.cast(scaled, dtype)?;
    Ok(vec![Value::Node(cx.graph.mul(scaled, weight)?)])
}

/// `x / sqrt(variance + epsilon)`.
fn scaled_by_deviation(
    cx: &mut Importer,
    x: NodeId,
    variance: NodeId,
    epsilon: f64,
) -> Result<NodeId, Refusal> {
    let epsilon = cx.graph.scalar(epsilon, cx.graph.dtype(variance))?;
    let stable = cx.graph.add(variance, epsilon)?;
    let scale = cx.graph.unary(UnaryOp::Rsqrt, stable)?;
    Ok(cx.graph.mul(x, scale)?)
}

/// `(x - mean) / sqrt(variance + epsilon)` over some axes, in the accumulator's dtype.
fn standardised(cx: &mut Importer, x: NodeId, axes: &[usize], epsilon: f64) -> Result<NodeId, Refusal> {
    let dtype: DType = cx.graph.dtype(x);
    let wide = cx.graph.cast(x, dtype.accumulator())?;
    let mean = cx.graph.mean_keep(wide, axes)?;
    let centred = cx.graph.sub(wide, mean)?;
    let square = cx.graph.mul(centred, centred)?;
    let variance = cx.graph.mean_keep(square, axes)?;
    let scaled = scaled_by_deviation(cx, centred, variance, epsilon)?;
    Ok(cx.graph.cast(scaled, dtype)?)
}

/// `x * weight + bias`, where both are vectors over channels.
fn affine(cx: &mut Importer, call: &Call<'_>, x: NodeId) -> Outcome {
    let rank = cx.graph.shape(x).rank();
    let (weight, bias) = (cx.operand(call, 1)?, cx.operand(call, 2)?);
    let (weight, bias) = (channels(cx, weight, rank)?, channels(cx, bias, rank)?);
    let scaled = cx.graph.mul(x, weight)?;
    Ok(vec![Value::Node(cx.graph.add(scaled, bias)?)])
}

fn instance(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    let x = cx.operand(call, 0)?;
    let axes: Vec<usize> = (2..cx.graph.shape(x).rank()).collect();
    let normal = standardised(cx, x, &axes, epsilon(call)?)?;
    affine(cx, call, normal)
}

fn group(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    call.ignore(&["stash_type"]);
    let x = cx.operand(call, 0)?;
    let shape = cx.graph.shape(x).clone();
    let groups = call.int("num_groups")?.filter(|&g| g > 0).map(Dim::Const);
    let inner = groups.as_ref().zip(shape.get(1)).and_then(|(groups, c)| c.exact_div(groups));
    let (Some(groups), Some(inner)) = (groups, inner) else {
        return Err(Refusal::malformed(
            format!("num_groups for a shape of {shape}"),
            "a divisor of the channels",
        ));
    };
    let split: Shape =
        [shape[0].clone(), groups, inner].into_iter().chain(shape[2..].iter().cloned()).collect();
    let axes: Vec<usize> = (2..split.rank()).collect();
    let split = cx.graph.reshape(x, split)?;
    let normal = standardised(cx, split, &axes, epsilon(call)?)?;
    let normal = cx.graph.reshape(normal, shape)?;
    affine(cx, call, normal)
}

fn lp(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    let x = cx.operand(call, 0)?;
    let axis = resolve_axis(call.int("axis")?.unwrap_or(-1), cx.graph.shape(x).rank())?;
    let norm = match call.int("p")?.unwrap_or(2) {
        1 => {
            let magnitude = cx.graph.unary(UnaryOp::Abs, x)?;
            cx.graph.reduce_keep(ReduceOp::Sum, magnitude, &[axis])?
        }
        2 => {
            let square = cx.graph.mul(x, x)?;
            let sum = cx.graph.reduce_keep(ReduceOp::Sum, square, &[axis])?;
            cx.graph.unary(UnaryOp::Sqrt, sum)?
        }
        p => return Err(Refusal::malformed(format!("p of {p}"), "1 or 2")),
    };
    // A row of zeros stays one.
    let zero = cx.graph.scalar(0.0, cx.graph.dtype(norm))?;
    let empty = cx.graph.compare(CompareOp::Eq, norm, zero)?;
    let one = cx.graph.scalar(1.0, cx.graph.dtype(norm))?;
    let divisor = cx.graph.select(empty, one, norm)?;
    Ok(vec![Value::Node(cx.graph.div(x, divisor)?)])
}
