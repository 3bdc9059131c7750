//! What looks on while a run goes on, and may end it.

use crate::{Direction, EpochRecord, StepRecord};
use hadal::profiler::Profile;

/// Whether a run goes on. Of several wishes the strongest holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flow {
    /// It does.
    Continue,
    /// It ends after this epoch, as if all were over.
    Stop,
    /// It ends after this step, with a checkpoint from which it may go on.
    Pause,
}

/// Is shown all records. A resumed run shows the epochs before it again, so what a callback remembers of them needs no saving.
pub trait Callback {
    /// After a record of steps.
    fn step(&mut self, _record: &StepRecord) -> Flow {
        Flow::Continue
    }

    /// After each batch of training: the steps so far, the batch's place in its epoch from 1, and how many the epoch has. For progress bars.
    fn progress(&mut self, _step: u64, _batch: usize, _batches: usize) -> Flow {
        Flow::Continue
    }

    /// After an epoch, and once for each earlier one when a run resumes.
    fn epoch(&mut self, _record: &EpochRecord) -> Flow {
        Flow::Continue
    }

    /// When there is something to tell: a choice of precision, a larger batch.
    fn message(&mut self, _text: &str) {}

    /// When the profile that was asked for is taken, and has been written.
    fn profile(&mut self, _profile: &Profile) {}
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
