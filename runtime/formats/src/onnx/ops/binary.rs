//! Elementwise functions and comparisons of two or more operands that broadcast.

use super::{Operator, onnx};
use crate::onnx::call::Call;
use crate::onnx::importer::{Importer, Value};
use crate::onnx::known::Known;
use crate::onnx::refusal::Refusal;
use hadal_graph::program::{BinaryOp, CompareOp};
use hadal_graph::{DType, Dim, NodeId, Scalar};

pub(super) const OPERATORS: &[Operator] = &[
    onnx("Add", &[7, 13, 14], add),
    onnx("And", &[7], and),
    onnx("BitShift", &[11], bit_shift),
    onnx("BitwiseAnd", &[18], and),
    onnx("BitwiseOr", &[18], or),
    onnx("BitwiseXor", &[18], xor),
    onnx("Div", &[7, 13, 14], div),
    onnx("Equal", &[7, 11, 13, 19], equal),
    onnx("Greater", &[7, 9, 13], greater),
    onnx("GreaterOrEqual", &[12, 16], greater_or_equal),
    onnx("Less", &[7, 9, 13], less),
    onnx("LessOrEqual", &[12, 16], less_or_equal),
    onnx("Max", &[8, 12, 13], max),
    onnx("Mean", &[8, 13], mean),
    onnx("Min", &[8, 12, 13], min),
    onnx("Mod", &[10, 13], modulo),
    onnx("Mul", &[7, 13, 14], mul),
    onnx("Or", &[7], or),
    onnx("Pow", &[7, 12, 13, 15], pow),
    onnx("Sub", &[7, 13, 14], sub),
    onnx("Sum", &[8, 13], sum),
    onnx("Xor", &[7], xor),
];

type Outcome = Result<Vec<Value>, Refusal>;

/// What an operation does to sizes that are known.
type OnDims = fn(&Dim, &Dim) -> Option<Dim>;

fn known(cx: &Importer, call: &Call<'_>, result: Option<DType>, f: OnDims) -> Option<Known> {
    let (a, b) = (cx.known(call, 0)?, cx.known(call, 1)?);
    if a.dtype != b.dtype {
        return None;
    }
    a.zip(&b, result.unwrap_or(a.dtype), f)
}

fn binary(cx: &mut Importer, call: &Call<'_>, op: BinaryOp, on_dims: OnDims) -> Outcome {
    if let Some(known) = known(cx, call, None, on_dims) {
        return Ok(vec![Value::Known(known)]);
    }
    let (a, b) = (cx.operand(call, 0)?, cx.operand(call, 1)?);
    Ok(vec![Value::Node(cx.graph.binary(op, a, b)?)])
}

/// Both as numbers.
fn consts(a: &Dim, b: &Dim) -> Option<(i64, i64)> {
    Some((a.as_const()?, b.as_const()?))
}

fn add(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    binary(cx, call, BinaryOp::Add, |a, b| Some(a + b))
}

fn sub(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    binary(cx, call, BinaryOp::Sub, |a, b| Some(a - b))
}

fn mul(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    binary(cx, call, BinaryOp::Mul, |a, b| Some(a * b))
}

fn div(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    // Sizes are not negative, so rounding towards zero is rounding down.
    binary(cx, call, BinaryOp::Div, |a, b| match (consts(a, b), b.as_const()) {
        (Some((a, b)), _) => a.checked_div(b).map(Dim::Const),
        (None, Some(divisor)) if divisor > 0 => Some(a.floor_div(b)),
        (None, Some(_)) => None,
        (None, None) => a.exact_div(b),
    })
}

fn and(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    binary(cx, call, BinaryOp::And, |a, b| consts(a, b).map(|(a, b)| Dim::Const(a & b)))
}

fn or(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    binary(cx, call, BinaryOp::Or, |a, b| consts(a, b).map(|(a, b)| Dim::Const(a | b)))
}

fn xor(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    binary(cx, call, BinaryOp::Xor, |a, b| consts(a, b).map(|(a, b)| Dim::Const(a ^ b)))
}

fn pow(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    let (a, b) = (cx.operand(call, 0)?, cx.operand(call, 1)?);
    let dtype = cx.graph.dtype(a);
    let (a, b) = match (dtype.is_float(), cx.graph.dtype(b).is_float()) {
        // An integer to a fractional power is computed as a float and rounded to the integer's dtype, which is what ONNX says.
        (false, true) => (cx.graph.cast(a, cx.graph.dtype(b))?, b),
        _ => (a, cx.graph.cast(b, dtype)?),
    };
    let power = cx.graph.pow(a, b)?;
    Ok(vec![Value::Node(cx.graph.cast(power, dtype)?)])
}

