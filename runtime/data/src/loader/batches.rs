//! The batches of an epoch, one after another.

use super::Batch;
use super::statistics::{Moment, Record};
use super::work::Work;
#[cfg(not(target_arch = "wasm32"))]
use super::workers::Workers;
use crate::DataError;
use std::sync::Arc;

/// The batches of an epoch, in order. Dropping this ends the threads that load for it.
///
/// A batch that cannot be made is an error in its place; asking on gives the batches after it.
pub struct Batches {
    work: Arc<Work>,
    next: usize,
    #[cfg(not(target_arch = "wasm32"))]
    workers: Option<Workers>,
    record: Arc<Record>,
    /// When the last batch was handed out.
    last: Moment,
}

impl Batches {
    /// Batches from `next` on. No more than `ahead` are made before they are asked for.
    pub(super) fn new(
        work: Arc<Work>,
        next: usize,
        workers: usize,
        ahead: usize,
        record: Arc<Record>,
        started: Moment,
    ) -> Batches {
        #[cfg(target_arch = "wasm32")]
        let _ = (workers, ahead);
        Batches {
            #[cfg(not(target_arch = "wasm32"))]
            workers: (workers > 0).then(|| Workers::start(&work, next, workers, ahead)),
            work,
            next,
            record,
            last: started,
        }
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn make(&self, batch: usize) -> Result<Batch, DataError> {
        match &self.workers {
            Some(workers) => workers.take(&self.work, batch),
            None => self.work.make(batch),
        }
    }

    #[cfg(target_arch = "wasm32")]
    fn make(&self, batch: usize) -> Result<Batch, DataError> {
        self.work.make(batch)
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.work.plan.len() {
            return None;
        }
        let asked = Moment::now();
        let batch = self.make(self.next);
        let now = Moment::now();
        let samples = batch.as_ref().map_or(0, |batch| batch.indices.len());
        self.record.add(samples, now.since(asked), now.since(self.last));
        self.last = now;
        self.next += 1;
        Some(batch)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.work.plan.len().saturating_sub(self.next);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Batches {}
