//! One rise and one fall.

use super::Schedule;
use super::cosine::half_wave;
use serde::{Deserialize, Serialize};

/// Up to a high rate and down to a very low one, once (Smith and Topin, "Super-convergence", 2018): `torch.optim.lr_scheduler.OneCycleLR`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OneCycle {
    /// The highest rate.
    pub most: f64,
    /// Steps in all.
    pub steps: usize,
    /// Share of the steps that rise.
    pub rise: f64,
    /// The highest rate is this many times the first.
    pub first_ratio: f64,
    /// The first rate is this many times the last.
    pub last_ratio: f64,
    /// Straight lines in place of half cosines.
    pub linear: bool,
    /// Falls to the first rate as fast as it rose, and only then to the last one.
    pub three_phases: bool,
}

impl OneCycle {
    /// PyTorch's choices: 30 % of the steps rise, from 1/25 of the highest rate, and it ends at 1/10000 of the first.
    pub fn new(most: f64, steps: usize) -> OneCycle {
        OneCycle {
            most,
            steps,
            rise: 0.3,
            first_ratio: 25.0,
            last_ratio: 1e4,
            linear: false,
            three_phases: false,
        }
    }
}

impl Schedule for OneCycle {
    fn at(&self, step: usize) -> f64 {
        let first = self.most / self.first_ratio;
        let last = first / self.last_ratio;
        let end = self.steps as f64 - 1.0;
        let top = self.rise * self.steps as f64 - 1.0;
        let phases = match self.three_phases {
            true => vec![(top, first, self.most), (2.0 * top, self.most, first), (end, first, last)],
            false => vec![(top, first, self.most), (end, self.most, last)],
        };
        let step = step as f64;
        let mut start = 0.0;
        for (end, from, to) in phases {
            if step <= end {
                let progress = if end > start { (step - start) / (end - start) } else { 1.0 };
                return if self.linear {
                    from + (to - from) * progress
                } else {
                    half_wave(from, to, progress)
                };
            }
            start = end;
        }
        last
    }
}
