//! Slices.

use super::{Operator, onnx};
use crate::onnx::call::Call;
use crate::onnx::importer::{Importer, Value};
use crate::onnx::known::at_least;
use crate::onnx::refusal::Refusal;
use hadal_graph::Dim;
use hadal_graph::op::{self, resolve_axis};

pub(super) const OPERATORS: &[Operator] = &[onnx("Slice", &[1, 10, 11, 13], slice)];

/// A bound that exporters write for the end (TensorFlow's is this number, PyTorch's the largest integer).
const FAR: i64 = 1_000_000_000;

fn slice(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let missing = |what: &str| Refusal::malformed(format!("no {what}"), "some");
    let dims = |list: Vec<i64>| list.into_iter().map(Dim::Const).collect::<Vec<Dim>>();
    let (starts, ends, axes, steps) = if call.opset < 10 {
        let starts = call.ints("starts")?.map(dims).ok_or_else(|| missing("starts"))?;
        let ends = call.ints("ends")?.map(dims).ok_or_else(|| missing("ends"))?;
        (starts, ends, call.ints("axes")?, None)
    } else {
        let starts = cx.dims(call, 1, "a start")?.ok_or_else(|| missing("starts"))?;
        let ends = cx.dims(call, 2, "an end")?.ok_or_else(|| missing("ends"))?;
        (starts, ends, cx.ints(call, 3, "a list of axes")?, cx.ints(call, 4, "a step")?)
    };
    let axes = axes.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = steps.unwrap_or_else(|| vec![1; starts.len()]);
    if ends.len() != starts.len() || axes.len() != starts.len() || steps.len() != starts.len() {
        let found = format!(
            "{} starts, {} ends, {} axes, {} steps",
            starts.len(),
            ends.len(),
            axes.len(),
            steps.len()
        );
        return Err(Refusal::malformed(found, "equal numbers"));
    }
    if let Some(known) = cx.known(call, 0)
        && known.vector
        && let ([start], [end], [0 | -1], [step]) =
            (starts.as_slice(), ends.as_slice(), axes.as_slice(), steps.as_slice())
    {
        let (start, count) = span(start, end, *step, &known.dims.len().into())?;
        if let (Some(start), Some(count)) = (start.as_const(), count.as_usize()) {
            let pick = |i: usize| known.dims.get(usize::try_from(start + i as i64 * step).ok()?).cloned();
            if let Some(dims) = (0..count).map(pick).collect() {
                return Ok(vec![Value::Known(crate::onnx::known::Known { dims, ..known })]);
            }
        }
    }
    let x = cx.operand(call, 0)?;
    let shape = cx.graph.shape(x).clone();
    let mut slice = op::Slice {
        starts: vec![Dim::ZERO; shape.rank()],
        extents: shape.0.clone(),
        steps: vec![1; shape.rank()],
    };
    let mut seen = vec![false; shape.rank()];
    for (i, &axis) in axes.iter().enumerate() {
        let axis = resolve_axis(axis, shape.rank())?;
        if std::mem::replace(&mut seen[axis], true) {
            return Err(Refusal::malformed(format!("axis {axis} twice"), "each axis once"));
        }
        (slice.starts[axis], slice.extents[axis]) = span(&starts[i], &ends[i], steps[i], &shape[axis])?;
        slice.steps[axis] = steps[i];
    }
    if slice.extents == shape.0 && slice.starts.iter().all(|s| s.is(0)) && slice.steps.iter().all(|&s| s == 1)
    {
        return Ok(vec![Value::Same(cx.id(call, 0)?)]);
    }
    Ok(vec![Value::Node(cx.graph.apply(slice, &[x])?)])
}

/// First element and number of elements of `start..end` by `step` along an axis of `n` elements, where bounds may count from the end and lie
/// outside.
fn span(start: &Dim, end: &Dim, step: i64, n: &Dim) -> Result<(Dim, Dim), Refusal> {
    if step == 0 {
        return Err(Refusal::malformed("a step of 0", "another one"));
    }
    if let (Some(start), Some(end), Some(n)) = (start.as_const(), end.as_const(), n.as_const()) {
        let from_end = |at: i64| if at < 0 { at.saturating_add(n) } else { at };
        let (low, high) = if step > 0 { (0, n) } else { (-1, n - 1) };
        let start = from_end(start).clamp(if step > 0 { low } else { 0 }, high.max(0));
        let end = from_end(end).clamp(low, high.max(low));
        let distance = if step > 0 { end - start } else { start - end };
        let magnitude = i64::try_from(step.unsigned_abs()).unwrap_or(i64::MAX);
        let count = if n == 0 { 0 } else { distance.max(0).saturating_add(magnitude - 1) / magnitude };
        return Ok((Dim::Const(if count == 0 { 0 } else { start }), Dim::Const(count)));
    }
    // Some size is known only at run time: both bounds must be seen to lie inside.
    let place = |at: &Dim| match at.as_const() {
        Some(at) if at < 0 => (at >= -FAR && at_least(n, -at)).then(|| n + at),
        Some(at) if at >= FAR => Some(n.clone()),
        Some(at) => at_least(n, at).then_some(Dim::Const(at)),
        None => Some(at.clone()),
    };
    let unknown = |at: &Dim| {
        Refusal::unsupported(format!("a slice to {at} of an axis of {n} elements, which may have fewer"))
            .with_hint("export the model with that axis static")
    };
    if step < 0 {
        let whole = start.as_const().is_some_and(|s| s == -1 || s >= FAR)
            && end.as_const().is_some_and(|e| e <= -FAR);
        if step == -1 && whole {
            return Ok((n - 1, n.clone()));
        }
        return Err(Refusal::unsupported(format!("a backward slice of an axis of {n} elements"))
            .with_hint("export the model with that axis static"));
    }
    let first = match start.as_const() {
        Some(at) if at <= -FAR => Dim::ZERO,
        _ => place(start).ok_or_else(|| unknown(start))?,
    };
    let last = place(end).ok_or_else(|| unknown(end))?;
    let distance = &last - &first;
    if distance.as_const().is_some_and(|d| d <= 0) {
        return Ok((Dim::ZERO, Dim::ZERO));
    }
    let count = if step == 1 { distance } else { (distance + (step - 1)).floor_div(&Dim::Const(step)) };
    Ok((first, count))
}
