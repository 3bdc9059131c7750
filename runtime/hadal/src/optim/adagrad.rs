//! Adagrad.

use super::descent::Descent;
use super::rule::{Point, Rule, Slot};
use crate::Result;
use crate::tensor::Tensor;

/// Adagrad (Duchi et al., "Adaptive subgradient methods for online learning and stochastic optimization", 2011): `torch.optim.Adagrad`.
pub type Adagrad = Descent<AdagradOptions>;

/// Constants of [`Adagrad`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdagradOptions {
    /// The rate in step `t`, counted from 0, is divided by `1 + t · rate_decay`.
    pub rate_decay: f64,
    /// What the sums of squares begin with.
    pub initial_sum: f64,
    /// Added to their root.
    pub epsilon: f64,
    /// Weight decay, added to the gradient.
    pub weight_decay: f64,
}

impl Default for AdagradOptions {
    fn default() -> AdagradOptions {
        AdagradOptions { rate_decay: 0.0, initial_sum: 0.0, epsilon: 1e-10, weight_decay: 0.0 }
    }
}

impl Rule for AdagradOptions {
    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        vec![Slot { name: "sum", shape: shape.to_vec(), initial: self.initial_sum }]
    }

    fn next(&self, at: &Point) -> Result<Tensor> {
        let gradient = at.decayed_gradient()?;
        let sum = (at.slot("sum")? + gradient.sqr()?)?;
        at.set("sum", &sum)?;
        let direction = (gradient / (sum.sqrt()? + self.epsilon)?)?;
        match self.rate_decay {
            0.0 => at.moved(&direction),
            decay => at.moved(&(direction / (((at.step() - 1.0)? * decay)? + 1.0)?)?),
        }
    }

    fn weight_decay(&self) -> f64 {
        self.weight_decay
    }
}
