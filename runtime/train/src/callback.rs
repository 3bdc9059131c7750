//! What looks on while a run goes on, and may end it.

use crate::{Direction, EpochRecord, StepRecord};

/// Whether a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// It does.
    Continue,
    /// It ends after this epoch, as if all were over.
    Stop,
}

/// Is shown all records. A resumed run shows the epochs before it again, so what a callback remembers of them needs no saving.
pub trait Callback {
    /// After a record of steps.
    fn step(&mut self, _record: &StepRecord) -> Flow {
        Flow::Continue
    }

    /// After each batch of training: the step, and how many the epoch has in all with the place in it. For progress bars.
    fn progress(&mut self, _step: u64, _batch: usize, _batches: usize) {}

    /// After an epoch, and once for each earlier one when a run resumes.
    fn epoch(&mut self, _record: &EpochRecord) -> Flow {
        Flow::Continue
    }
}

/// Ends a run when a metric has not improved for some epochs.
#[derive(Clone, Debug)]
pub struct EarlyStopping {
    metric: String,
    direction: Direction,
    patience: usize,
    best: f64,
    waited: usize,
}

impl EarlyStopping {
    /// Waits for `patience` epochs without a better value of `metric`.
    pub fn new(metric: impl Into<String>, direction: Direction, patience: usize) -> EarlyStopping {
        EarlyStopping { metric: metric.into(), direction, patience, best: f64::NAN, waited: 0 }
    }
}

impl Callback for EarlyStopping {
    fn epoch(&mut self, record: &EpochRecord) -> Flow {
        let Some(&value) = record.metrics.get(&self.metric) else { return Flow::Continue };
        if self.direction.improves(value, self.best) {
            (self.best, self.waited) = (value, 0);
            return Flow::Continue;
        }
        self.waited += 1;
        if self.waited >= self.patience { Flow::Stop } else { Flow::Continue }
    }
}
