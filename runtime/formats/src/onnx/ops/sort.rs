//! The largest or smallest elements.

use super::{Operator, onnx};
use crate::onnx::call::Call;
use crate::onnx::importer::{Importer, Value};
use crate::onnx::refusal::Refusal;
use hadal_graph::op::{Sort, resolve_axis};

pub(super) const OPERATORS: &[Operator] = &[onnx("TopK", &[1, 10, 11, 24], top_k)];

fn top_k(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let descending = call.flag("largest", true)?;
    call.ignore(&["sorted"]); // Sorted is one of the orders that `sorted = 0` allows.
    let x = cx.operand(call, 0)?;
    let shape = cx.graph.shape(x).clone();
    let axis = resolve_axis(call.int("axis")?.unwrap_or(-1), shape.rank())?;
    let k = match (call.opset < 10, call.int("k")?, cx.dims(call, 1, "a number of elements")?.as_deref()) {
        (true, Some(k), _) => k.into(),
        (false, None, Some([k])) => k.clone(),
        _ => return Err(Refusal::malformed("no k", "one number")),
    };
    if (&shape[axis] - &k).as_const().is_some_and(|rest| rest < 0) {
        return Err(Refusal::malformed(format!("k of {k}"), format!("at most {}", shape[axis])));
    }
    let sorted = cx.graph.apply(Sort { axis, descending }, &[x])?;
    let mut results = Vec::new();
    for index in 0..2 {
        let whole = cx.graph.project(sorted, index)?;
        results.push(Value::Node(cx.graph.narrow(whole, axis, 0, k.clone())?));
    }
    Ok(results)
}
