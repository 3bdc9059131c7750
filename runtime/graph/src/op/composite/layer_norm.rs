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
use crate::gradient::Backward;
use crate::graph::{Graph, NodeId};
use crate::op::pointwise::check_vector;
use crate::op::{Infer, Operator, Types, one};
use crate::program::{ReduceOp, UnaryOp};
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
        let (normal, _) = self.normalise(graph, x)?;
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

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let (x, weight, d) = (cx.input(0), cx.input(1), cx.gradient()?);
        let (dtype, rank) = (cx.input_type(0).dtype, cx.input_type(0).rank());
        let inner = dtype.accumulator();
        let g = &mut *cx.graph;
        let (x, weight, d) = (g.cast(x, inner)?, g.cast(weight, inner)?, g.cast(d, inner)?);
        let last = rank - 1;
        let rows: Vec<usize> = (0..last).collect();
        let (normal, scale) = self.normalise(g, x)?;
        let d_normal = g.mul(d, weight)?;
        let mean = g.mean_keep(d_normal, &[last])?;
        let product = g.mul(d_normal, normal)?;
        let along = g.mean_keep(product, &[last])?;
        let along = g.mul(normal, along)?;
        let centred = g.sub(d_normal, mean)?;
        let centred = g.sub(centred, along)?;
        let d_x = g.mul(centred, scale)?;
        let scaled = g.mul(d, normal)?;
        let d_weight = g.reduce(ReduceOp::Sum, scaled, &rows)?;
        let d_bias = g.reduce(ReduceOp::Sum, d, &rows)?;
        let mut gradients = Vec::new();
        for gradient in [d_x, d_weight, d_bias] {
            gradients.push(Some(g.cast(gradient, dtype)?));
        }
        Ok(gradients)
    }
}

impl LayerNorm {
    /// `(x - mean) · scale` and `scale = 1 / sqrt(variance + epsilon)`.
    fn normalise(&self, graph: &mut Graph, x: NodeId) -> Result<(NodeId, NodeId), GraphError> {
        let last = graph.shape(x).rank() - 1;
        let mean = graph.mean_keep(x, &[last])?;
        let centred = graph.sub(x, mean)?;
        let square = graph.mul(centred, centred)?;
        let variance = graph.mean_keep(square, &[last])?;
        let epsilon = graph.scalar(self.epsilon.to_f64(), graph.dtype(x))?;
        let stable = graph.add(variance, epsilon)?;
        let scale = graph.unary(UnaryOp::Rsqrt, stable)?;
        Ok((graph.mul(centred, scale)?, scale))
    }
}
