//! The same elements in another shape.

use super::{Operator, onnx};
use crate::onnx::call::Call;
use crate::onnx::importer::{Importer, Value};
use crate::onnx::refusal::Refusal;
use hadal_graph::op::resolve_axis;
use hadal_graph::{Dim, Shape};

pub(super) const OPERATORS: &[Operator] = &[
    onnx("DepthToSpace", &[1, 11, 13], depth_to_space),
    onnx("Flatten", &[1, 9, 11, 13, 21, 23, 24, 25], flatten),
    onnx("Reshape", &[5, 13, 14, 19, 21, 23, 24, 25], reshape),
    onnx("SpaceToDepth", &[1, 13], space_to_depth),
    onnx("Squeeze", &[1, 11, 13, 21, 23, 24, 25], squeeze),
    onnx("Unsqueeze", &[1, 11, 13, 21, 23, 24, 25], unsqueeze),
];

fn reshape(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let allow_zero = call.flag("allowzero", false)?;
    let target = cx.dims(call, 1, "a shape")?.ok_or_else(|| Refusal::malformed("no shape", "one"))?;
    if let (Some(mut known), [only]) = (cx.known(call, 0), target.as_slice())
        && (only.is(-1) || only.as_usize() == Some(known.dims.len()))
    {
        known.vector = true;
        return Ok(vec![Value::Known(known)]);
    }
    if let Some(mut known) = cx.known(call, 0).filter(|k| k.dims.len() == 1 && target.is_empty()) {
        known.vector = false;
        return Ok(vec![Value::Known(known)]);
    }
    let x = cx.operand(call, 0)?;
    let shape = resolve(cx.graph.shape(x), target, allow_zero)?;
    Ok(vec![Value::Node(cx.graph.reshape(x, shape)?)])
}

/// The shape that a target with zeros (copy the extent) and one -1 (what remains) means.
fn resolve(from: &Shape, mut target: Vec<Dim>, allow_zero: bool) -> Result<Shape, Refusal> {
    let mut open = None;
    for (axis, dim) in target.iter_mut().enumerate() {
        if dim.is(0) && !allow_zero {
            let Some(extent) = from.get(axis) else {
                let found = format!("a 0 for axis {axis}, which copies an extent of {from}");
                return Err(Refusal::malformed(found, "an axis that the operand has"));
            };
            *dim = extent.clone();
        } else if dim.is(-1) {
            *dim = Dim::ONE;
            if open.replace(axis).is_some() {
                return Err(Refusal::malformed("a second -1 in the shape", "at most one"));
            }
        }
    }
    let mut shape = Shape(target);
    super::expand::check_target(&shape)?;
    if let Some(axis) = open {
        let (all, rest) = (from.elements(), shape.elements());
        let Some(extent) = all.exact_div(&rest).filter(|_| !rest.is(0)) else {
            let what =
                format!("a reshape of {from} to {shape} with an open axis {axis} that does not divide");
            return Err(Refusal::unsupported(what));
        };
        shape = shape.with(axis, extent);
    }
    Ok(shape)
}

fn flatten(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let x = cx.operand(call, 0)?;
    let shape = cx.graph.shape(x).clone();
    let axis = match call.int("axis")?.unwrap_or(1) {
        axis if axis == shape.rank() as i64 => shape.rank(),
        axis => resolve_axis(axis, shape.rank())?,
    };
    let outer: Dim = shape[..axis].iter().cloned().product();
    let inner: Dim = shape[axis..].iter().cloned().product();
    Ok(vec![Value::Node(cx.graph.reshape(x, [outer, inner])?)])
}

/// The axes that `Squeeze` and `Unsqueeze` name: an attribute before opset 13, an operand since.
fn axes(cx: &Importer, call: &Call<'_>) -> Result<Option<Vec<i64>>, Refusal> {
    if call.opset < 13 { call.ints("axes") } else { cx.ints(call, 1, "a list of axes") }
}

