//! Functions of samples, applied as they are read.

use super::Dataset;
use crate::{DataError, Random, Sample};

/// A data set with a function applied to every sample; see [`Dataset::map`].
#[derive(Clone, Debug)]
pub struct Map<D, F> {
    inner: D,
    function: F,
}

impl<D, F> Map<D, F> {
    pub(super) fn new(inner: D, function: F) -> Map<D, F> {
        Map { inner, function }
    }
}

impl<D, F> Dataset for Map<D, F>
where
    D: Dataset,
    F: Fn(Sample) -> Result<Sample, DataError> + Send + Sync,
{
    fn len(&self) -> usize {
        self.inner.len()
    }

    fn get(&self, index: usize, epoch: u64) -> Result<Sample, DataError> {
        (self.function)(self.inner.get(index, epoch)?)
    }
}

/// A data set with a random function applied to every sample; see [`Dataset::augment`].
#[derive(Clone, Debug)]
pub struct Augment<D, F> {
    inner: D,
    random: Random,
    function: F,
}

impl<D, F> Augment<D, F> {
    pub(super) fn new(inner: D, seed: u64, function: F) -> Augment<D, F> {
        Augment { inner, random: Random::new(seed), function }
    }
}

impl<D, F> Dataset for Augment<D, F>
where
    D: Dataset,
    F: Fn(Sample, &mut Random) -> Result<Sample, DataError> + Send + Sync,
{
    fn len(&self) -> usize {
        self.inner.len()
    }

    fn get(&self, index: usize, epoch: u64) -> Result<Sample, DataError> {
        let sample = self.inner.get(index, epoch)?;
        (self.function)(sample, &mut self.random.at(&[epoch, index as u64]))
    }
}
