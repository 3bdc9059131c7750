//! A tensor cut into consecutive parts.

use super::{Operator, onnx};
use crate::onnx::call::Call;
use crate::onnx::importer::{Importer, Value};
use crate::onnx::known::Known;
use crate::onnx::refusal::Refusal;
use hadal_graph::Dim;
use hadal_graph::op::resolve_axis;

pub(super) const OPERATORS: &[Operator] = &[onnx("Split", &[2, 11, 13, 18], split)];

fn split(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let given = if call.opset < 13 {
        call.ints("split")?.map(|sizes| sizes.into_iter().map(Dim::Const).collect())
    } else {
        cx.dims(call, 1, "sizes of parts")?
    };
    let parts = match call.int("num_outputs")? {
        None => call.node.output.len() as i64,
        Some(parts) if parts == call.node.output.len() as i64 => parts,
        Some(parts) => return Err(Refusal::malformed(format!("{parts} parts"), "one for each result")),
    };
    let axis = call.int("axis")?.unwrap_or(0);
    if let Some(known) = cx.known(call, 0).filter(|k| k.vector && matches!(axis, 0 | -1)) {
        let sizes = sizes(given.clone(), parts, &known.dims.len().into())?;
        let mut rest = known.dims.as_slice();
        let mut results = Vec::new();
        for size in &sizes {
            let Some((part, after)) = size.as_usize().and_then(|size| rest.split_at_checked(size)) else {
                break;
            };
            rest = after;
            results.push(Value::Known(Known::vector(known.dtype, part.to_vec())));
        }
        if results.len() == sizes.len() && rest.is_empty() {
            return Ok(results);
        }
    }
    let x = cx.operand(call, 0)?;
    let shape = cx.graph.shape(x).clone();
    let axis = resolve_axis(axis, shape.rank())?;
    let sizes = sizes(given, parts, &shape[axis])?;
    let total = sizes.iter().fold(Dim::ZERO, |sum, size| sum + size);
    if total != shape[axis] || sizes.len() as i64 != parts {
        let found = format!("{} parts of {total} elements together", sizes.len());
        return Err(Refusal::malformed(found, format!("{parts} parts of {}", shape[axis])));
    }
    let mut start = Dim::ZERO;
    let mut results = Vec::new();
    for size in sizes {
        results.push(Value::Node(cx.graph.narrow(x, axis, start.clone(), size.clone())?));
        start = start + size;
    }
    Ok(results)
}

/// Sizes of the parts: as given, or equal with a smaller last one.
fn sizes(given: Option<Vec<Dim>>, parts: i64, n: &Dim) -> Result<Vec<Dim>, Refusal> {
    if let Some(sizes) = given {
        return Ok(sizes);
    }
    if let Some(exact) = n.exact_div(&Dim::Const(parts)) {
        return Ok(vec![exact; usize::try_from(parts).unwrap_or(0)]);
    }
    let Some(n) = n.as_const().filter(|_| parts > 0) else {
        return Err(Refusal::unsupported(format!("a split of {n} elements into {parts} parts"))
            .with_hint("export the model with that axis static"));
    };
    let size = (n + parts - 1) / parts;
    let last = n - size * (parts - 1);
    if last < 0 {
        return Err(Refusal::malformed(format!("{parts} parts of {n} elements"), "fewer parts"));
    }
    Ok((0..parts).map(|i| Dim::Const(if i + 1 < parts { size } else { last })).collect())
}
