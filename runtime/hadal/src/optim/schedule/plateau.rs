//! A rate that falls when nothing improves.

use serde::{Deserialize, Serialize};

/// Multiplies the rate by `factor` when a metric has not improved for more than `patience` observations:
/// `torch.optim.lr_scheduler.ReduceLROnPlateau`. It has state, which is saved by serialising it.
///
/// ```
/// use hadal::optim::Plateau;
/// let mut plateau = Plateau { patience: 1, ..Plateau::new(0.1) };
/// let rates: Vec<f64> = [2.0, 1.0, 1.0, 1.0, 0.5].map(|loss| plateau.observe(loss)).to_vec();
/// assert_eq!(rates[..3], [0.1, 0.1, 0.1]);
/// assert!((rates[3] - 0.01).abs() < 1e-12 && rates[3] == rates[4]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plateau {
    /// The rate now.
    pub rate: f64,
    /// From one rate to the next.
    pub factor: f64,
    /// Observations without improvement that are borne.
    pub patience: usize,
    /// What counts as an improvement: a share of the best value, or a difference where `absolute`.
    pub threshold: f64,
    /// Whether the threshold is a difference.
    pub absolute: bool,
    /// Whether larger is better, as for an accuracy.
    pub larger_is_better: bool,
    /// Observations after a fall that are not counted.
    pub cooldown: usize,
    /// The least rate.
    pub least: f64,
    /// The best value so far.
    pub best: Option<f64>,
    /// Observations since then.
    pub bad: usize,
    /// Observations that will not be counted.
    pub cooling: usize,
}

impl Plateau {
    /// PyTorch's choices for a loss: a tenth after 10 observations that are less than 0.01 % better.
    pub fn new(rate: f64) -> Plateau {
        Plateau {
            rate,
            factor: 0.1,
            patience: 10,
            threshold: 1e-4,
            absolute: false,
            larger_is_better: false,
            cooldown: 0,
            least: 0.0,
            best: None,
            bad: 0,
            cooling: 0,
        }
    }

    /// Takes a metric, for instance the validation loss of an epoch, and returns the rate from now on. NaN is no improvement.
    pub fn observe(&mut self, metric: f64) -> f64 {
        if self.improves(metric) {
            self.best = Some(metric);
            self.bad = 0;
        } else {
            self.bad += 1;
        }
        if self.cooling > 0 {
            self.cooling -= 1;
            self.bad = 0;
        }
        if self.bad > self.patience {
            let next = (self.rate * self.factor).max(self.least);
            // A change that is lost in rounding is none.
            if self.rate - next > 1e-8 {
                self.rate = next;
            }
            self.cooling = self.cooldown;
            self.bad = 0;
        }
        self.rate
    }

    fn improves(&self, metric: f64) -> bool {
        let Some(best) = self.best else { return !metric.is_nan() };
        match (self.larger_is_better, self.absolute) {
            (false, false) => metric < best * (1.0 - self.threshold),
            (false, true) => metric < best - self.threshold,
            (true, false) => metric > best * (1.0 + self.threshold),
            (true, true) => metric > best + self.threshold,
        }
    }
}
