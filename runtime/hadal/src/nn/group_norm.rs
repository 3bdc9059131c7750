//! Normalisation over groups of channels.

use super::{Init, Module, Parameter, Scope};
use crate::tensor::Tensor;
use crate::{Error, Result};

/// Normalisation of each sample over groups of channels (Wu and He, 2018); `torch.nn.GroupNorm`. Parameters: `weight`, ones at first, and
/// `bias`, zeros, one for each channel.
#[derive(Clone, Debug, Module)]
pub struct GroupNorm {
    weight: Parameter,
    bias: Parameter,
    groups: usize,
    epsilon: f64,
}

impl GroupNorm {
    /// A layer for so many channels in `groups` groups. PyTorch's default epsilon is 1e-5.
    ///
    /// Errors: groups that do not divide the channels; as [`Scope::parameter`].
    #[track_caller]
    pub fn new(scope: &Scope, groups: usize, channels: usize, epsilon: f64) -> Result<GroupNorm> {
        if groups == 0 || !channels.is_multiple_of(groups) {
            return Err(Error::argument(format!("{channels} channels do not fall into {groups} groups")));
        }
        let weight = scope.parameter("weight", [channels], Init::ONES)?;
        Ok(GroupNorm { weight, bias: scope.parameter("bias", [channels], Init::ZEROS)?, groups, epsilon })
    }

    /// `[n, c, spatial..]` to the same shape. Errors: another number of channels.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.group_norm(self.groups, &self.weight.get()?, &self.bias.get()?, self.epsilon)
    }
}
