//! Layer normalisation over the last axis.
//!
//! | | |
//! |---|---|
//! | inputs | `x: [.., n]`, `weight: [n]`, `bias: [n]`, one float dtype |
//! | output | `(x - mean) / sqrt(variance + epsilon) * weight + bias`, like `x`; variance divides by `n` |
//! | decomposes to | reductions and elementwise ops, in `f32` for `f16` and `bf16` |
//! | ONNX / PyTorch | `LayerNormalization` / `torch.nn.functional.layer_norm` |
//! | paper | Ba, Kiros, Hinton, "Layer normalization", 2016 |

use crate::Scalar;
use crate::error::{GraphError, OpError};
use crate::graph::{Graph, NodeId};
use crate::op::pointwise::check_vector;
use crate::op::{Infer, Operator, Types, one};
use crate::program::UnaryOp;
use crate::reference::{Array, Evaluate};
use serde::{Deserialize, Serialize};

/// Layer normalisation over the last axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LayerNorm {
    /// Added to the variance.
    pub epsilon: Scalar,
}

impl Operator for LayerNorm {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x, weight, bias] = cx.expect::<3>()?;
        if !x.dtype.is_float() {
            return Err(OpError::DType {
                what: "the operand".into(),
                expected: "a float".into(),
                given: x.dtype,
            });
        }
        check_vector("the weight", weight, x)?;
        check_vector("the bias", bias, x)?;
        one((*x).clone())
    }

    fn decompose(&self, graph: &mut Graph, inputs: &[NodeId]) -> Result<Option<Vec<NodeId>>, GraphError> {
        let dtype = graph.dtype(inputs[0]);
        let inner = dtype.accumulator();
        let x = graph.cast(inputs[0], inner)?;
        let weight = graph.cast(inputs[1], inner)?;
        let bias = graph.cast(inputs[2], inner)?;
        let last = graph.shape(x).rank() - 1;
        let mean = graph.mean_keep(x, &[last])?;
        let centred = graph.sub(x, mean)?;
        let square = graph.mul(centred, centred)?;
        let variance = graph.mean_keep(square, &[last])?;
        let epsilon = graph.scalar(self.epsilon.to_f64(), inner)?;
        let stable = graph.add(variance, epsilon)?;
        let scale = graph.unary(UnaryOp::Rsqrt, stable)?;
        let normal = graph.mul(centred, scale)?;
        let weighted = graph.mul(normal, weight)?;
        let result = graph.add(weighted, bias)?;
        Ok(Some(vec![graph.cast(result, dtype)?]))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x, weight, bias] = cx.expect::<3>()?;
        let (weight, bias) = (weight.as_floats()?, bias.as_floats()?);
        let mut values = x.as_floats()?.to_vec();
        let n = weight.len();
        for row in values.chunks_mut(n.max(1)) {
            let mean = row.iter().sum::<f64>() / n as f64;
            let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n as f64;
            let scale = 1.0 / (variance + self.epsilon.to_f64()).sqrt();
            for (x, (w, b)) in row.iter_mut().zip(weight.iter().zip(bias)) {
                *x = (*x - mean) * scale * w + b;
            }
        }
        Ok(vec![Array::floats(x.dtype, x.shape.clone(), values)])
    }
}
