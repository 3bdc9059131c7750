//! Broadcasting and repetition.

use super::{Operator, onnx};
use crate::limits::check_shape;
use crate::onnx::call::Call;
use crate::onnx::importer::{Importer, Value};
use crate::onnx::refusal::Refusal;
use hadal_graph::Shape;
use hadal_graph::op::{Broadcast, broadcast_shapes};

pub(super) const OPERATORS: &[Operator] = &[onnx("Expand", &[8, 13], expand), onnx("Tile", &[6, 13], tile)];

/// Checks that a shape that was computed can be a tensor's. Errors: `Malformed`.
pub(super) fn check_target(shape: &Shape) -> Result<(), Refusal> {
    check_shape(shape).map_err(|(found, expected)| Refusal::malformed(found, expected))?;
    match shape.iter().find(|d| d.as_const().is_some_and(|d| d < 0)) {
        Some(dim) => Err(Refusal::malformed(format!("an extent of {dim}"), "extents that are not negative")),
        None => Ok(()),
    }
}

fn expand(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let x = cx.operand(call, 0)?;
    let target = cx.dims(call, 1, "a shape")?.ok_or_else(|| Refusal::malformed("no shape", "one"))?;
    let target = Shape(target);
    check_target(&target)?;
    // Both ways: where the target has an extent of 1, the operand's stays.
    let shape = broadcast_shapes(cx.graph.shape(x), &target)?;
    Ok(vec![Value::Node(cx.graph.broadcast_to(x, &shape)?)])
}

fn tile(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let x = cx.operand(call, 0)?;
    let repeats =
        cx.dims(call, 1, "a number of repeats")?.ok_or_else(|| Refusal::malformed("no repeats", "some"))?;
    let shape = cx.graph.shape(x).clone();
    if repeats.len() != shape.rank() {
        let found = format!("{} repeats", repeats.len());
        return Err(Refusal::malformed(found, format!("one for each of {} axes", shape.rank())));
    }
    // [n, m] becomes [1, n, 1, m], is broadcast to [r, n, s, m], and becomes [r n, s m].
    let wide = Shape(repeats.iter().zip(shape.iter()).flat_map(|(r, n)| [r.clone(), n.clone()]).collect());
    let result: Shape = repeats.iter().zip(shape.iter()).map(|(r, n)| r * n).collect();
    check_target(&wide)?;
    check_target(&result)?;
    let axes = (0..shape.rank()).map(|axis| 2 * axis + 1).collect();
    let wide = cx.graph.apply(Broadcast { shape: wide, axes }, &[x])?;
    Ok(vec![Value::Node(cx.graph.reshape(wide, result)?)])
}