fn modulo(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    let fmod = call.flag("fmod", false)?;
    if !fmod
        && let Some(known) = known(cx, call, None, |a, b| {
            consts(a, b).filter(|(_, b)| *b > 0).map(|(a, b)| Dim::Const(a.rem_euclid(b)))
        })
    {
        return Ok(vec![Value::Known(known)]);
    }
    let (a, b) = (cx.operand(call, 0)?, cx.operand(call, 1)?);
    let remainder = cx.graph.binary(BinaryOp::Rem, a, b)?;
    let dtype = cx.graph.dtype(a);
    if fmod || (dtype.is_int() && !dtype.is_signed_int()) {
        return Ok(vec![Value::Node(remainder)]);
    }
    // With the sign of the divisor: add the divisor where the remainder is not zero and has the other sign.
    let zero = cx.graph.scalar(0.0, dtype)?;
    let nonzero = cx.graph.compare(CompareOp::Ne, remainder, zero)?;
    let below = cx.graph.compare(CompareOp::Lt, remainder, zero)?;
    let divisor_below = cx.graph.compare(CompareOp::Lt, b, zero)?;
    let differ = cx.graph.binary(BinaryOp::Xor, below, divisor_below)?;
    let shifted = cx.graph.binary(BinaryOp::And, nonzero, differ)?;
    let sum = cx.graph.add(remainder, b)?;
    Ok(vec![Value::Node(cx.graph.select(shifted, sum, remainder)?)])
}

fn bit_shift(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    let op = match call.text("direction")? {
        Some("LEFT") => BinaryOp::Shl,
        Some("RIGHT") => BinaryOp::Shr,
        other => return Err(Refusal::malformed(format!("direction {other:?}"), "LEFT or RIGHT")),
    };
    let (a, b) = (cx.operand(call, 0)?, cx.operand(call, 1)?);
    let shifted = cx.graph.binary(op, a, b)?;
    // The graph's shifts are modulo the width; ONNX's shift everything out.
    let dtype = cx.graph.dtype(a);
    let width = cx.graph.constant_scalar(Scalar::Int(8 * dtype.size() as i128), dtype)?;
    let inside = cx.graph.compare(CompareOp::Lt, b, width)?;
    let zero = cx.graph.scalar(0.0, dtype)?;
    Ok(vec![Value::Node(cx.graph.select(inside, shifted, zero)?)])
}

fn compare(cx: &mut Importer, call: &Call<'_>, op: CompareOp, f: fn(i64, i64) -> bool) -> Outcome {
    let decided = match (cx.known(call, 0), cx.known(call, 1)) {
        (Some(a), Some(b)) if a.dtype == b.dtype => a.zip(&b, DType::Bool, |a, b| {
            if op == CompareOp::Eq && a == b {
                return Some(Dim::ONE);
            }
            // A symbol is at least 0, so it differs from a negative number; all else needs two numbers.
            if op == CompareOp::Eq
                && (a.as_symbol().is_some() && b.as_const().is_some_and(|b| b < 0)
                    || b.as_symbol().is_some() && a.as_const().is_some_and(|a| a < 0))
            {
                return Some(Dim::ZERO);
            }
            consts(a, b).map(|(a, b)| Dim::Const(f(a, b).into()))
        }),
        _ => None,
    };
    if let Some(known) = decided {
        return Ok(vec![Value::Known(known)]);
    }
    let (a, b) = (cx.operand(call, 0)?, cx.operand(call, 1)?);
    Ok(vec![Value::Node(cx.graph.compare(op, a, b)?)])
}

fn equal(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    compare(cx, call, CompareOp::Eq, |a, b| a == b)
}

fn greater(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    compare(cx, call, CompareOp::Gt, |a, b| a > b)
}

fn greater_or_equal(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    compare(cx, call, CompareOp::Ge, |a, b| a >= b)
}

fn less(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    compare(cx, call, CompareOp::Lt, |a, b| a < b)
}

fn less_or_equal(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    compare(cx, call, CompareOp::Le, |a, b| a <= b)
}

/// All operands, combined from the left.
fn variadic(cx: &mut Importer, call: &Call<'_>, op: BinaryOp) -> Result<NodeId, Refusal> {
    let mut result = cx.operand(call, 0)?;
    for index in 1..call.inputs.len() {
        let next = cx.operand(call, index)?;
        result = cx.graph.binary(op, result, next)?;
    }
    Ok(result)
}

/// Which of two sizes is the larger, if that does not depend on the run.
fn larger(a: &Dim, b: &Dim) -> Option<bool> {
    (a - b).as_const().map(|difference| difference >= 0)
}

fn max(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    let chosen = |a: &Dim, b: &Dim| larger(a, b).map(|a_is| if a_is { a.clone() } else { b.clone() });
    extreme(cx, call, BinaryOp::Max, chosen)
}

fn min(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    let chosen = |a: &Dim, b: &Dim| larger(a, b).map(|a_is| if a_is { b.clone() } else { a.clone() });
    extreme(cx, call, BinaryOp::Min, chosen)
}

fn extreme(cx: &mut Importer, call: &Call<'_>, op: BinaryOp, on_dims: OnDims) -> Outcome {
    if call.inputs.len() == 2
        && let Some(known) = known(cx, call, None, on_dims)
    {
        return Ok(vec![Value::Known(known)]);
    }
    Ok(vec![Value::Node(variadic(cx, call, op)?)])
}

fn sum(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    Ok(vec![Value::Node(variadic(cx, call, BinaryOp::Add)?)])
}

fn mean(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    let sum = variadic(cx, call, BinaryOp::Add)?;
    let count = cx.graph.scalar(call.inputs.len() as f64, cx.graph.dtype(sum))?;
    Ok(vec![Value::Node(cx.graph.div(sum, count)?)])
}
