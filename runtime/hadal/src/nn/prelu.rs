//! A rectifier with learned slopes.

use super::{Init, Module, Parameter, Scope};
use crate::Result;
use crate::tensor::Tensor;

/// `x` where positive, else `slope · x` (He et al., 2015); `torch.nn.PReLU`. Parameter: `weight: [slopes]`, 0.25 at first.
#[derive(Clone, Debug, Module)]
pub struct Prelu {
    weight: Parameter,
}

impl Prelu {
    /// A layer with one slope for each channel, or one for all. Errors: as [`Scope::parameter`].
    #[track_caller]
    pub fn new(scope: &Scope, slopes: usize) -> Result<Prelu> {
        Ok(Prelu { weight: scope.parameter("weight", [slopes], Init::Constant(0.25))? })
    }

    /// `[n, c, ..]` to the same shape. Errors: as [`Tensor::prelu`].
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.prelu(&self.weight.get()?)
    }
}
