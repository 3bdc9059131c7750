//! Activations.

use super::{Operator, onnx};
use crate::onnx::call::Call;
use crate::onnx::importer::{Importer, Value};
use crate::onnx::refusal::Refusal;
use hadal_graph::op::Gelu;
use hadal_graph::program::{CompareOp, UnaryOp};
use hadal_graph::{GraphError, NodeId, Scalar};

pub(super) const OPERATORS: &[Operator] = &[
    onnx("Celu", &[12], celu),
    onnx("Elu", &[6, 22], elu),
    onnx("Gelu", &[20], gelu),
    onnx("HardSigmoid", &[6, 22], hard_sigmoid),
    onnx("HardSwish", &[14, 22], hard_swish),
    onnx("LeakyRelu", &[6, 16], leaky_relu),
    onnx("Mish", &[18, 22], mish),
    onnx("PRelu", &[7, 9, 16], prelu),
    onnx("Relu", &[6, 13, 14], relu),
    onnx("Selu", &[6, 22], selu),
    onnx("Sigmoid", &[6, 13], sigmoid),
    onnx("Softplus", &[1, 22], softplus),
    onnx("Softsign", &[1, 22], softsign),
    onnx("Swish", &[24], swish),
    onnx("ThresholdedRelu", &[10, 22], thresholded_relu),
];

type Outcome = Result<Vec<Value>, Refusal>;

/// A constant of the dtype of `x`.
fn number(cx: &mut Importer, x: NodeId, value: f64) -> Result<NodeId, GraphError> {
    cx.graph.scalar(value, cx.graph.dtype(x))
}

fn relu(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    let x = cx.operand(call, 0)?;
    let zero = number(cx, x, 0.0)?;
    Ok(vec![Value::Node(cx.graph.maximum(x, zero)?)])
}

/// `x` where it is not negative, else `other`.
fn by_sign(cx: &mut Importer, x: NodeId, other: NodeId) -> Outcome {
    let zero = number(cx, x, 0.0)?;
    let below = cx.graph.compare(CompareOp::Lt, x, zero)?;
    Ok(vec![Value::Node(cx.graph.select(below, other, x)?)])
}

fn leaky_relu(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    let x = cx.operand(call, 0)?;
    let alpha = number(cx, x, call.float("alpha")?.unwrap_or(0.01).into())?;
    let scaled = cx.graph.mul(x, alpha)?;
    by_sign(cx, x, scaled)
}

fn prelu(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    let (x, slope) = (cx.operand(call, 0)?, cx.operand(call, 1)?);
    let scaled = cx.graph.mul(x, slope)?;
    by_sign(cx, x, scaled)
}

/// `alpha (e^(min(x, 0) / scale) - 1)`: the minimum keeps the branch that is not taken finite.
fn below_zero(cx: &mut Importer, x: NodeId, alpha: f64, scale: f64) -> Result<NodeId, GraphError> {
    let zero = number(cx, x, 0.0)?;
    let mut negative = cx.graph.minimum(x, zero)?;
    if scale != 1.0 {
        let scale = number(cx, x, scale)?;
        negative = cx.graph.div(negative, scale)?;
    }
    let exp = cx.graph.unary(UnaryOp::Expm1, negative)?;
    let alpha = number(cx, x, alpha)?;
    cx.graph.mul(exp, alpha)
}

fn elu(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    let x = cx.operand(call, 0)?;
    let other = below_zero(cx, x, call.float("alpha")?.unwrap_or(1.0).into(), 1.0)?;
    by_sign(cx, x, other)
}

fn celu(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    let x = cx.operand(call, 0)?;
    let alpha = f64::from(call.float("alpha")?.unwrap_or(1.0));
    let other = below_zero(cx, x, alpha, alpha)?;
    by_sign(cx, x, other)
}

fn selu(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    let x = cx.operand(call, 0)?;
    // The defaults are ONNX's, as f32.
    let alpha = call.float("alpha")?.unwrap_or(1.673_263_2);
    let gamma = f64::from(call.float("gamma")?.unwrap_or(1.050_701));
    let gamma = number(cx, x, gamma)?;
    let scaled = cx.graph.mul(x, gamma)?;
    let below = below_zero(cx, x, alpha.into(), 1.0)?;
    let below = cx.graph.mul(below, gamma)?;
    by_sign(cx, scaled, below)
}

