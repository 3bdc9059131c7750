//! Reductions and running sums.

use super::{Operator, onnx};
use crate::onnx::call::Call;
use crate::onnx::importer::{Importer, Value};
use crate::onnx::known::Known;
use crate::onnx::refusal::Refusal;
use hadal_graph::op::{Cumulative, resolve_axis};
use hadal_graph::program::{ReduceOp, UnaryOp};
use hadal_graph::{DType, NodeId};

pub(super) const OPERATORS: &[Operator] = &[
    onnx("ArgMax", &[1, 11, 12, 13], arg_max),
    onnx("ArgMin", &[1, 11, 12, 13], arg_min),
    onnx("CumSum", &[11, 14], cum_sum),
    onnx("ReduceL1", &[1, 11, 13, 18], l1),
    onnx("ReduceL2", &[1, 11, 13, 18], l2),
    onnx("ReduceLogSum", &[1, 11, 13, 18], log_sum),
    onnx("ReduceLogSumExp", &[1, 11, 13, 18], log_sum_exp),
    onnx("ReduceMax", &[1, 11, 12, 13, 18, 20], max),
    onnx("ReduceMean", &[1, 11, 13, 18], mean),
    onnx("ReduceMin", &[1, 11, 12, 13, 18, 20], min),
    onnx("ReduceProd", &[1, 11, 13, 18], prod),
    onnx("ReduceSum", &[1, 11, 13], sum),
    onnx("ReduceSumSquare", &[1, 11, 13, 18], sum_square),
];

type Outcome = Result<Vec<Value>, Refusal>;

/// The axes that a node reduces and whether they stay with extent 1; no axes when the node returns its operand. `since` is the opset from
/// which axes are an operand.
fn axes(
    cx: &mut Importer,
    call: &Call<'_>,
    since: i64,
) -> Result<(NodeId, Option<Vec<usize>>, bool), Refusal> {
    let keep = call.flag("keepdims", true)?;
    let no_operation = call.flag("noop_with_empty_axes", false)?;
    let given = if call.opset < since { call.ints("axes")? } else { cx.ints(call, 1, "a list of axes")? };
    let x = cx.operand(call, 0)?;
    let rank = cx.graph.shape(x).rank();
    let axes = match given {
        Some(axes) if !axes.is_empty() => {
            let mut axes: Vec<usize> =
                axes.into_iter().map(|a| resolve_axis(a, rank)).collect::<Result<_, _>>()?;
            axes.sort_unstable();
            axes.dedup();
            Some(axes)
        }
        _ if no_operation => None,
        _ => Some((0..rank).collect()),
    };
    Ok((x, axes, keep))
}

fn reduce(cx: &mut Importer, x: NodeId, op: ReduceOp, axes: &[usize], keep: bool) -> Result<NodeId, Refusal> {
    Ok(if keep { cx.graph.reduce_keep(op, x, axes)? } else { cx.graph.reduce(op, x, axes)? })
}

/// A reduction between two elementwise functions.
fn between(
    cx: &mut Importer,
    call: &Call<'_>,
    since: i64,
    before: fn(&mut Importer, NodeId) -> Result<NodeId, Refusal>,
    op: ReduceOp,
    after: Option<UnaryOp>,
) -> Outcome {
    let (x, axes, keep) = axes(cx, call, since)?;
    let mut x = before(cx, x)?;
    if let Some(axes) = axes {
        x = reduce(cx, x, op, &axes, keep)?;
    }
    if let Some(after) = after {
        x = cx.graph.unary(after, x)?;
    }
    Ok(vec![Value::Node(x)])
}

fn same(_: &mut Importer, x: NodeId) -> Result<NodeId, Refusal> {
    Ok(x)
}

fn square(cx: &mut Importer, x: NodeId) -> Result<NodeId, Refusal> {
    Ok(cx.graph.mul(x, x)?)
}

fn sum(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    between(cx, call, 13, same, ReduceOp::Sum, None)
}

/// Extremes of booleans are those of 0 and 1.
fn extreme(cx: &mut Importer, call: &Call<'_>, op: ReduceOp) -> Outcome {
    between(cx, call, 18, same, op, None)
}

fn max(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    extreme(cx, call, ReduceOp::Max)
}

fn min(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    extreme(cx, call, ReduceOp::Min)
}

fn prod(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    if let Some(known) = cx.known(call, 0).filter(|k| k.vector && k.dims.len() <= 8)
        && call.count() <= 2
    {
        let all = axes_are_all(cx, call)?;
        let keep = call.flag("keepdims", true)?;
        if all {
            let mut product = Known::scalar(known.dtype, hadal_graph::Dim::ONE);
            for dim in &known.dims {
                let factor = Known::scalar(known.dtype, dim.clone());
                match product.zip(&factor, known.dtype, |a, b| Some(a * b)) {
                    Some(next) => product = next,
                    None => return between(cx, call, 18, same, ReduceOp::Product, None),
                }
            }
            product.vector = keep;
            return Ok(vec![Value::Known(product)]);
        }
    }
    between(cx, call, 18, same, ReduceOp::Product, None)
}

