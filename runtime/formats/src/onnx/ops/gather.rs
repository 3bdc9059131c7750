//! Elements and slices at indices that are data.

use super::{Operator, onnx};
use crate::onnx::call::Call;
use crate::onnx::importer::{Importer, Value};
use crate::onnx::refusal::Refusal;
use hadal_graph::op::{Size, resolve_axis};
use hadal_graph::program::CompareOp;
use hadal_graph::{DType, Dim, NodeId, Shape};

pub(super) const OPERATORS: &[Operator] = &[
    onnx("Gather", &[1, 11, 13], gather),
    onnx("GatherElements", &[11, 13], gather_elements),
    onnx("GatherND", &[11, 12, 13], gather_nd),
    onnx("OneHot", &[9, 11], one_hot),
];

/// A size as a scalar of `dtype`.
fn size(cx: &mut Importer, dim: &Dim, dtype: DType) -> Result<NodeId, Refusal> {
    Ok(match dim.as_const() {
        Some(value) => cx.graph.constant_scalar(hadal_graph::Scalar::Int(value.into()), dtype)?,
        None => cx.graph.apply(Size { size: dim.clone(), dtype }, &[])?,
    })
}

/// Indices into an axis of `extent` elements, where negative ones count from the end.
fn from_the_end(cx: &mut Importer, indices: NodeId, extent: &Dim) -> Result<NodeId, Refusal> {
    if cx.is_non_negative(indices) {
        return Ok(indices);
    }
    let dtype = cx.graph.dtype(indices);
    let extent = size(cx, extent, dtype)?;
    let zero = cx.graph.scalar(0.0, dtype)?;
    let negative = cx.graph.compare(CompareOp::Lt, indices, zero)?;
    let counted = cx.graph.add(indices, extent)?;
    Ok(cx.graph.select(negative, counted, indices)?)
}

fn check_index(cx: &Importer, indices: NodeId) -> Result<(), Refusal> {
    match cx.graph.dtype(indices) {
        DType::I32 | DType::I64 => Ok(()),
        other => Err(Refusal::malformed(format!("{other} indices"), "i32 or i64")),
    }
}

fn gather(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let axis = call.int("axis")?.unwrap_or(0);
    let at = cx.known(call, 1).and_then(|known| Some((known.vector, known.ints()?)));
    if let (Some(x), Some((vector, at))) = (cx.known(call, 0).filter(|x| x.vector), &at) {
        let count = x.dims.len() as i64;
        let pick = |&i: &i64| x.dims.get(usize::try_from(if i < 0 { i + count } else { i }).ok()?).cloned();
        let dims: Option<Vec<Dim>> = at.iter().map(pick).collect();
        let Some(dims) = dims else {
            return Err(Refusal::malformed(
                format!("indices {at:?} into {count} elements"),
                "indices in range",
            ));
        };
        resolve_axis(axis, 1)?;
        return Ok(vec![Value::Known(crate::onnx::known::Known { dtype: x.dtype, vector: *vector, dims })]);
    }
    let x = cx.operand(call, 0)?;
    let shape = cx.graph.shape(x).clone();
    let axis = resolve_axis(axis, shape.rank())?;
    if let Some((false, at)) = at
        && let [i] = at.as_slice()
    {
        // One index that is known is a slice, which costs nothing.
        let start = if *i < 0 { &shape[axis] + *i } else { Dim::Const(*i) };
        let slice = cx.graph.narrow(x, axis, start, 1)?;
        return Ok(vec![Value::Node(cx.graph.squeeze(slice, axis)?)]);
    }
    let indices = cx.operand(call, 1)?;
    check_index(cx, indices)?;
    let indices = from_the_end(cx, indices, &shape[axis])?;
    Ok(vec![Value::Node(cx.graph.gather(x, axis, indices)?)])
}

