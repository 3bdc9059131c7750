//! Adam and AdamW.

use super::descent::Descent;
use super::moments;
use super::rule::{Point, Rule, Slot, check_decay};
use crate::Result;
use crate::tensor::Tensor;

/// Adam (Kingma and Ba, "Adam: a method for stochastic optimization", 2015): `torch.optim.Adam`.
pub type Adam = Descent<AdamOptions>;

/// Adam with decoupled weight decay (Loshchilov and Hutter, "Decoupled weight decay regularization", 2019): `torch.optim.AdamW`.
pub type AdamW = Descent<AdamWOptions>;

/// Constants of [`Adam`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamOptions {
    /// Decay of the mean of gradients.
    pub beta1: f64,
    /// Decay of the mean of their squares.
    pub beta2: f64,
    /// Added to the root of the latter.
    pub epsilon: f64,
    /// Weight decay that is added to the gradient (L2). For the decoupled one use [`AdamW`].
    pub weight_decay: f64,
    /// Divides by the largest mean of squares so far (Reddi et al., "On the convergence of Adam and beyond", 2018).
    pub amsgrad: bool,
}

/// Constants of [`AdamW`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWOptions {
    /// Decay of the mean of gradients.
    pub beta1: f64,
    /// Decay of the mean of their squares.
    pub beta2: f64,
    /// Added to the root of the latter.
    pub epsilon: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
}

impl Default for AdamOptions {
    fn default() -> AdamOptions {
        AdamOptions { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0, amsgrad: false }
    }
}

impl Default for AdamWOptions {
    fn default() -> AdamWOptions {
        AdamWOptions { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 }
    }
}

impl Rule for AdamOptions {
    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        let mut slots = moments::slots(shape);
        if self.amsgrad {
            slots.push(Slot::zeros("largest_square", shape));
        }
        slots
    }

    fn next(&self, at: &Point) -> Result<Tensor> {
        let AdamOptions { beta1, beta2, epsilon, .. } = *self;
        let gradient = at.decayed_gradient()?;
        if !self.amsgrad {
            return at.moved(&moments::adaptive(at, &gradient, beta1, beta2, epsilon)?);
        }
        let (mean, square) = moments::averages(at, &gradient, beta1, beta2)?;
        let largest = at.slot("largest_square")?.maximum(&square)?;
        at.set("largest_square", &largest)?;
        let root = (largest.sqrt()? / at.bias_correction(beta2)?.sqrt()?)?;
        at.moved(&((mean / at.bias_correction(beta1)?)? / (root + epsilon)?)?)
    }

    fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    fn check(&self) -> Result<()> {
        check_decay("beta1", self.beta1)?;
        check_decay("beta2", self.beta2)
    }
}

impl Rule for AdamWOptions {
    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        moments::slots(shape)
    }

    fn next(&self, at: &Point) -> Result<Tensor> {
        let direction = moments::adaptive(at, &at.gradient, self.beta1, self.beta2, self.epsilon)?;
        at.moved(&at.decayed(direction)?)
    }

    fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    fn check(&self) -> Result<()> {
        check_decay("beta1", self.beta1)?;
        check_decay("beta2", self.beta2)
    }
}
