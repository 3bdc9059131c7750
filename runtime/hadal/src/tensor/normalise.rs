//! Activations, normalisation, losses and dropout.

use super::{Key, Tensor};
use crate::{Error, Result};
use hadal_graph::op::{CrossEntropy, Dropout, Gelu, LayerNorm, LogSoftmax, Softmax};
use hadal_graph::program::UnaryOp;
use hadal_graph::{DType, Scalar};

impl Tensor {
    /// `max(x, 0)`.
    #[track_caller]
    pub fn relu(&self) -> Result<Tensor> {
        self.maximum(0.0)
    }

    /// `1 / (1 + e^-x)`.
    #[track_caller]
    pub fn sigmoid(&self) -> Result<Tensor> {
        // (1 + tanh(x / 2)) / 2 overflows nowhere.
        self.check_float("sigmoid")?;
        Tensor::compose(&[self], |g, x| {
            let half = g.scalar(0.5, g.dtype(x[0]))?;
            let inner = g.mul(x[0], half)?;
            let tanh = g.unary(UnaryOp::Tanh, inner)?;
            let scaled = g.mul(tanh, half)?;
            g.add(scaled, half)
        })
    }

    /// `x · sigmoid(x)`.
    #[track_caller]
    pub fn silu(&self) -> Result<Tensor> {
        self.mul(self.sigmoid()?)
    }

    /// `x Φ(x)`.
    #[track_caller]
    pub fn gelu(&self) -> Result<Tensor> {
        Tensor::compose(&[self], |g, x| g.apply(Gelu { tanh: false }, x))
    }

    /// The tanh approximation of [`Tensor::gelu`].
    #[track_caller]
    pub fn gelu_tanh(&self) -> Result<Tensor> {
        Tensor::compose(&[self], |g, x| g.apply(Gelu { tanh: true }, x))
    }

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
