//! Integers as the numbers that they stand for.
//!
//! | | |
//! |---|---|
//! | inputs | `x`, an integer dtype of at most 32 bits; `scale`, a float: a scalar, or `[n]` along `axis`; optionally `zero_point`, of `x`'s dtype and `scale`'s shape |
//! | output | `scale`'s dtype, `x`'s shape: `(x - zero_point) * scale` |
//! | decomposes to | a subtraction in `I32` and a product, in `f32` for `f16` and `bf16` |
//! | ONNX / PyTorch | `DequantizeLinear` / `torch.dequantize` |

use super::check_float;
use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::{Graph, NodeId};
use crate::op::{Infer, Operator, Types, check_axis, check_equal, one};
use crate::reference::{Array, Evaluate};
use crate::{DType, Dim, Shape, TensorType};
use serde::{Deserialize, Serialize};

/// Integers as the numbers that they stand for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DequantizeLinear {
    /// The axis along which scales differ; without meaning for a scalar scale.
    pub axis: usize,
}

impl Operator for DequantizeLinear {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let (x, scale, zero_point) = split(cx.inputs)?;
        if !x.dtype.is_int() || x.dtype.size() > 4 {
            let expected = "an integer of at most 32 bits".into();
            return Err(OpError::DType { what: "the operand".into(), expected, given: x.dtype });
        }
        check_scale(x, scale, zero_point, x.dtype, self.axis)?;
        one(x.with_dtype(scale.dtype))
    }

    fn decompose(&self, graph: &mut Graph, inputs: &[NodeId]) -> Result<Option<Vec<NodeId>>, GraphError> {
        let rank = graph.shape(inputs[0]).rank();
        let dtype = graph.dtype(inputs[1]);
        let mut x = inputs[0];
        if let Some(&zero_point) = inputs.get(2) {
            let zero_point = graph.cast(zero_point, DType::I32)?;
            let zero_point = align(graph, zero_point, self.axis, rank)?;
            let wide = graph.cast(x, DType::I32)?;
            x = graph.sub(wide, zero_point)?;
        }
        let x = graph.cast(x, dtype.accumulator())?;
        let scale = graph.cast(inputs[1], dtype.accumulator())?;
        let scale = align(graph, scale, self.axis, rank)?;
        let result = graph.mul(x, scale)?;
        Ok(Some(vec![graph.cast(result, dtype)?]))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let (x, scale, zero_point) = split(cx.inputs)?;
        let place = places(&x.shape, scale, self.axis);
        let factors = scale.as_floats()?;
        let zeros = zero_point.map(|z| z.as_ints()).transpose()?;
        // The difference is an `I32` and becomes a float of the accumulator's dtype, as in the decomposition.
        let number = |(i, &x): (usize, &i128)| {
            let difference = DType::I32.wrap(x - zeros.map_or(0, |z| z[place(i)]));
            let difference = if zeros.is_some() { difference } else { x };
            scale.dtype.accumulator().round(difference as f64) * factors[place(i)]
        };
        let values = x.as_ints()?.iter().enumerate().map(number).collect();
        Ok(vec![Array::floats(scale.dtype, x.shape.clone(), values)])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        cx.by_decomposition()
    }
}

/// Operand, scale and perhaps zero point. Errors: `Arity`.
pub(super) fn split<T>(inputs: &[T]) -> Result<(&T, &T, Option<&T>), OpError> {
    match inputs {
        [x, scale] => Ok((x, scale, None)),
        [x, scale, zero_point] => Ok((x, scale, Some(zero_point))),
        _ => Err(OpError::Arity { expected: "2 or 3".into(), given: inputs.len() }),
    }
}

/// Checks the shapes and dtypes of a scale and a zero point of `stored`. Errors: `DType`, `Rank`, `Extents`, `Axis`.
pub(super) fn check_scale(
    x: &TensorType,
    scale: &TensorType,
    zero_point: Option<&&TensorType>,
    stored: DType,
    axis: usize,
) -> Result<(), OpError> {
    check_float("the scale", scale)?;
    match scale.rank() {
        0 => {}
        1 => {
            check_axis(axis, x.rank())?;
            check_equal("the number of scales and the extent of the axis", &scale.shape[0], &x.shape[axis])?;
        }
        given => {
            return Err(OpError::Rank { what: "the scale".into(), expected: "0 or 1".into(), given });
        }
    }
    let Some(zero_point) = zero_point else { return Ok(()) };
    if zero_point.dtype != stored {
        let expected = stored.to_string();
        return Err(OpError::DType { what: "the zero point".into(), expected, given: zero_point.dtype });
    }
    if zero_point.shape != scale.shape {
        return Err(OpError::Attribute(format!(
            "the zero point must have the scale's shape {}, but has {}",
            scale.shape, zero_point.shape
        )));
    }
    Ok(())
}

/// `[n]` as `[n, 1..]`, so that it broadcasts along `axis` of a tensor of this rank; a scalar stays.
pub(super) fn align(
    graph: &mut Graph,
    vector: NodeId,
    axis: usize,
    rank: usize,
) -> Result<NodeId, GraphError> {
    let mut shape: Shape = graph.shape(vector).clone();
    if shape.rank() == 0 {
        return Ok(vector);
    }
    shape.0.resize(rank - axis, Dim::ONE);
    graph.reshape(vector, shape)
}

/// For an element of a tensor, the position of its scale.
pub(super) fn places(shape: &[usize], scale: &Array, axis: usize) -> impl Fn(usize) -> usize + use<> {
    let (inner, extent) = match scale.shape[..] {
        [] => (1, 1),
        _ => (shape[axis + 1..].iter().product(), shape[axis]),
    };
    move |element| element / std::cmp::max(inner, 1) % std::cmp::max(extent, 1)
}
