//! LAMB.

use super::descent::Descent;
use super::moments;
use super::rule::{Point, Rule, Slot, check_decay};
use crate::Result;
use crate::tensor::Tensor;

/// LAMB, for large batches (You et al., "Large batch optimization for deep learning: training BERT in 76 minutes", 2020, algorithm 2).
///
/// The direction of Adam with decoupled weight decay, made as long as the parameter itself.
pub type Lamb = Descent<LambOptions>;

/// Constants of [`Lamb`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LambOptions {
    /// Decay of the mean of gradients.
    pub beta1: f64,
    /// Decay of the mean of their squares.
    pub beta2: f64,
    /// Added to the root of the latter.
    pub epsilon: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
}

impl Default for LambOptions {
    fn default() -> LambOptions {
        LambOptions { beta1: 0.9, beta2: 0.999, epsilon: 1e-6, weight_decay: 0.01 }
    }
}

impl Rule for LambOptions {
    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        moments::slots(shape)
    }

    fn next(&self, at: &Point) -> Result<Tensor> {
        let adaptive = moments::adaptive(at, &at.gradient, self.beta1, self.beta2, self.epsilon)?;
        let direction = at.decayed(adaptive)?;
        let (weight, length) = (norm(&at.value)?, norm(&direction)?);
        // A parameter or direction of zeros has no length to keep.
        let known = weight.gt(0.0)?.logical_and(length.gt(0.0)?)?;
        let trust = known.where_(&(&weight / &length)?, &weight.ones_like()?)?;
        at.moved(&(direction * trust)?)
    }

    fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    fn check(&self) -> Result<()> {
        check_decay("beta1", self.beta1)?;
        check_decay("beta2", self.beta2)
    }
}

fn norm(x: &Tensor) -> Result<Tensor> {
    x.sqr()?.sum(&[])?.sqrt()
}
