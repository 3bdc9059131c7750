//! How long the consumer of batches waited.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How a loader kept up with its consumer. Times are zero in a browser, which has no such clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Batches that were handed out.
    pub batches: usize,
    /// Samples in them.
    pub samples: usize,
    /// Time for which the consumer waited for batches, the first one of each epoch included.
    pub waited: Duration,
    /// The longest of these waits.
    pub longest_wait: Duration,
    /// Time from the start of each epoch to the last batch that was asked for: what the waiting is to be compared with.
    pub elapsed: Duration,
}

impl Statistics {
    /// What came after `earlier` statistics of the same loader; the longest wait is that of all.
    pub fn since(&self, earlier: &Statistics) -> Statistics {
        Statistics {
            batches: self.batches.saturating_sub(earlier.batches),
            samples: self.samples.saturating_sub(earlier.samples),
            waited: self.waited.saturating_sub(earlier.waited),
            longest_wait: self.longest_wait,
            elapsed: self.elapsed.saturating_sub(earlier.elapsed),
        }
    }

    /// Share of the time that was spent waiting, from 0 to 1.
    pub fn waiting_share(&self) -> f64 {
        if self.elapsed.is_zero() { 0.0 } else { self.waited.as_secs_f64() / self.elapsed.as_secs_f64() }
    }
}

/// Statistics that several epochs may add to.
#[derive(Debug, Default)]
pub(super) struct Record(Mutex<Statistics>);

impl Record {
    pub(super) fn get(&self) -> Statistics {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a batch of `samples` for which the consumer waited, `elapsed` after the one before.
    pub(super) fn add(&self, samples: usize, waited: Duration, elapsed: Duration) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.batches += 1;
        all.samples += samples;
        all.waited += waited;
        all.longest_wait = all.longest_wait.max(waited);
        all.elapsed += elapsed;
    }
}

/// A clock where there is one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    #[cfg(not(target_arch = "wasm32"))]
    instant: std::time::Instant,
}

impl Moment {
    pub(super) fn now() -> Moment {
        Moment {
            #[cfg(not(target_arch = "wasm32"))]
            instant: std::time::Instant::now(),
        }
    }

    /// Time from an earlier moment to this one.
    pub(super) fn since(self, earlier: Moment) -> Duration {
        #[cfg(not(target_arch = "wasm32"))]
        return self.instant.saturating_duration_since(earlier.instant);
        #[cfg(target_arch = "wasm32")]
        {
            let _ = earlier;
            Duration::ZERO
        }
    }
}
