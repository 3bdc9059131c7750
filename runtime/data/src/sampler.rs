//! Which samples an epoch takes, and in which order.

use crate::{DataError, Random};
use std::sync::Arc;

/// Chooses the samples of each epoch. PyTorch: `torch.utils.data.Sampler`.
///
/// A choice is a function of the epoch, so that a run can be taken up again anywhere.
pub trait Sampler: Send + Sync {
    /// Number of indices in an epoch, the same for all epochs.
    fn len(&self) -> usize;

    /// Whether epochs are empty.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The indices of an epoch, in order.
    fn order(&self, epoch: u64) -> Vec<usize>;

    /// The batches of an epoch. There must be [`batch_count`] of them.
    fn plan(&self, epoch: u64, batch_size: usize, drop_last: bool) -> Plan {
        Plan::cut(self.order(epoch), batch_size, drop_last)
    }
}

/// Number of batches that `len` samples make; without the last one if it is not full and `drop_last` is set.
pub fn batch_count(len: usize, batch_size: usize, drop_last: bool) -> usize {
    let size = batch_size.max(1);
    if drop_last { len / size } else { len.div_ceil(size) }
}

/// The batches of an epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    order: Vec<usize>,
    /// Where each batch begins in `order`, and where the last one ends.
    bounds: Vec<usize>,
}

impl Plan {
    /// Batches of `batch_size` indices in this order; the last one may have fewer, unless it is dropped.
    pub fn cut(order: Vec<usize>, batch_size: usize, drop_last: bool) -> Plan {
        let size = batch_size.max(1);
        let count = batch_count(order.len(), size, drop_last);
        let bounds = (0..=count).map(|batch| (batch * size).min(order.len())).collect();
        Plan { order, bounds }
    }

    /// These batches.
    pub fn of(batches: impl IntoIterator<Item = Vec<usize>>) -> Plan {
        let mut plan = Plan { order: Vec::new(), bounds: vec![0] };
        for batch in batches {
            plan.order.extend(batch);
            plan.bounds.push(plan.order.len());
        }
        plan
    }

    /// Number of batches.
    pub fn len(&self) -> usize {
        self.bounds.len().saturating_sub(1)
    }

    /// Whether there are no batches.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The indices of a batch; `None` from [`len`](Plan::len) on.
    pub fn batch(&self, batch: usize) -> Option<&[usize]> {
        let [start, end] = self.bounds.get(batch..batch.checked_add(2)?)? else { return None };
        self.order.get(*start..*end)
    }
}

/// All samples in their own order. PyTorch: `SequentialSampler`.
#[derive(Clone, Copy, Debug)]
pub struct SequentialSampler {
    len: usize,
}

impl SequentialSampler {
    /// All of `len` samples.
    pub fn new(len: usize) -> SequentialSampler {
        SequentialSampler { len }
    }
}

impl Sampler for SequentialSampler {
    fn len(&self) -> usize {
        self.len
    }
    fn order(&self, _epoch: u64) -> Vec<usize> {
        (0..self.len).collect()
    }
}

/// All samples, each once, in an order of its own for each epoch. PyTorch: `RandomSampler`.
#[derive(Clone, Debug)]
pub struct RandomSampler {
    len: usize,
    random: Random,
}

impl RandomSampler {
    /// All of `len` samples.
    pub fn new(len: usize, seed: u64) -> RandomSampler {
        RandomSampler { len, random: Random::new(seed) }
    }
}

impl Sampler for RandomSampler {
    fn len(&self) -> usize {
        self.len
    }
    fn order(&self, epoch: u64) -> Vec<usize> {
        self.random.at(&[epoch]).permutation(self.len)
    }
}

/// Samples drawn with probabilities in proportion to weights. PyTorch: `WeightedRandomSampler`.
#[derive(Clone, Debug)]
pub struct WeightedSampler {
    weights: Arc<[f64]>,
    count: usize,
    replacement: bool,
    random: Random,
}

impl WeightedSampler {
    /// `count` draws an epoch, each of all samples.
    ///
    /// Errors: `Argument` when a weight is negative or not finite, or when none is positive.
    pub fn new(
        weights: impl Into<Arc<[f64]>>,
        count: usize,
        seed: u64,
    ) -> Result<WeightedSampler, DataError> {
        let weights = weights.into();
        if let Some(weight) = weights.iter().find(|w| !w.is_finite() || **w < 0.0) {
            return Err(DataError::argument("a sample's weight", weight, "a finite number from 0 on"));
        }
        let total: f64 = weights.iter().sum();
        if count > 0 && !(total > 0.0 && total.is_finite()) {
            return Err(DataError::argument("the sum of all weights", total, "a finite number above 0"));
        }
        Ok(WeightedSampler { weights, count, replacement: true, random: Random::new(seed) })
    }

