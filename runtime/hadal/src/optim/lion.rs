//! Lion.

use super::descent::Descent;
use super::moments;
use super::rule::{Point, Rule, Slot, check_decay};
use crate::Result;
use crate::tensor::Tensor;

/// Lion, which moves by signs (Chen et al., "Symbolic discovery of optimization algorithms", 2023, algorithm 2).
///
/// Its rate wants to be 3 to 10 times smaller than that of [`AdamW`](super::AdamW), and its weight decay as much larger.
pub type Lion = Descent<LionOptions>;

/// Constants of [`Lion`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LionOptions {
    /// Share of the average in the direction.
    pub beta1: f64,
    /// Decay of the average.
    pub beta2: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
}

impl Default for LionOptions {
    fn default() -> LionOptions {
        LionOptions { beta1: 0.9, beta2: 0.99, weight_decay: 0.0 }
    }
}

impl Rule for LionOptions {
    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        vec![Slot::zeros("mean", shape)]
    }

    fn next(&self, at: &Point) -> Result<Tensor> {
        let mixed = ((at.slot("mean")? * self.beta1)? + (&at.gradient * (1.0 - self.beta1))?)?;
        moments::average(at, "mean", &at.gradient, self.beta2)?;
        at.moved(&at.decayed(mixed.sign()?)?)
    }

    fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    fn check(&self) -> Result<()> {
        check_decay("beta1", self.beta1)?;
        check_decay("beta2", self.beta2)
    }
}
