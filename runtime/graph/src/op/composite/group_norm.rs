//! Normalisation over groups of channels; with as many groups as channels, instance normalisation.
//!
//! | | |
//! |---|---|
//! | inputs | `x: [n, c, spatial..]`, `weight: [c]`, `bias: [c]`, one float dtype |
//! | output | like `x`: for each sample and group `(x - mean) / sqrt(variance + epsilon)`, then `* weight + bias` for each channel |
//! | decomposes to | reductions and elementwise ops, in `f32` for `f16` and `bf16` |
//! | ONNX / PyTorch | `GroupNormalization`, `InstanceNormalization` / `torch.nn.functional.group_norm` |
//! | paper | Wu, He, "Group normalization", 2018 |

use super::{channels, check_float};
use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::{Graph, NodeId};
use crate::op::{Infer, Operator, Types, one};
use crate::program::UnaryOp;
use crate::reference::{Array, Evaluate};
use crate::{Dim, Scalar, Shape};
use serde::{Deserialize, Serialize};

/// Normalisation over groups of channels.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GroupNorm {
    /// Number of groups; divides the number of channels.
    pub groups: usize,
    /// Added to the variance.
    pub epsilon: Scalar,
}

impl Operator for GroupNorm {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x, weight, bias] = cx.expect::<3>()?;
        check_float("the operand", x)?;
        channels::check("the weight", weight, x)?;
        channels::check("the bias", bias, x)?;
        if self.groups == 0 || x.shape[1].exact_div(&self.groups.into()).is_none() {
            let message = format!("{} channels cannot be split into {} groups", x.shape[1], self.groups);
            return Err(OpError::Attribute(message));
        }
        one((*x).clone())
    }

    fn decompose(&self, graph: &mut Graph, inputs: &[NodeId]) -> Result<Option<Vec<NodeId>>, GraphError> {
        let ty = graph.ty(inputs[0]).clone();
        let inner = ty.dtype.accumulator();
        let x = graph.cast(inputs[0], inner)?;
        let spatial: Dim = ty.shape[2..].iter().cloned().product();
        let per_group = ty.shape[1].floor_div(&self.groups.into()) * spatial;
        let x = graph.reshape(x, Shape(vec![ty.shape[0].clone(), self.groups.into(), per_group]))?;
        let mean = graph.mean_keep(x, &[2])?;
        let centred = graph.sub(x, mean)?;
        let square = graph.mul(centred, centred)?;
        let variance = graph.mean_keep(square, &[2])?;
        let epsilon = graph.scalar(self.epsilon.to_f64(), inner)?;
        let stable = graph.add(variance, epsilon)?;
        let scale = graph.unary(UnaryOp::Rsqrt, stable)?;
        let normal = graph.mul(centred, scale)?;
        let normal = graph.reshape(normal, ty.shape.clone())?;
        let weight = graph.cast(inputs[1], inner)?;
        let weight = channels::align(graph, weight, ty.rank())?;
        let bias = graph.cast(inputs[2], inner)?;
        let bias = channels::align(graph, bias, ty.rank())?;
        let weighted = graph.mul(normal, weight)?;
        let result = graph.add(weighted, bias)?;
        Ok(Some(vec![graph.cast(result, ty.dtype)?]))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x, weight, bias] = cx.expect::<3>()?;
        let (weight, bias) = (weight.as_floats()?, bias.as_floats()?);
        let spatial: usize = x.shape[2..].iter().product();
        let size = x.shape[1] / self.groups * spatial;
        let mut values = x.as_floats()?.to_vec();
        for group in values.chunks_exact_mut(size.max(1)) {
            let mean = group.iter().sum::<f64>() / size as f64;
            let variance = group.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / size as f64;
            let scale = 1.0 / (variance + self.epsilon.to_f64()).sqrt();
            group.iter_mut().for_each(|x| *x = (*x - mean) * scale);
        }
        for (i, x) in values.iter_mut().enumerate() {
            let c = i / spatial % weight.len();
            *x = *x * weight[c] + bias[c];
        }
        Ok(vec![Array::floats(x.dtype, x.shape.clone(), values)])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        cx.by_decomposition()
    }
}