fn squeeze(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let axes = axes(cx, call)?;
    if let Some(mut known) = cx.known(call, 0)
        && known.dims.len() == 1
        && matches!(axes.as_deref(), None | Some([0 | -1]))
    {
        known.vector = false;
        return Ok(vec![Value::Known(known)]);
    }
    let x = cx.operand(call, 0)?;
    let shape = cx.graph.shape(x).clone();
    let gone: Vec<usize> = match axes {
        Some(axes) => axes.into_iter().map(|a| resolve_axis(a, shape.rank())).collect::<Result<_, _>>()?,
        None => (0..shape.rank()).filter(|&a| shape[a].is(1)).collect(),
    };
    if let Some(&axis) = gone.iter().find(|&&a| !shape[a].is(1)) {
        let found = format!("axis {axis} of extent {}", shape[axis]);
        return Err(Refusal::malformed(found, "axes of extent 1"));
    }
    let kept: Shape = (0..shape.rank()).filter(|a| !gone.contains(a)).map(|a| shape[a].clone()).collect();
    Ok(vec![Value::Node(cx.graph.reshape(x, kept)?)])
}

fn unsqueeze(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let axes = axes(cx, call)?.ok_or_else(|| Refusal::malformed("no axes", "some"))?;
    if let Some(mut known) = cx.known(call, 0).filter(|k| !k.vector)
        && matches!(axes.as_slice(), [0 | -1])
    {
        known.vector = true;
        return Ok(vec![Value::Known(known)]);
    }
    let x = cx.operand(call, 0)?;
    let mut shape = cx.graph.shape(x).clone();
    let rank = shape.rank() + axes.len();
    let mut axes: Vec<usize> = axes.into_iter().map(|a| resolve_axis(a, rank)).collect::<Result<_, _>>()?;
    axes.sort_unstable();
    if axes.windows(2).any(|w| w[0] == w[1]) {
        return Err(Refusal::malformed(format!("axes {axes:?}"), "axes without repeats"));
    }
    for axis in axes {
        // Sorted, below the final rank and without repeats: never after the end.
        shape.0.insert(axis.min(shape.rank()), Dim::ONE);
    }
    super::expand::check_target(&shape)?;
    Ok(vec![Value::Node(cx.graph.reshape(x, shape)?)])
}

/// Extents of an image `[n, c, h, w]` and the block size.
fn image(cx: &Importer, call: &Call<'_>, x: hadal_graph::NodeId) -> Result<([Dim; 4], i64), Refusal> {
    let shape = cx.graph.shape(x);
    let [n, c, h, w] = &shape[..] else {
        return Err(Refusal::malformed(format!("rank {}", shape.rank()), "rank 4"));
    };
    match call.int("blocksize")? {
        Some(block) if (1..1 << 16).contains(&block) => Ok(([n, c, h, w].map(Dim::clone), block)),
        other => Err(Refusal::malformed(format!("blocksize {other:?}"), "a positive number")),
    }
}

/// `a / b`, where it must leave no remainder.
fn divided(a: &Dim, b: i64) -> Result<Dim, Refusal> {
    a.exact_div(&Dim::Const(b))
        .ok_or_else(|| Refusal::malformed(format!("an extent of {a}"), format!("a multiple of {b}")))
}

fn depth_to_space(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let x = cx.operand(call, 0)?;
    let ([n, c, h, w], b) = image(cx, call, x)?;
    let depth = divided(&c, b * b)?;
    let block = Dim::Const(b);
    let columns = match call.text("mode")? {
        None | Some("DCR") => false,
        Some("CRD") => true,
        Some(other) => return Err(Refusal::malformed(format!("mode {other:?}"), "DCR or CRD")),
    };
    let (split, order) = if columns {
        ([n.clone(), depth.clone(), block.clone(), block.clone(), h.clone(), w.clone()], [0, 1, 4, 2, 5, 3])
    } else {
        ([n.clone(), block.clone(), block.clone(), depth.clone(), h.clone(), w.clone()], [0, 3, 4, 1, 5, 2])
    };
    let split = cx.graph.reshape(x, split)?;
    let moved = cx.graph.transpose(split, &order)?;
    Ok(vec![Value::Node(cx.graph.reshape(moved, [n, depth, h * b, w * b])?)])
}

fn space_to_depth(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let x = cx.operand(call, 0)?;
    let ([n, c, h, w], b) = image(cx, call, x)?;
    let (rows, columns, block) = (divided(&h, b)?, divided(&w, b)?, Dim::Const(b));
    let split = [n.clone(), c.clone(), rows.clone(), block.clone(), columns.clone(), block];
    let split = cx.graph.reshape(x, split)?;
    let moved = cx.graph.transpose(split, &[0, 3, 5, 1, 2, 4])?;
    Ok(vec![Value::Node(cx.graph.reshape(moved, [n, c * (b * b), rows, columns])?)])
}
