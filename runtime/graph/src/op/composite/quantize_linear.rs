//! Numbers as small integers.
//!
//! | | |
//! |---|---|
//! | inputs | `x`, any float dtype; `scale`, of that dtype: a scalar, or `[n]` along `axis`; optionally `zero_point`, of `dtype` and `scale`'s shape |
//! | output | `dtype`, `x`'s shape: `saturate(round(x / scale) + zero_point)`, ties to even; NaN gives 0 |
//! | decomposes to | elementwise ops, in `f32` for `f16` and `bf16` |
//! | gradient | none: quantisation is constant almost everywhere |
//! | ONNX / PyTorch | `QuantizeLinear` / `torch.quantize_per_tensor` |

use super::check_float;
use super::dequantize_linear::{align, check_scale, places, split};
use crate::DType;
use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::{Graph, NodeId};
use crate::op::{Infer, Operator, Types, one};
use crate::program::UnaryOp;
use crate::reference::{Array, Evaluate};
use serde::{Deserialize, Serialize};

/// Numbers as small integers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct QuantizeLinear {
    /// The axis along which scales differ; without meaning for a scalar scale.
    pub axis: usize,
    /// An integer dtype of at most 16 bits.
    pub dtype: DType,
}

impl Operator for QuantizeLinear {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let (x, scale, zero_point) = split(cx.inputs)?;
        check_float("the operand", x)?;
        if scale.dtype != x.dtype {
            let expected = x.dtype.to_string();
            return Err(OpError::DType { what: "the scale".into(), expected, given: scale.dtype });
        }
        if !self.dtype.is_int() || self.dtype.size() > 2 {
            let expected = "an integer of at most 16 bits".into();
            return Err(OpError::DType { what: "the result".into(), expected, given: self.dtype });
        }
        check_scale(x, scale, zero_point, self.dtype, self.axis)?;
        one(x.with_dtype(self.dtype))
    }

    fn decompose(&self, graph: &mut Graph, inputs: &[NodeId]) -> Result<Option<Vec<NodeId>>, GraphError> {
        let rank = graph.shape(inputs[0]).rank();
        let inner = graph.dtype(inputs[0]).accumulator();
        let x = graph.cast(inputs[0], inner)?;
        let scale = graph.cast(inputs[1], inner)?;
        let scale = align(graph, scale, self.axis, rank)?;
        let quotient = graph.div(x, scale)?;
        let mut result = graph.unary(UnaryOp::Round, quotient)?;
        if let Some(&zero_point) = inputs.get(2) {
            let zero_point = graph.cast(zero_point, inner)?;
            let zero_point = align(graph, zero_point, self.axis, rank)?;
            result = graph.add(result, zero_point)?;
        }
        // A cast saturates.
        Ok(Some(vec![graph.cast(result, self.dtype)?]))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let (x, scale, zero_point) = split(cx.inputs)?;
        let place = places(&x.shape, scale, self.axis);
        let factors = scale.as_floats()?;
        let zeros = zero_point.map(|z| z.as_ints()).transpose()?;
        let (low, high) = self.dtype.int_range().unwrap_or_default();
        let inner = x.dtype.accumulator();
        // The quotient has the accumulator's dtype before it is rounded to an integer: a tie is one of that dtype.
        let whole = |(i, &x): (usize, &f64)| {
            let number = libm::rint(inner.round(x / factors[place(i)]));
            let shifted = number + zeros.map_or(0.0, |z| z[place(i)] as f64);
            (shifted as i128).clamp(low, high)
        };
        let values = x.as_floats()?.iter().enumerate().map(whole).collect();
        Ok(vec![Array::ints(self.dtype, x.shape.clone(), values)])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        Ok(vec![None; cx.graph.node(cx.node).inputs.len()])
    }
}