fn gelu(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    let tanh = match call.text("approximate")? {
        None | Some("none") => false,
        Some("tanh") => true,
        Some(other) => return Err(Refusal::malformed(format!("approximate {other:?}"), "`none` or `tanh`")),
    };
    let x = cx.operand(call, 0)?;
    Ok(vec![Value::Node(cx.graph.apply(Gelu { tanh }, &[x])?)])
}

/// `1 / (1 + e^-x)`.
fn logistic(cx: &mut Importer, x: NodeId) -> Result<NodeId, GraphError> {
    let negative = cx.graph.unary(UnaryOp::Neg, x)?;
    let exp = cx.graph.unary(UnaryOp::Exp, negative)?;
    let one = number(cx, x, 1.0)?;
    let sum = cx.graph.add(exp, one)?;
    cx.graph.unary(UnaryOp::Reciprocal, sum)
}

fn sigmoid(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    let x = cx.operand(call, 0)?;
    Ok(vec![Value::Node(logistic(cx, x)?)])
}

fn swish(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    let x = cx.operand(call, 0)?;
    let alpha = number(cx, x, call.float("alpha")?.unwrap_or(1.0).into())?;
    let scaled = cx.graph.mul(x, alpha)?;
    let gate = logistic(cx, scaled)?;
    Ok(vec![Value::Node(cx.graph.mul(x, gate)?)])
}

/// `clamp(alpha x + beta, 0, 1)`.
fn hard_gate(cx: &mut Importer, x: NodeId, alpha: f64, beta: f64) -> Result<NodeId, GraphError> {
    let (alpha, beta) = (number(cx, x, alpha)?, number(cx, x, beta)?);
    let scaled = cx.graph.mul(x, alpha)?;
    let line = cx.graph.add(scaled, beta)?;
    let (zero, one) = (number(cx, x, 0.0)?, number(cx, x, 1.0)?);
    let above = cx.graph.maximum(line, zero)?;
    cx.graph.minimum(above, one)
}

fn hard_sigmoid(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    let x = cx.operand(call, 0)?;
    let (alpha, beta) = (call.float("alpha")?.unwrap_or(0.2), call.float("beta")?.unwrap_or(0.5));
    Ok(vec![Value::Node(hard_gate(cx, x, alpha.into(), beta.into())?)])
}

fn hard_swish(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    let x = cx.operand(call, 0)?;
    let gate = hard_gate(cx, x, 1.0 / 6.0, 0.5)?;
    Ok(vec![Value::Node(cx.graph.mul(x, gate)?)])
}

/// `ln(1 + e^x)` as `max(x, 0) + ln(1 + e^-|x|)`, which does not overflow.
fn soft_plus(cx: &mut Importer, x: NodeId) -> Result<NodeId, GraphError> {
    let zero = number(cx, x, 0.0)?;
    let above = cx.graph.maximum(x, zero)?;
    let magnitude = cx.graph.unary(UnaryOp::Abs, x)?;
    let negative = cx.graph.unary(UnaryOp::Neg, magnitude)?;
    let exp = cx.graph.unary(UnaryOp::Exp, negative)?;
    let log = cx.graph.unary(UnaryOp::Log1p, exp)?;
    cx.graph.add(above, log)
}

fn softplus(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    let x = cx.operand(call, 0)?;
    Ok(vec![Value::Node(soft_plus(cx, x)?)])
}

fn mish(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    let x = cx.operand(call, 0)?;
    let soft = soft_plus(cx, x)?;
    let gate = cx.graph.unary(UnaryOp::Tanh, soft)?;
    Ok(vec![Value::Node(cx.graph.mul(x, gate)?)])
}

fn softsign(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    let x = cx.operand(call, 0)?;
    let magnitude = cx.graph.unary(UnaryOp::Abs, x)?;
    let one = number(cx, x, 1.0)?;
    let divisor = cx.graph.add(magnitude, one)?;
    Ok(vec![Value::Node(cx.graph.div(x, divisor)?)])
}

fn thresholded_relu(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    let x = cx.operand(call, 0)?;
    let dtype = cx.graph.dtype(x);
    let alpha = f64::from(call.float("alpha")?.unwrap_or(1.0));
    let alpha = cx.graph.constant_scalar(Scalar::new(alpha, dtype), dtype)?;
    let above = cx.graph.compare(CompareOp::Gt, x, alpha)?;
    let zero = number(cx, x, 0.0)?;
    Ok(vec![Value::Node(cx.graph.select(above, x, zero)?)])
}
