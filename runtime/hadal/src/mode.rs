//! Whether a layer is training.

use crate::trace;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A switch that a layer shares with its clones: dropout and batch norm do one thing in training and another in evaluation.
///
/// A function of [`jit`](crate::jit) remembers which switches its trace has read, and is traced again when one of them has changed; both
/// plans are kept.
#[derive(Clone, Debug)]
pub struct Mode(Arc<AtomicBool>);

impl Mode {
    /// A switch of its own.
    pub fn new(training: bool) -> Mode {
        Mode(Arc::new(AtomicBool::new(training)))
    }

    /// Whether training is on. A trace under way notes that it depends on the answer.
    pub fn is_training(&self) -> bool {
        let training = self.current();
        trace::note_mode(self, training);
        training
    }

    /// Turns training on or off.
    pub fn set(&self, training: bool) {
        self.0.store(training, Ordering::Relaxed);
    }

    /// What it says, for a plan's lookup.
    pub(crate) fn current(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl PartialEq for Mode {
    fn eq(&self, other: &Mode) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
impl Eq for Mode {}
