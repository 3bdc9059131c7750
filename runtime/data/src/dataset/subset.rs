//! A part of a data set.

use super::{Dataset, check_index};
use crate::{DataError, Random, Sample};
use std::sync::Arc;

/// The samples of another data set at these indices, in this order. PyTorch: `Subset`.
#[derive(Clone, Debug)]
pub struct Subset<D> {
    inner: D,
    indices: Arc<[usize]>,
}

impl<D: Dataset> Subset<D> {
    /// A part of `inner`. Errors: `Index` when one of the indices is not there.
    pub fn new(inner: D, indices: impl Into<Arc<[usize]>>) -> Result<Subset<D>, DataError> {
        let indices = indices.into();
        indices.iter().try_for_each(|&index| check_index(index, inner.len()))?;
        Ok(Subset { inner, indices })
    }

    /// The first `count` samples, or all if there are fewer.
    pub fn first(inner: D, count: usize) -> Subset<D> {
        let indices = (0..count.min(inner.len())).collect();
        Subset { inner, indices }
    }

    /// Which samples of the other data set these are.
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }
}

/// A data set in two parts: the rest and the share that was split off.
pub type Split<D> = (Subset<Arc<D>>, Subset<Arc<D>>);

/// See [`Dataset::split`].
pub(super) fn split<D: Dataset>(all: D, share: f64, seed: u64) -> Result<Split<D>, DataError> {
    if !(0.0..=1.0).contains(&share) {
        return Err(DataError::argument("the share of a split", share, "a number from 0 to 1"));
    }
    let len = all.len();
    let count = (share * len as f64).round() as usize;
    let mut order = Random::new(seed).at(&[len as u64]).permutation(len);
    let rest = order.split_off(count.min(len));
    let all = Arc::new(all);
    Ok((Subset { inner: all.clone(), indices: rest.into() }, Subset { inner: all, indices: order.into() }))
}

impl<D: Dataset> Dataset for Subset<D> {
    fn len(&self) -> usize {
        self.indices.len()
    }

    fn get(&self, index: usize, epoch: u64) -> Result<Sample, DataError> {
        let &inner = self.indices.get(index).ok_or(DataError::Index { index, len: self.len() })?;
        self.inner.get(inner, epoch)
    }

    fn stacked(&self, indices: &[usize], epoch: u64) -> Option<Result<Sample, DataError>> {
        let len = self.len();
        let inner = indices
            .iter()
            .map(|&index| self.indices.get(index).copied().ok_or(DataError::Index { index, len }))
            .collect::<Result<Vec<_>, _>>();
        match inner {
            Ok(inner) => self.inner.stacked(&inner, epoch),
            Err(error) => Some(Err(error)),
        }
    }
}