/// `x[i.., j, k..]` for each element: rows of a flat view, at positions that count the coordinates.
fn gather_elements(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let (x, indices) = (cx.operand(call, 0)?, cx.operand(call, 1)?);
    check_index(cx, indices)?;
    let (shape, wanted) = (cx.graph.shape(x).clone(), cx.graph.shape(indices).clone());
    let axis = resolve_axis(call.int("axis")?.unwrap_or(0), shape.rank())?;
    if wanted.rank() != shape.rank() {
        return Err(Refusal::malformed(
            format!("indices of rank {}", wanted.rank()),
            format!("rank {}", shape.rank()),
        ));
    }
    let dtype = DType::I64;
    let own = from_the_end(cx, indices, &shape[axis])?;
    let own = cx.graph.cast(own, dtype)?;
    let mut position = None;
    for (a, stride) in shape.strides().into_iter().enumerate() {
        let coordinate = if a == axis { own } else { cx.graph.iota(wanted.clone(), a, dtype)? };
        let stride = size(cx, &stride, dtype)?;
        let offset = cx.graph.mul(coordinate, stride)?;
        position = Some(match position {
            None => offset,
            Some(sum) => cx.graph.add(sum, offset)?,
        });
    }
    let Some(position) = position else { return Err(Refusal::malformed("a scalar", "at least one axis")) };
    let flat = cx.graph.reshape(x, [shape.elements()])?;
    Ok(vec![Value::Node(cx.graph.gather(flat, 0, position)?)])
}

fn gather_nd(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    if call.int("batch_dims")?.unwrap_or(0) != 0 {
        return Err(Refusal::unsupported("`batch_dims` other than 0"));
    }
    let (x, indices) = (cx.operand(call, 0)?, cx.operand(call, 1)?);
    check_index(cx, indices)?;
    let (shape, wanted) = (cx.graph.shape(x).clone(), cx.graph.shape(indices).clone());
    let Some((width, rest)) = wanted.split_last() else {
        return Err(Refusal::malformed("scalar indices", "indices with at least one axis"));
    };
    let Some(width) = width.as_usize().filter(|&w| (1..=shape.rank()).contains(&w)) else {
        let expected = format!("1 to {} coordinates for each", shape.rank());
        return Err(Refusal::malformed(format!("indices of shape {wanted}"), expected));
    };
    let rest = Shape(rest.to_vec());
    let dtype = cx.graph.dtype(indices);
    // The first `width` axes as one, row-major.
    let outer = Shape(shape[..width].to_vec());
    let non_negative = cx.is_non_negative(indices);
    let mut position = None;
    for (axis, stride) in outer.strides().into_iter().enumerate() {
        let coordinate = cx.graph.narrow(indices, rest.rank(), axis, 1)?;
        let mut coordinate = cx.graph.squeeze(coordinate, rest.rank())?;
        if !non_negative {
            coordinate = from_the_end(cx, coordinate, &outer[axis])?;
        }
        let stride = size(cx, &stride, dtype)?;
        let offset = cx.graph.mul(coordinate, stride)?;
        position = Some(match position {
            None => offset,
            Some(sum) => cx.graph.add(sum, offset)?,
        });
    }
    let Some(position) = position else { return Err(Refusal::malformed("no coordinates", "at least one")) };
    let flat: Shape = std::iter::once(outer.elements()).chain(shape[width..].iter().cloned()).collect();
    let flat = cx.graph.reshape(x, flat)?;
    Ok(vec![Value::Node(cx.graph.gather(flat, 0, position)?)])
}

fn one_hot(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let (indices, values) = (cx.operand(call, 0)?, cx.operand(call, 2)?);
    // Any numbers may be indices; whole ones are meant.
    let indices = cx.graph.cast(indices, DType::I64)?;
    let depth = match cx.dims(call, 1, "a depth")?.as_deref() {
        Some([depth]) => depth.clone(),
        _ => return Err(Refusal::malformed("a depth that is no scalar", "one number")),
    };
    let shape = cx.graph.shape(indices).clone();
    let axis = resolve_axis(call.int("axis")?.unwrap_or(-1), shape.rank() + 1)?;
    let indices = from_the_end(cx, indices, &depth)?;
    let indices = cx.graph.unsqueeze(indices, axis)?;
    let mut result = shape;
    result.0.insert(axis, depth);
    super::expand::check_target(&result)?;
    let positions = cx.graph.iota(result, axis, cx.graph.dtype(indices))?;
    let hot = cx.graph.compare(CompareOp::Eq, positions, indices)?;
    let mut sides = Vec::new();
    for side in 0..2 {
        let value = cx.graph.narrow(values, 0, side, 1)?;
        sides.push(cx.graph.reshape(value, Shape::scalar())?);
    }
    Ok(vec![Value::Node(cx.graph.select(hot, sides[1], sides[0])?)])
}