/// Whether a reduction of a vector reduces its only axis.
fn axes_are_all(cx: &Importer, call: &Call<'_>) -> Result<bool, Refusal> {
    let no_operation = call.flag("noop_with_empty_axes", false)?;
    let given = if call.opset < 18 { call.ints("axes")? } else { cx.ints(call, 1, "a list of axes")? };
    Ok(match given.as_deref() {
        None | Some([]) => !no_operation,
        Some(axes) => axes.iter().all(|a| matches!(a, 0 | -1)),
    })
}

fn mean(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    let (x, axes, keep) = axes(cx, call, 18)?;
    let Some(axes) = axes else { return Ok(vec![Value::Node(x)]) };
    let mean = cx.graph.mean_keep(x, &axes)?;
    if keep {
        return Ok(vec![Value::Node(mean)]);
    }
    let shape = cx.graph.shape(x).clone();
    let rest: hadal_graph::Shape =
        (0..shape.rank()).filter(|a| !axes.contains(a)).map(|a| shape[a].clone()).collect();
    Ok(vec![Value::Node(cx.graph.reshape(mean, rest)?)])
}

fn l1(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    between(cx, call, 18, |cx, x| Ok(cx.graph.unary(UnaryOp::Abs, x)?), ReduceOp::Sum, None)
}

fn l2(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    between(cx, call, 18, square, ReduceOp::Sum, Some(UnaryOp::Sqrt))
}

fn sum_square(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    between(cx, call, 18, square, ReduceOp::Sum, None)
}

fn log_sum(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    between(cx, call, 18, same, ReduceOp::Sum, Some(UnaryOp::Log))
}

/// `max + ln(sum(e^(x - max)))`, where an infinite maximum is not subtracted.
fn log_sum_exp(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    let (x, axes, keep) = axes(cx, call, 18)?;
    let Some(axes) = axes else { return Ok(vec![Value::Node(x)]) };
    let max = cx.graph.reduce_keep(ReduceOp::Max, x, &axes)?;
    let infinite = cx.graph.unary(UnaryOp::IsInf, max)?;
    let zero = cx.graph.scalar(0.0, cx.graph.dtype(x))?;
    let shift = cx.graph.select(infinite, zero, max)?;
    let shifted = cx.graph.sub(x, shift)?;
    let exp = cx.graph.unary(UnaryOp::Exp, shifted)?;
    let sum = cx.graph.reduce_keep(ReduceOp::Sum, exp, &axes)?;
    let log = cx.graph.unary(UnaryOp::Log, sum)?;
    let mut result = cx.graph.add(log, shift)?;
    if !keep {
        let shape = cx.graph.shape(result).clone();
        let rest: hadal_graph::Shape =
            (0..shape.rank()).filter(|a| !axes.contains(a)).map(|a| shape[a].clone()).collect();
        result = cx.graph.reshape(result, rest)?;
    }
    Ok(vec![Value::Node(result)])
}

fn arg(cx: &mut Importer, call: &Call<'_>, op: ReduceOp) -> Outcome {
    if call.flag("select_last_index", false)? {
        return Err(Refusal::unsupported("`select_last_index` of 1"));
    }
    let x = cx.operand(call, 0)?;
    let axis = resolve_axis(call.int("axis")?.unwrap_or(0), cx.graph.shape(x).rank())?;
    let keep = call.flag("keepdims", true)?;
    Ok(vec![Value::Node(reduce(cx, x, op, &[axis], keep)?)])
}

fn arg_max(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    arg(cx, call, ReduceOp::ArgMax)
}

fn arg_min(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    arg(cx, call, ReduceOp::ArgMin)
}

fn cum_sum(cx: &mut Importer, call: &Call<'_>) -> Outcome {
    let (exclusive, reverse) = (call.flag("exclusive", false)?, call.flag("reverse", false)?);
    let x = cx.operand(call, 0)?;
    let axis = match cx.ints(call, 1, "an axis")?.as_deref() {
        Some([axis]) => resolve_axis(*axis, cx.graph.shape(x).rank())?,
        _ => return Err(Refusal::malformed("an axis that is no scalar", "one number")),
    };
    if cx.graph.dtype(x) == DType::Bool {
        return Err(Refusal::malformed("booleans", "numbers"));
    }
    let op = Cumulative { op: ReduceOp::Sum, axis, exclusive, reverse };
    Ok(vec![Value::Node(cx.graph.apply(op, &[x])?)])
}
