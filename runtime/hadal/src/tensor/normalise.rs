//! Softmax, normalisation, cross-entropy and dropout.

use super::{Key, Tensor};
use crate::{Error, Result};
use hadal_graph::op::{
    BatchNorm, CrossEntropy, Dropout, GroupNorm, LayerNorm, LogSoftmax, LogSumExp, RmsNorm, Softmax,
};
use hadal_graph::{DType, Scalar};

impl Tensor {
    /// Positive numbers that sum to 1 along an axis. Errors: integers, an axis that is not there.
    #[track_caller]
    pub fn softmax(&self, axis: i64) -> Result<Tensor> {
        let axis = self.axis("softmax", axis)?;
        Tensor::compose(&[self], |g, x| g.apply(Softmax { axis }, x))
    }

    /// The logarithm of [`Tensor::softmax`], stable. Errors: as there.
    #[track_caller]
    pub fn log_softmax(&self, axis: i64) -> Result<Tensor> {
        let axis = self.axis("log_softmax", axis)?;
        Tensor::compose(&[self], |g, x| g.apply(LogSoftmax { axis }, x))
    }

    /// Layer normalisation over the last axis of `[.., n]`, with `weight: [n]` and `bias: [n]`. Errors: other shapes or dtypes.
    #[track_caller]
    pub fn layer_norm(&self, weight: &Tensor, bias: &Tensor, epsilon: f64) -> Result<Tensor> {
        let epsilon = Scalar::new(epsilon, DType::F32);
        Tensor::compose(&[self, weight, bias], |g, x| g.apply(LayerNorm { epsilon }, x))
    }

    /// Root-mean-square normalisation over the last axis of `[.., n]`, with `weight: [n]`. Errors: other shapes or dtypes.
    #[track_caller]
    pub fn rms_norm(&self, weight: &Tensor, epsilon: f64) -> Result<Tensor> {
        let epsilon = Scalar::new(epsilon, DType::F32);
        Tensor::compose(&[self, weight], |g, x| g.apply(RmsNorm { epsilon }, x))
    }

    /// Normalisation of each sample of `[n, c, spatial..]` over groups of channels, with `weight: [c]` and `bias: [c]`. Errors: other
    /// shapes or dtypes; groups that do not divide the channels.
    #[track_caller]
    pub fn group_norm(&self, groups: usize, weight: &Tensor, bias: &Tensor, epsilon: f64) -> Result<Tensor> {
        let epsilon = Scalar::new(epsilon, DType::F32);
        Tensor::compose(&[self, weight, bias], |g, x| g.apply(GroupNorm { groups, epsilon }, x))
    }

    /// Normalisation of each channel of `[n, c, spatial..]` with a given mean and variance, and a weight and a bias, each `[c]`. Errors:
    /// other shapes or dtypes.
    #[track_caller]
    pub fn batch_norm(
        &self,
        weight: &Tensor,
        bias: &Tensor,
        mean: &Tensor,
        variance: &Tensor,
        epsilon: f64,
    ) -> Result<Tensor> {
        let epsilon = Scalar::new(epsilon, DType::F32);
        Tensor::compose(&[self, weight, bias, mean, variance], |g, x| g.apply(BatchNorm { epsilon }, x))
    }

    /// `log(sum(e^x))` over axes, which go; no axes mean all. Overflows nowhere. Errors: integers, an axis that is not there.
    #[track_caller]
    pub fn logsumexp(&self, axes: &[i64]) -> Result<Tensor> {
        let axes = self.axes("logsumexp", axes)?;
        Tensor::compose(&[self], |g, x| g.apply(LogSumExp { axes }, x))
    }

    /// Cross-entropy of logits `[n, c]` and class numbers `[n]` (integers in `0..c`): one loss for each row, `[n]`.
    ///
    /// Take [`Tensor::mean`] of it for a training loss. Errors: other ranks, targets that are not integers.
    #[track_caller]
    pub fn cross_entropy(&self, targets: &Tensor) -> Result<Tensor> {
        Tensor::compose(&[self, targets], |g, x| g.apply(CrossEntropy, x))
    }

    /// Zero with probability `p`, else `x / (1 - p)`. One key draws the same elements on every device. Errors: `p` outside `0..1`.
    #[track_caller]
    pub fn dropout(&self, p: f64, key: &Key) -> Result<Tensor> {
        if !(0.0..1.0).contains(&p) {
            return Err(Error::argument(format!("the probability of dropout must be in 0..1, but is {p}")));
        }
        if p == 0.0 {
            return Ok(self.clone());
        }
        let p = Scalar::Float(p);
        Tensor::compose(&[self, key.tensor()], |g, x| g.apply(Dropout { p }, x))
    }
}
