//! Making one batch.

use super::{Batch, Position};
use crate::collate::Collate;
use crate::panics::guarded;
use crate::sampler::Plan;
use crate::{DataError, Dataset, Sample};
use std::sync::Arc;

/// What the batches of an epoch are made from.
pub(super) struct Work {
    pub(super) dataset: Arc<dyn Dataset>,
    pub(super) collate: Arc<dyn Collate>,
    pub(super) plan: Plan,
    pub(super) epoch: u64,
}

impl Work {
    /// Makes batch number `batch`. Errors name the sample; a panic of a person's code is an error too.
    pub(super) fn make(&self, batch: usize) -> Result<Batch, DataError> {
        let len = self.plan.len();
        let indices = self.plan.batch(batch).ok_or(DataError::Index { index: batch, len })?;
        let tensors = self.tensors(indices)?;
        Ok(Batch { tensors, indices: indices.to_vec(), position: Position { epoch: self.epoch, batch } })
    }

    fn tensors(&self, indices: &[usize]) -> Result<Sample, DataError> {
        // A batch that fails is made again one by one, which tells whose fault it is.
        if self.collate.is_stack()
            && let Ok(Some(Ok(stacked))) = guarded(|| Ok(self.dataset.stacked(indices, self.epoch)))
        {
            return Ok(stacked);
        }
        let one = |&index: &usize| {
            guarded(|| self.dataset.get(index, self.epoch)).map_err(|error| error.of_sample(index))
        };
        let samples = indices.iter().map(one).collect::<Result<Vec<Sample>, _>>()?;
        guarded(|| self.collate.collate(samples))
    }
}
