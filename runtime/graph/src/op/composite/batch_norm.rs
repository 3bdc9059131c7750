//! Batch normalisation with given statistics, as at inference.
//!
//! | | |
//! |---|---|
//! | inputs | `x: [n, c, spatial..]`, `weight`, `bias`, `mean`, `variance`: `[c]`, one float dtype |
//! | output | like `x`: `(x - mean) / sqrt(variance + epsilon) * weight + bias`, for each channel |
//! | decomposes to | elementwise ops, in `f32` for `f16` and `bf16` |
//! | ONNX / PyTorch | `BatchNormalization` / `torch.nn.functional.batch_norm(training=False)` |
//! | paper | Ioffe, Szegedy, "Batch normalization", 2015 |

use super::{channels, check_float};
use crate::Scalar;
use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::{Graph, NodeId};
use crate::op::{Infer, Operator, Types, one};
use crate::program::UnaryOp;
use crate::reference::{Array, Evaluate};
use serde::{Deserialize, Serialize};

/// Batch normalisation with given statistics.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BatchNorm {
    /// Added to the variance.
    pub epsilon: Scalar,
}

impl Operator for BatchNorm {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x, weight, bias, mean, variance] = cx.expect::<5>()?;
        check_float("the operand", x)?;
        for (what, vector) in
            [("the weight", weight), ("the bias", bias), ("the mean", mean), ("the variance", variance)]
        {
            channels::check(what, vector, x)?;
        }
        one((*x).clone())
    }

    fn decompose(&self, graph: &mut Graph, inputs: &[NodeId]) -> Result<Option<Vec<NodeId>>, GraphError> {
        let dtype = graph.dtype(inputs[0]);
        let inner = dtype.accumulator();
        let x = graph.cast(inputs[0], inner)?;
        let rank = graph.shape(x).rank();
        let mut vectors = Vec::new();
        for &vector in &inputs[1..] {
            let vector = graph.cast(vector, inner)?;
            vectors.push(channels::align(graph, vector, rank)?);
        }
        let epsilon = graph.scalar(self.epsilon.to_f64(), inner)?;
        let stable = graph.add(vectors[3], epsilon)?;
        let scale = graph.unary(UnaryOp::Rsqrt, stable)?;
        let scale = graph.mul(scale, vectors[0])?;
        let centred = graph.sub(x, vectors[2])?;
        let scaled = graph.mul(centred, scale)?;
        let result = graph.add(scaled, vectors[1])?;
        Ok(Some(vec![graph.cast(result, dtype)?]))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x, weight, bias, mean, variance] = cx.expect::<5>()?;
        let (weight, bias, mean, variance) =
            (weight.as_floats()?, bias.as_floats()?, mean.as_floats()?, variance.as_floats()?);
        let spatial: usize = x.shape[2..].iter().product();
        let normal = |(i, &x): (usize, &f64)| {
            let c = i / spatial % weight.len();
            (x - mean[c]) / (variance[c] + self.epsilon.to_f64()).sqrt() * weight[c] + bias[c]
        };
        let values = x.as_floats()?.iter().enumerate().map(normal).collect();
        Ok(vec![Array::floats(x.dtype, x.shape.clone(), values)])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        cx.by_decomposition()
    }
}
