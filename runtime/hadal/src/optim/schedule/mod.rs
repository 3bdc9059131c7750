//! Learning-rate schedules: functions from the step to the rate.
//!
//! A schedule has no state, so it resumes by being asked for the right step. [`Plateau`] alone looks at how training goes, and has.

mod cosine;
mod decay;
mod one_cycle;
mod plateau;
mod warmup;

pub use cosine::{Cosine, CosineRestarts};
pub use decay::{Constant, Exponential, MultiStep, Polynomial, Step};
pub use one_cycle::OneCycle;
pub use plateau::Plateau;
pub use warmup::Warmup;

use std::fmt;

/// The learning rate as a function of the step.
pub trait Schedule: fmt::Debug {
    /// The rate at a step, counted from 0.
    fn at(&self, step: usize) -> f64;
}

impl<S: Schedule + ?Sized> Schedule for Box<S> {
    fn at(&self, step: usize) -> f64 {
        (**self).at(step)
    }
}
