//! Root-mean-square normalisation.

use super::{Init, Module, Parameter, Scope};
use crate::Result;
use crate::tensor::Tensor;

/// `x / sqrt(mean(x²) + epsilon) · w` over the last axis (Zhang and Sennrich, 2019); `torch.nn.RMSNorm` of later versions. Parameter:
/// `weight: [width]`, ones at first.
#[derive(Clone, Debug, Module)]
pub struct RmsNorm {
    weight: Parameter,
    epsilon: f64,
}

impl RmsNorm {
    /// A layer for a last axis of `width`. Errors: as [`Scope::parameter`].
    #[track_caller]
    pub fn new(scope: &Scope, width: usize, epsilon: f64) -> Result<RmsNorm> {
        Ok(RmsNorm { weight: scope.parameter("weight", [width], Init::ONES)?, epsilon })
    }

    /// `[.., width]` to the same shape. Errors: another last extent.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.rms_norm(&self.weight.get()?, self.epsilon)
    }
}
