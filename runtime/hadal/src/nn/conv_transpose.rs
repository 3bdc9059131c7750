//! Transposed convolutions.

use super::conv::{biased, check_groups, check_rank};
use super::{Init, Module, Parameter, Scope};
use crate::Result;
use crate::tensor::{ConvTransposeOptions, Tensor};

/// Transposed convolution over `N` spatial axes; `torch.nn.ConvTranspose1d`, `ConvTranspose2d`, `ConvTranspose3d`. Parameters:
/// `weight: [inputs, outputs / groups, kernel..]`, `bias: [outputs]`.
#[derive(Clone, Debug, Module)]
pub struct ConvTranspose<const N: usize> {
    weight: Parameter,
    bias: Option<Parameter>,
    options: ConvTransposeOptions,
}

/// Transposed convolution of `[n, c, l]`.
pub type ConvTranspose1d = ConvTranspose<1>;
/// Transposed convolution of `[n, c, h, w]`.
pub type ConvTranspose2d = ConvTranspose<2>;
/// Transposed convolution of `[n, c, d, h, w]`.
pub type ConvTranspose3d = ConvTranspose<3>;

impl<const N: usize> ConvTranspose<N> {
    /// A layer with a bias. Errors: channels that do not fall into the groups; as [`Scope::parameter`].
    #[track_caller]
    pub fn new(
        scope: &Scope,
        inputs: usize,
        outputs: usize,
        kernel: [usize; N],
        options: ConvTransposeOptions,
    ) -> Result<ConvTranspose<N>> {
        let mut layer = ConvTranspose::without_bias(scope, inputs, outputs, kernel, options)?;
        // PyTorch takes the fan of the weight as it lies.
        let fan_in = outputs / layer.options.groups * kernel.iter().product::<usize>();
        layer.bias = Some(scope.parameter("bias", [outputs], Init::bias(fan_in))?);
        Ok(layer)
    }

    /// A layer without a bias. Errors: as [`ConvTranspose::new`].
    #[track_caller]
    pub fn without_bias(
        scope: &Scope,
        inputs: usize,
        outputs: usize,
        kernel: [usize; N],
        options: ConvTransposeOptions,
    ) -> Result<ConvTranspose<N>> {
        let groups = options.groups;
        check_groups(groups, inputs, outputs)?;
        let shape: Vec<usize> = [inputs, outputs / groups].into_iter().chain(kernel).collect();
        Ok(ConvTranspose { weight: scope.parameter("weight", shape, Init::LINEAR)?, bias: None, options })
    }

    /// `[n, inputs, spatial..]` to `[n, outputs, spatial..]`. Errors: as [`Tensor::conv_transpose`]; another rank.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        check_rank("transposed convolution", N, x)?;
        biased(x.conv_transpose(&self.weight.get()?, &self.options)?, &self.bias)
    }
}
