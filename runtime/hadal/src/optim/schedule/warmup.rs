//! A rise before any other schedule.

use super::Schedule;
use serde::{Deserialize, Serialize};

/// A line from `from` times the first rate of another schedule up to that rate, and then that schedule:
/// `torch.optim.lr_scheduler.SequentialLR` of `LinearLR` and another.
///
/// ```
/// use hadal::optim::{Cosine, Schedule, Warmup};
/// let schedule = Warmup { steps: 10, from: 0.0, then: Cosine { base: 0.1, last: 0.0, steps: 100 } };
/// assert_eq!(schedule.at(5), 0.05);
/// assert_eq!(schedule.at(10), 0.1);
/// assert_eq!(schedule.at(110), 0.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Warmup<S> {
    /// Steps of the rise.
    pub steps: usize,
    /// Where it starts, as a factor.
    pub from: f64,
    /// What follows; its step 0 is step `steps`.
    pub then: S,
}

impl<S: Schedule> Schedule for Warmup<S> {
    fn at(&self, step: usize) -> f64 {
        if step >= self.steps {
            return self.then.at(step - self.steps);
        }
        self.then.at(0) * (self.from + (1.0 - self.from) * step as f64 / self.steps as f64)
    }
}
