//! Rates along half a cosine.

use super::Schedule;
use serde::{Deserialize, Serialize};

/// Half a cosine from one rate down to another (Loshchilov and Hutter, "SGDR", 2017): `torch.optim.lr_scheduler.CosineAnnealingLR`, which stays at its
/// end.
///
/// ```
/// use hadal::optim::{Cosine, Schedule};
/// let schedule = Cosine { base: 0.1, last: 0.0, steps: 100 };
/// assert!((schedule.at(50) - 0.05).abs() < 1e-12);
/// assert_eq!(schedule.at(200), 0.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cosine {
    /// The first rate.
    pub base: f64,
    /// The rate from step `steps` on.
    pub last: f64,
    /// Steps of the fall.
    pub steps: usize,
}

impl Schedule for Cosine {
    fn at(&self, step: usize) -> f64 {
        if step >= self.steps {
            return self.last;
        }
        half_wave(self.base, self.last, step as f64 / self.steps as f64)
    }
}

/// Half cosines one after another, each starting from the first rate (Loshchilov and Hutter, "SGDR", 2017):
/// `torch.optim.lr_scheduler.CosineAnnealingWarmRestarts`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CosineRestarts {
    /// The rate at each start.
    pub base: f64,
    /// The rate that each fall goes towards.
    pub last: f64,
    /// Steps of the first fall.
    pub period: usize,
    /// From the length of one fall to that of the next.
    pub factor: usize,
}

impl Schedule for CosineRestarts {
    fn at(&self, step: usize) -> f64 {
        let (mut period, mut since) = (self.period.max(1), step);
        if self.factor <= 1 {
            since %= period;
        }
        while since >= period {
            since -= period;
            period = period.saturating_mul(self.factor);
        }
        half_wave(self.base, self.last, since as f64 / period as f64)
    }
}

/// Between two rates: the first where `progress` is 0, the second where it is 1.
pub(super) fn half_wave(from: f64, to: f64, progress: f64) -> f64 {
    to + (from - to) * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
}
