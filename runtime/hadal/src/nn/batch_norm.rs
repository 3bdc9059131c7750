//! Batch normalisation.

use super::{Buffer, Init, Mode, Module, Parameter, Scope};
use crate::tensor::Tensor;
use crate::{Error, Result, no_grad};
use hadal_graph::DType;

/// `(x - mean) / sqrt(variance + epsilon) · w + b` for each channel, over the batch in training and with running statistics in evaluation
/// (Ioffe and Szegedy, 2015); `torch.nn.BatchNorm1d`, `BatchNorm2d`, `BatchNorm3d`.
///
/// Parameters: `weight`, ones at first, and `bias`, zeros. Buffers: `running_mean`, zeros, `running_var`, ones, and
/// `num_batches_tracked`. Each forward in training moves the running statistics, with the variance that divides by `count - 1`.
#[derive(Clone, Debug, Module)]
pub struct BatchNorm<const N: usize> {
    weight: Parameter,
    bias: Parameter,
    running_mean: Buffer,
    running_var: Buffer,
    num_batches_tracked: Buffer,
    #[module(skip)]
    options: BatchNormOptions,
    mode: Mode,
}

/// Constants of [`BatchNorm`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNormOptions {
    /// Added to the variance.
    pub epsilon: f64,
    /// The share of a new batch in the running statistics; `None` for the mean over all batches.
    pub momentum: Option<f64>,
}

impl Default for BatchNormOptions {
    fn default() -> BatchNormOptions {
        BatchNormOptions { epsilon: 1e-5, momentum: Some(0.1) }
    }
}

/// Batch normalisation of `[n, c]` or `[n, c, l]`.
pub type BatchNorm1d = BatchNorm<1>;
/// Batch normalisation of `[n, c, h, w]`.
pub type BatchNorm2d = BatchNorm<2>;
/// Batch normalisation of `[n, c, d, h, w]`.
pub type BatchNorm3d = BatchNorm<3>;

impl<const N: usize> BatchNorm<N> {
    /// A layer for so many channels. Errors: as [`Scope::parameter`].
    #[track_caller]
    pub fn new(scope: &Scope, channels: usize, options: BatchNormOptions) -> Result<BatchNorm<N>> {
        Ok(BatchNorm {
            weight: scope.parameter("weight", [channels], Init::ONES)?,
            bias: scope.parameter("bias", [channels], Init::ZEROS)?,
            running_mean: scope.buffer("running_mean", [channels], DType::F32, 0.0)?,
            running_var: scope.buffer("running_var", [channels], DType::F32, 1.0)?,
            num_batches_tracked: scope.buffer("num_batches_tracked", [], DType::I64, 0.0)?,
            options,
            mode: scope.mode(),
        })
    }

    /// `[n, c, spatial..]` to the same shape; sums are as wide as accumulators.
    ///
    /// Errors: another rank or number of channels; in training, a batch with one value per channel, frozen statistics, or a model being
    /// traced.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if x.rank() != N + 2 && !(N == 1 && x.rank() == 2) {
            return Err(Error::argument(format!(
                "a batch norm over {N} axes takes a tensor of rank {}, but this is {}",
                N + 2,
                x.ty()
            )));
        }
        let training = self.mode.is_training();
        let wide = x.to_dtype(x.dtype().accumulator())?;
        let cast = |tensor: Tensor| tensor.to_dtype(wide.dtype());
        let (mean, variance) = match training {
            true => self.statistics(&wide)?,
            false => (cast(self.running_mean.get()?)?, cast(self.running_var.get()?)?),
        };
        let (weight, bias) = (cast(self.weight.get()?)?, cast(self.bias.get()?)?);
        wide.batch_norm(&weight, &bias, &mean, &variance, self.options.epsilon)?.to_dtype(x.dtype())
    }

    /// Mean and variance of the batch, `[c]` each; moves the running ones.
    #[track_caller]
    fn statistics(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        let axes: Vec<i64> = (0..x.rank() as i64).filter(|&axis| axis != 1).collect();
        let extents: Option<Vec<usize>> = axes.iter().map(|&a| x.shape()[a as usize].as_usize()).collect();
        let count: usize = extents.map(|e| e.iter().product()).ok_or_else(|| {
            Error::argument(format!(
                "batch norm in training needs extents that are known, but this is {}\n  hint: call `eval()` to trace a model",
                x.ty()
            ))
        })?;
        if count < 2 {
            return Err(Error::argument(format!(
                "batch norm in training needs more than one value per channel, but this is {}",
                x.ty()
            )));
        }
        let mean = x.mean_keep(&axes)?;
        let variance = (x - &mean)?.sqr()?.mean(&axes)?;
        let mean = mean.reshape([-1])?;
        no_grad(|| {
            let unbiased = (variance.detach() * (count as f64 / (count - 1) as f64))?;
            let tracked = (self.num_batches_tracked.get()? + 1)?;
            let share = match self.options.momentum {
                Some(momentum) => {
                    Tensor::full(x.device(), hadal_graph::Shape::scalar(), momentum, DType::F32)?
                }
                None => tracked.to_dtype(DType::F32)?.recip()?,
            };
            for (buffer, new) in [(&self.running_mean, mean.detach()), (&self.running_var, unbiased)] {
                let old = buffer.get()?;
                let step = (new.to_dtype(old.dtype())? - &old)?.mul(share.to_dtype(old.dtype())?)?;
                buffer.set(&old.add(&step)?)?;
            }
            self.num_batches_tracked.set(&tracked)
        })?;
        Ok((mean, variance))
    }
}
