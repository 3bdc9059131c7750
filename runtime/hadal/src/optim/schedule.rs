//! Learning-rate schedules.

/// A linear warm-up to a base rate, then half a cosine down to a final one (Loshchilov and Hutter, "SGDR", 2017).
///
/// ```
/// use hadal::optim::CosineSchedule;
/// let schedule = CosineSchedule { base: 0.1, last: 0.0, warmup: 10, steps: 110 };
/// assert_eq!(schedule.at(5), 0.05);
/// assert_eq!(schedule.at(10), 0.1);
/// assert!((schedule.at(60) - 0.05).abs() < 1e-12);
/// assert_eq!(schedule.at(200), 0.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CosineSchedule {
    /// The rate after the warm-up.
    pub base: f64,
    /// The rate after the last step.
    pub last: f64,
    /// Steps of the warm-up.
    pub warmup: usize,
    /// Steps in all.
    pub steps: usize,
}

impl CosineSchedule {
    /// The rate at a step, counted from 0.
    pub fn at(&self, step: usize) -> f64 {
        if step < self.warmup {
            return self.base * step as f64 / self.warmup as f64;
        }
        if step >= self.steps {
            return self.last;
        }
        let progress = (step - self.warmup) as f64 / (self.steps - self.warmup) as f64;
        self.last + (self.base - self.last) * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
    }
}
