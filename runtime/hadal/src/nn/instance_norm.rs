//! Normalisation of each channel of each sample.

use super::{Init, Module, Parameter, Scope};
use crate::Result;
use crate::tensor::Tensor;

/// Normalisation of each channel of each sample (Ulyanov et al., 2016); `torch.nn.InstanceNorm1d`, `InstanceNorm2d`, `InstanceNorm3d`
/// without running statistics. With parameters: `weight`, ones at first, and `bias`, zeros, one for each channel.
#[derive(Clone, Debug, Module)]
pub struct InstanceNorm {
    channels: usize,
    affine: Option<(Parameter, Parameter)>,
    epsilon: f64,
}

impl InstanceNorm {
    /// A layer without parameters, PyTorch's default, for so many channels. PyTorch's default epsilon is 1e-5.
    pub fn new(channels: usize, epsilon: f64) -> InstanceNorm {
        InstanceNorm { channels, affine: None, epsilon }
    }

    /// A layer with parameters; `affine=True`. Errors: as [`Scope::parameter`].
    #[track_caller]
    pub fn affine(scope: &Scope, channels: usize, epsilon: f64) -> Result<InstanceNorm> {
        let weight = scope.parameter("weight", [channels], Init::ONES)?;
        let bias = scope.parameter("bias", [channels], Init::ZEROS)?;
        Ok(InstanceNorm { channels, affine: Some((weight, bias)), epsilon })
    }

    /// `[n, c, spatial..]` to the same shape. Errors: another number of channels.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (weight, bias) = match &self.affine {
            Some((weight, bias)) => (weight.get()?, bias.get()?),
            None => (
                Tensor::ones(x.device(), [self.channels], x.dtype())?,
                Tensor::zeros(x.device(), [self.channels], x.dtype())?,
            ),
        };
        x.group_norm(self.channels, &weight, &bias, self.epsilon)
    }
}
