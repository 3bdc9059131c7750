//! Root-mean-square normalisation over the last axis.
//!
//! | | |
//! |---|---|
//! | inputs | `x: [.., n]`, `weight: [n]`, one float dtype |
//! | output | like `x`: `x / sqrt(mean(x²) + epsilon) * weight` |
//! | decomposes to | reductions and elementwise ops, in `f32` for `f16` and `bf16` |
//! | ONNX / PyTorch | `RMSNormalization` / `torch.nn.functional.rms_norm` |
//! | paper | Zhang, Sennrich, "Root mean square layer normalization", 2019 |

use super::check_float;
use crate::Scalar;
use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::{Graph, NodeId};
use crate::op::pointwise::check_vector;
use crate::op::{Infer, Operator, Types, one};
use crate::program::UnaryOp;
use crate::reference::{Array, Evaluate};
use serde::{Deserialize, Serialize};

/// Root-mean-square normalisation over the last axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RmsNorm {
    /// Added to the mean square.
    pub epsilon: Scalar,
}

impl Operator for RmsNorm {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x, weight] = cx.expect::<2>()?;
        check_float("the operand", x)?;
        check_vector("the weight", weight, x)?;
        one((*x).clone())
    }

    fn decompose(&self, graph: &mut Graph, inputs: &[NodeId]) -> Result<Option<Vec<NodeId>>, GraphError> {
        let dtype = graph.dtype(inputs[0]);
        let inner = dtype.accumulator();
        let (x, weight) = (graph.cast(inputs[0], inner)?, graph.cast(inputs[1], inner)?);
        let last = graph.shape(x).rank() - 1;
        let square = graph.mul(x, x)?;
        let mean = graph.mean_keep(square, &[last])?;
        let epsilon = graph.scalar(self.epsilon.to_f64(), inner)?;
        let stable = graph.add(mean, epsilon)?;
        let scale = graph.unary(UnaryOp::Rsqrt, stable)?;
        let normal = graph.mul(x, scale)?;
        let result = graph.mul(normal, weight)?;
        Ok(Some(vec![graph.cast(result, dtype)?]))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x, weight] = cx.expect::<2>()?;
        let weight = weight.as_floats()?;
        let n = weight.len();
        let mut values = x.as_floats()?.to_vec();
        for row in values.chunks_exact_mut(n.max(1)) {
            let mean = row.iter().map(|x| x * x).sum::<f64>() / n as f64;
            let scale = 1.0 / (mean + self.epsilon.to_f64()).sqrt();
            row.iter_mut().zip(weight).for_each(|(x, w)| *x *= scale * w);
        }
        Ok(vec![Array::floats(x.dtype, x.shape.clone(), values)])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        cx.by_decomposition()
    }
}
