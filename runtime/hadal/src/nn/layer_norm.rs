//! Layer normalisation.

use super::{Init, Module, Parameter, Scope};
use crate::Result;
use crate::tensor::Tensor;

/// `(x - mean) / sqrt(variance + epsilon) · w + b` over the last axis (Ba, Kiros, Hinton, 2016); `torch.nn.LayerNorm(width)`.
/// Parameters: `weight: [width]`, ones at first, and `bias: [width]`, zeros.
#[derive(Clone, Debug, Module)]
pub struct LayerNorm {
    weight: Parameter,
    bias: Parameter,
    epsilon: f64,
}

impl LayerNorm {
    /// A layer for a last axis of `width`. PyTorch's default epsilon is 1e-5. Errors: as [`Scope::parameter`].
    #[track_caller]
    pub fn new(scope: &Scope, width: usize, epsilon: f64) -> Result<LayerNorm> {
        let weight = scope.parameter("weight", [width], Init::ONES)?;
        Ok(LayerNorm { weight, bias: scope.parameter("bias", [width], Init::ZEROS)?, epsilon })
    }

    /// `[.., width]` to the same shape. Errors: another last extent.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.layer_norm(&self.weight.get()?, &self.bias.get()?, self.epsilon)
    }
}
