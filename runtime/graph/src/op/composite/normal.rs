//! Random numbers of the standard normal distribution.
//!
//! | | |
//! |---|---|
//! | inputs | `key: u32[2]` |
//! | output | `dtype` (a float), `shape`: mean 0, variance 1; no further from 0 than 5.8 |
//! | decomposes to | `sqrt(-2 ln u) cos(2π v)` (Box, Muller, 1958) with 24 bits each for `u` in `(0, 1]` and `v` in `[0, 1)`, from [`RandomBits`] of shape `[2, shape..]`; in `f32` for `f16` and `bf16` |
//! | ONNX / PyTorch | `RandomNormal` / `torch.randn` |

use super::uniform::key_words;
use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::{Graph, NodeId};
use crate::op::leaf::random_words;
use crate::op::pointwise::affine;
use crate::op::{Infer, Operator, RandomBits, Types, Uniform};
use crate::program::{BinaryOp, UnaryOp};
use crate::reference::{Array, Evaluate};
use crate::{DType, Dim, Scalar, Shape};
use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;

/// Random numbers of the standard normal distribution: every backend draws from the same bits for one key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Normal {
    /// Shape of the result.
    pub shape: Shape,
    /// A float dtype.
    pub dtype: DType,
}

/// 2⁻²⁴.
const UNIT: f64 = 1.0 / 16777216.0;

impl Operator for Normal {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        Uniform { shape: self.shape.clone(), dtype: self.dtype }.infer(cx)
    }

    fn decompose(&self, graph: &mut Graph, inputs: &[NodeId]) -> Result<Option<Vec<NodeId>>, GraphError> {
        let dtype = self.dtype.accumulator();
        let both: Shape = [Dim::from(2)].into_iter().chain(self.shape.iter().cloned()).collect();
        let bits = graph.apply(RandomBits { shape: both }, inputs)?;
        let shift = graph.constant_scalar(Scalar::Int(8), DType::U32)?;
        let upper = graph.binary(BinaryOp::Shr, bits, shift)?;
        let wide = graph.cast(upper, dtype)?;
        let mut halves = Vec::new();
        for half in 0..2usize {
            let part = graph.narrow(wide, 0, half, 1)?;
            halves.push(graph.reshape(part, self.shape.clone())?);
        }
        let u = affine(graph, UNIT, halves[0], UNIT)?;
        let log = graph.unary(UnaryOp::Log, u)?;
        let square = affine(graph, -2.0, log, 0.0)?;
        let radius = graph.unary(UnaryOp::Sqrt, square)?;
        let angle = affine(graph, TAU * UNIT, halves[1], 0.0)?;
        let cos = graph.unary(UnaryOp::Cos, angle)?;
        let result = graph.mul(radius, cos)?;
        Ok(Some(vec![graph.cast(result, self.dtype)?]))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [key] = cx.expect::<1>()?;
        let shape = cx.shape()?;
        let count: usize = shape.iter().product();
        let words = random_words(key_words(key)?, 2 * count);
        let (first, second) = words.split_at(count);
        let values = first.iter().zip(second).map(|(&u, &v)| {
            let u = (f64::from(u >> 8) + 1.0) * UNIT;
            (-2.0 * libm::log(u)).sqrt() * libm::cos(TAU * UNIT * f64::from(v >> 8))
        });
        Ok(vec![Array::floats(self.dtype, shape, values.collect())])
    }

    fn gradient(&self, _cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        Ok(vec![None])
    }
}