    /// `count` draws an epoch, of which none repeats another.
    ///
    /// Errors: as [`new`](WeightedSampler::new); `Argument` when there are fewer than `count` positive weights.
    pub fn without_replacement(
        weights: impl Into<Arc<[f64]>>,
        count: usize,
        seed: u64,
    ) -> Result<WeightedSampler, DataError> {
        let sampler = WeightedSampler::new(weights, count, seed)?;
        let positive = sampler.weights.iter().filter(|w| **w > 0.0).count();
        if count > positive {
            let expected = format!("at most {positive}, the number of positive weights");
            return Err(DataError::argument("the number of draws without replacement", count, expected));
        }
        Ok(WeightedSampler { replacement: false, ..sampler })
    }
}

impl Sampler for WeightedSampler {
    fn len(&self) -> usize {
        self.count
    }

    fn order(&self, epoch: u64) -> Vec<usize> {
        let mut random = self.random.at(&[epoch]);
        if !self.replacement {
            // Efraimidis and Spirakis, 2006: the greatest of u^(1/w), compared as logarithms.
            let key = |weight: f64| libm::log(1.0 - random.f64()) / weight;
            let mut keys: Vec<(f64, usize)> =
                self.weights.iter().copied().map(key).zip(0..).filter(|(key, _)| key.is_finite()).collect();
            keys.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            return keys.into_iter().take(self.count).map(|(_, index)| index).collect();
        }
        let mut sum = 0.0;
        let ends: Vec<f64> = self
            .weights
            .iter()
            .map(|weight| {
                sum += weight;
                sum
            })
            .collect();
        // Rounding may carry a draw to the very end: then the last sample that has a weight is meant.
        let last = self.weights.iter().rposition(|w| *w > 0.0).unwrap_or(0);
        let draw = |_| {
            let at = random.f64() * sum;
            ends.partition_point(|end| *end <= at).min(last)
        };
        (0..self.count).map(draw).collect()
    }
}

/// All samples, each once, batched with others of about their length, so that batches need little padding. PyTorch has none; torchtext's
/// `BucketIterator`, TensorFlow's `bucket_by_sequence_length`.
///
/// An epoch shuffles all samples, sorts each run of `batches_per_pool` batches by length, and shuffles the batches.
#[derive(Clone, Debug)]
pub struct BucketSampler {
    lengths: Arc<[usize]>,
    batches_per_pool: usize,
    random: Random,
}

impl BucketSampler {
    /// Batches of samples of these lengths, from pools of 100 batches.
    pub fn new(lengths: impl Into<Arc<[usize]>>, seed: u64) -> BucketSampler {
        BucketSampler { lengths: lengths.into(), batches_per_pool: 100, random: Random::new(seed) }
    }

    /// The same with pools of another size, at least 1. Greater pools pad less and mix less.
    #[must_use]
    pub fn batches_per_pool(mut self, batches: usize) -> BucketSampler {
        self.batches_per_pool = batches.max(1);
        self
    }
}

impl Sampler for BucketSampler {
    fn len(&self) -> usize {
        self.lengths.len()
    }

    fn order(&self, epoch: u64) -> Vec<usize> {
        self.random.at(&[epoch, 0]).permutation(self.lengths.len())
    }

    fn plan(&self, epoch: u64, batch_size: usize, drop_last: bool) -> Plan {
        let mut order = self.order(epoch);
        let size = batch_size.max(1);
        // What would make a batch that is not full is dropped before sorting, or it would always be the longest samples.
        order.truncate(if drop_last { order.len() / size * size } else { order.len() });
        for pool in order.chunks_mut(size.saturating_mul(self.batches_per_pool)) {
            pool.sort_by_key(|&index| self.lengths[index]);
        }
        let mut batches: Vec<Vec<usize>> = order.chunks(size).map(<[usize]>::to_vec).collect();
        self.random.at(&[epoch, 1]).shuffle(&mut batches);
        Plan::of(batches)
    }
}
