//! Data sets: numbered samples.

mod concat;
mod map;
mod subset;
mod tensors;

pub use concat::ConcatDataset;
pub use map::{Augment, Map};
pub use subset::{Split, Subset};
pub use tensors::TensorDataset;

use crate::{DataError, Random, Sample};
use std::sync::Arc;

/// Numbered samples. PyTorch: `torch.utils.data.Dataset`.
///
/// A sample is a function of its index and the epoch, so that any number of threads can make it and the same run can be had again. Only
/// augmentation looks at the epoch.
pub trait Dataset: Send + Sync {
    /// Number of samples.
    fn len(&self) -> usize;

    /// Whether there are no samples.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One sample, as it is in this epoch. Errors: `Index` from [`len`](Dataset::len) on; whatever reading needs.
    fn get(&self, index: usize, epoch: u64) -> Result<Sample, DataError>;

    /// Many samples, stacked along a new first axis, where that is faster than one by one; `None` where it is not.
    ///
    /// What it gives must equal what [`Stack`](crate::Stack) makes of the samples.
    fn stacked(&self, indices: &[usize], epoch: u64) -> Option<Result<Sample, DataError>> {
        let _ = (indices, epoch);
        None
    }

    /// This data set with a function applied to every sample as it is read.
    fn map<F>(self, function: F) -> Map<Self, F>
    where
        Self: Sized,
        F: Fn(Sample) -> Result<Sample, DataError> + Send + Sync,
    {
        Map::new(self, function)
    }

    /// This data set with a function applied to every sample that may draw random numbers. What it draws depends on the seed, the epoch and
    /// the sample's index here, so neither on the order of samples nor on the number of worker threads.
    fn augment<F>(self, seed: u64, function: F) -> Augment<Self, F>
    where
        Self: Sized,
        F: Fn(Sample, &mut Random) -> Result<Sample, DataError> + Send + Sync,
    {
        Augment::new(self, seed, function)
    }

    /// Splits off a share of the samples, chosen at random: (the rest, the share). `round(share * len)` samples go into the share.
    /// PyTorch: `random_split`.
    ///
    /// Errors: `Argument` for a share outside `0..=1`.
    fn split(self, share: f64, seed: u64) -> Result<Split<Self>, DataError>
    where
        Self: Sized,
    {
        subset::split(self, share, seed)
    }
}

/// `Index` if there is no such sample.
pub(crate) fn check_index(index: usize, len: usize) -> Result<(), DataError> {
    if index < len { Ok(()) } else { Err(DataError::Index { index, len }) }
}

/// Samples that lie in memory, of whatever shapes.
impl Dataset for Vec<Sample> {
    fn len(&self) -> usize {
        self.len()
    }

    fn get(&self, index: usize, _epoch: u64) -> Result<Sample, DataError> {
        check_index(index, self.len())?;
        Ok(self[index].clone())
    }
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<D: Dataset + ?Sized> Dataset for $pointer {
            fn len(&self) -> usize {
                (**self).len()
            }
            fn get(&self, index: usize, epoch: u64) -> Result<Sample, DataError> {
                (**self).get(index, epoch)
            }
            fn stacked(&self, indices: &[usize], epoch: u64) -> Option<Result<Sample, DataError>> {
                (**self).stacked(indices, epoch)
            }
        }
    )*};
}
forward!(Arc<D>, Box<D>, &D);
