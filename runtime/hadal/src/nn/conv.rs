//! Convolutions.

use super::{Init, Module, Parameter, Scope};
use crate::tensor::{ConvOptions, Tensor};
use crate::{Error, Result};

/// Convolution (cross-correlation) over `N` spatial axes; `torch.nn.Conv1d`, `Conv2d`, `Conv3d`. Parameters:
/// `weight: [outputs, inputs / groups, kernel..]`, `bias: [outputs]`.
///
/// ```
/// use hadal::nn::{Conv2d, Scope};
/// use hadal::tensor::ConvOptions;
/// use hadal::{Device, Tensor};
/// let device = Device::open("cpu")?;
/// let options = ConvOptions { stride: vec![2], padding: vec![1], ..ConvOptions::default() };
/// let conv = Conv2d::new(&Scope::random(&device, 0).at("conv"), 3, 16, [3, 3], options)?;
/// let y = conv.forward(&Tensor::rand(&device, [8, 3, 28, 28], 1)?)?;
/// assert_eq!(y.dims()?, [8, 16, 14, 14]);
/// # Ok::<(), hadal::Error>(())
/// ```
#[derive(Clone, Debug, Module)]
pub struct Conv<const N: usize> {
    weight: Parameter,
    bias: Option<Parameter>,
    options: ConvOptions,
}

/// Convolution of `[n, c, l]`.
pub type Conv1d = Conv<1>;
/// Convolution of `[n, c, h, w]`.
pub type Conv2d = Conv<2>;
/// Convolution of `[n, c, d, h, w]`.
pub type Conv3d = Conv<3>;

impl<const N: usize> Conv<N> {
    /// A layer with a bias. Errors: channels that do not fall into the groups; as [`Scope::parameter`].
    #[track_caller]
    pub fn new(
        scope: &Scope,
        inputs: usize,
        outputs: usize,
        kernel: [usize; N],
        options: ConvOptions,
    ) -> Result<Conv<N>> {
        let mut conv = Conv::without_bias(scope, inputs, outputs, kernel, options)?;
        let fan_in = inputs / conv.options.groups * kernel.iter().product::<usize>();
        conv.bias = Some(scope.parameter("bias", [outputs], Init::bias(fan_in))?);
        Ok(conv)
    }

    /// A layer without a bias, as before a norm. Errors: as [`Conv::new`].
    #[track_caller]
    pub fn without_bias(
        scope: &Scope,
        inputs: usize,
        outputs: usize,
        kernel: [usize; N],
        options: ConvOptions,
    ) -> Result<Conv<N>> {
        let groups = options.groups;
        check_groups(groups, inputs, outputs)?;
        let shape: Vec<usize> = [outputs, inputs / groups].into_iter().chain(kernel).collect();
        Ok(Conv { weight: scope.parameter("weight", shape, Init::LINEAR)?, bias: None, options })
    }

    /// `[n, inputs, spatial..]` to `[n, outputs, spatial..]`. Errors: as [`Tensor::conv`]; another rank.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        check_rank("convolution", N, x)?;
        biased(x.conv(&self.weight.get()?, &self.options)?, &self.bias)
    }
}

/// `y` plus a bias for each channel.
#[track_caller]
pub(super) fn biased(y: Tensor, bias: &Option<Parameter>) -> Result<Tensor> {
    let Some(bias) = bias else { return Ok(y) };
    let mut shape = vec![1; y.rank()];
    let bias = bias.get()?;
    shape[1] = bias.dims()?[0];
    y.add(&bias.reshape(shape.as_slice())?)
}

#[track_caller]
pub(super) fn check_groups(groups: usize, inputs: usize, outputs: usize) -> Result<()> {
    if groups > 0 && inputs.is_multiple_of(groups) && outputs.is_multiple_of(groups) {
        return Ok(());
    }
    Err(Error::argument(format!(
        "{inputs} input and {outputs} output channels do not fall into {groups} groups"
    )))
}

/// Errors: a tensor that is not `[n, c]` and `spatial` axes more.
#[track_caller]
pub(super) fn check_rank(what: &str, spatial: usize, x: &Tensor) -> Result<()> {
    if x.rank() == spatial + 2 {
        return Ok(());
    }
    Err(Error::argument(format!(
        "a {what} over {spatial} axes takes a tensor of rank {}, but this is {}",
        spatial + 2,
        x.ty()
    )))
}
