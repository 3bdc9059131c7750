//! Rates that fall by rule, or stay.

use super::Schedule;
use serde::{Deserialize, Serialize};

/// One rate throughout.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Constant {
    /// The rate.
    pub rate: f64,
}

impl Schedule for Constant {
    fn at(&self, _step: usize) -> f64 {
        self.rate
    }
}

/// A rate that is multiplied by `gamma` every `size` steps: `torch.optim.lr_scheduler.StepLR`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The first rate.
    pub base: f64,
    /// Steps with one rate.
    pub size: usize,
    /// From one rate to the next.
    pub gamma: f64,
}

impl Schedule for Step {
    fn at(&self, step: usize) -> f64 {
        self.base * self.gamma.powf((step / self.size.max(1)) as f64)
    }
}

/// A rate that is multiplied by `gamma` at each milestone: `torch.optim.lr_scheduler.MultiStepLR`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MultiStep {
    /// The first rate.
    pub base: f64,
    /// The steps at which it changes, in any order.
    pub milestones: Vec<usize>,
    /// From one rate to the next.
    pub gamma: f64,
}

impl Schedule for MultiStep {
    fn at(&self, step: usize) -> f64 {
        let passed = self.milestones.iter().filter(|&&m| m <= step).count();
        self.base * self.gamma.powf(passed as f64)
    }
}

/// A rate that is multiplied by `gamma` in each step: `torch.optim.lr_scheduler.ExponentialLR`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exponential {
    /// The first rate.
    pub base: f64,
    /// From one step to the next.
    pub gamma: f64,
}

impl Schedule for Exponential {
    fn at(&self, step: usize) -> f64 {
        self.base * self.gamma.powf(step as f64)
    }
}

/// A rate that falls to `last` along a power of the steps that are left: `torch.optim.lr_scheduler.PolynomialLR` (with `last` 0). With power 1 it is
/// a line.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Polynomial {
    /// The first rate.
    pub base: f64,
    /// The rate from step `steps` on.
    pub last: f64,
    /// Steps of the fall.
    pub steps: usize,
    /// The power.
    pub power: f64,
}

impl Schedule for Polynomial {
    fn at(&self, step: usize) -> f64 {
        if step >= self.steps {
            return self.last;
        }
        let left = 1.0 - step as f64 / self.steps as f64;
        self.last + (self.base - self.last) * left.powf(self.power)
    }
}
