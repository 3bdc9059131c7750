//! Elementwise choice.

use super::{Operator, onnx};
use crate::onnx::call::Call;
use crate::onnx::importer::{Importer, Value};
use crate::onnx::known::Known;
use crate::onnx::refusal::Refusal;
use hadal_graph::Scalar;

pub(super) const OPERATORS: &[Operator] =
    &[onnx("Clip", &[6, 11, 12, 13], clip), onnx("Where", &[9, 16], select)];

fn select(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    if let Some(known) = known(cx, call) {
        return Ok(vec![Value::Known(known)]);
    }
    let (condition, a, b) = (cx.operand(call, 0)?, cx.operand(call, 1)?, cx.operand(call, 2)?);
    Ok(vec![Value::Node(cx.graph.select(condition, a, b)?)])
}

/// Where a condition on sizes chooses between sizes.
fn known(cx: &Importer, call: &Call<'_>) -> Option<Known> {
    let (condition, a, b) = (cx.known(call, 0)?, cx.known(call, 1)?, cx.known(call, 2)?);
    if a.dtype != b.dtype {
        return None;
    }
    let choose = condition.ints()?;
    let count = choose.len().max(a.dims.len()).max(b.dims.len());
    let at = |length: usize, i: usize| if length == 1 { Some(0) } else { (length == count).then_some(i) };
    let dims = (0..count).map(|i| {
        let side = if choose[at(choose.len(), i)?] != 0 { &a } else { &b };
        Some(side.dims[at(side.dims.len(), i)?].clone())
    });
    Some(Known {
        dtype: a.dtype,
        vector: condition.vector || a.vector || b.vector,
        dims: dims.collect::<Option<_>>()?,
    })
}

fn clip(cx: &mut Importer, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let mut x = cx.operand(call, 0)?;
    let dtype = cx.graph.dtype(x);
    let (low, high) = if call.opset < 11 {
        let mut bound = |value: Option<f32>| match value {
            Some(value) => cx.graph.constant_scalar(Scalar::new(value.into(), dtype), dtype).map(Some),
            None => Ok(None),
        };
        (bound(call.float("min")?)?, bound(call.float("max")?)?)
    } else {
        (cx.optional(call, 1)?, cx.optional(call, 2)?)
    };
    if let Some(low) = low {
        x = cx.graph.maximum(x, low)?;
    }
    if let Some(high) = high {
        x = cx.graph.minimum(x, high)?;
    }
    if low.is_none() && high.is_none() {
        return Ok(vec![Value::Same(cx.id(call, 0)?)]);
    }
    Ok(vec![Value::Node(x)])
}
