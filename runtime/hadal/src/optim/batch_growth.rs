//! Batches that grow as training goes on.

use serde::{Deserialize, Serialize};

/// How the batch grows: in place of a rate that falls (Smith et al., "Don't decay the learning rate, increase the batch size", 2018), or as
/// the measured noise scale asks for.
///
/// ```
/// use hadal::optim::BatchGrowth;
/// let planned = BatchGrowth::Every { steps: 100, factor: 2, most: 512 };
/// assert_eq!([0, 99, 100, 250, 10_000].map(|step| planned.size(64, step, None)), [64, 64, 128, 256, 512]);
/// let measured = BatchGrowth::Noise { most: 512 };
/// assert_eq!(measured.size(64, 0, Some(300.0)), 256);
/// assert_eq!(measured.size(64, 0, Some(10.0)), 64);
/// assert_eq!(BatchGrowth::rate_factor(64, 256), 2.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BatchGrowth {
    /// The same size throughout.
    Never,
    /// `factor` times as large after every `steps` steps.
    Every {
        /// Steps with one size.
        steps: usize,
        /// From one size to the next.
        factor: usize,
        /// The largest size.
        most: usize,
    },
    /// Doubled as long as twice the size is below the noise scale ([`GradientNoise`](super::GradientNoise)). Never shrinks.
    Noise {
        /// The largest size.
        most: usize,
    },
}

impl BatchGrowth {
    /// The size of the batch at a step. `size` is the first size for [`BatchGrowth::Every`], and the size so far for
    /// [`BatchGrowth::Noise`], which needs the noise scale in examples and keeps the size without a finite one.
    pub fn size(&self, size: usize, step: usize, noise_scale: Option<f64>) -> usize {
        match *self {
            BatchGrowth::Never => size,
            BatchGrowth::Every { steps, factor, most } => {
                let times = u32::try_from(step / steps.max(1)).unwrap_or(u32::MAX);
                size.saturating_mul(factor.max(1).saturating_pow(times)).min(most.max(size))
            }
            BatchGrowth::Noise { most } => {
                let scale = noise_scale.filter(|s| s.is_finite()).unwrap_or(0.0);
                let mut grown = size.max(1);
                while 2 * grown <= most && 2.0 * grown as f64 <= scale {
                    grown *= 2;
                }
                grown
            }
        }
    }

    /// What the learning rate of adaptive optimizers is multiplied by when the batch grows from one size to another: the root of the
    /// ratio (Malladi et al., "On the SDEs and scaling rules for adaptive gradient algorithms", 2022).
    pub fn rate_factor(from: usize, to: usize) -> f64 {
        (to as f64 / from.max(1) as f64).sqrt()
    }
}
