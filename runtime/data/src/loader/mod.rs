//! Loading batches, ahead of their use and in an order that can be had again.

mod batches;
mod statistics;
mod work;
#[cfg(not(target_arch = "wasm32"))]
mod workers;

pub use batches::Batches;
pub use statistics::Statistics;

use crate::collate::{Collate, Stack};
use crate::sampler::{RandomSampler, Sampler, SequentialSampler, batch_count};
use crate::{DataError, Dataset, Sample};
use hadal_graph::HostTensor;
use serde::{Deserialize, Serialize};
use statistics::{Moment, Record};
use std::sync::Arc;
use work::Work;

/// Loads the batches of a data set, epoch by epoch. PyTorch: `torch.utils.data.DataLoader`.
///
/// ```
/// use hadal_data::{DataLoader, Sample, TensorDataset};
/// use hadal_graph::HostTensor;
/// let x = HostTensor::new([5, 1], &[0.0f32, 1.0, 2.0, 3.0, 4.0])?;
/// let dataset = TensorDataset::new(Sample::new().with("x", x))?;
/// let loader = DataLoader::builder(dataset).batch_size(2).shuffle(7).workers(2).build()?;
/// assert_eq!(loader.batches_per_epoch(), 3);
/// for epoch in 0..2 {
///     for batch in loader.epoch(epoch) {
///         let batch = batch?;
///         assert_eq!(batch.field("x")?.shape()[0], batch.indices.len());
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct DataLoader {
    dataset: Arc<dyn Dataset>,
    sampler: Arc<dyn Sampler>,
    collate: Arc<dyn Collate>,
    batch_size: usize,
    drop_last: bool,
    workers: usize,
    ahead: usize,
    record: Arc<Record>,
}

/// Where a run is: the batch that comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The epoch, from 0.
    pub epoch: u64,
    /// The batch within the epoch, from 0.
    pub batch: usize,
}

/// What a loader gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The fields, with samples along the first axis.
    pub tensors: Sample,
    /// Which samples these are.
    pub indices: Vec<usize>,
    /// Which batch this is.
    pub position: Position,
}

impl Batch {
    /// A field. Errors: `Field`, which names those that are there.
    pub fn field(&self, name: &str) -> Result<&HostTensor, DataError> {
        self.tensors.field(name)
    }
}

impl DataLoader {
    /// A loader of single samples, in order, without threads; the builder's methods change that.
    pub fn builder(dataset: impl Dataset + 'static) -> DataLoaderBuilder {
        DataLoaderBuilder {
            dataset: Arc::new(dataset),
            order: Order::Sequential,
            collate: Arc::new(Stack),
            batch_size: 1,
            drop_last: false,
            workers: 0,
            prefetch: None,
        }
    }

    /// Samples of a batch; the last one of an epoch may have fewer.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Number of batches in every epoch.
    pub fn batches_per_epoch(&self) -> usize {
        batch_count(self.sampler.len(), self.batch_size, self.drop_last)
    }

    /// The data set.
    pub fn dataset(&self) -> &Arc<dyn Dataset> {
        &self.dataset
    }

    /// The batches of an epoch. Its order is the same each time.
    pub fn epoch(&self, epoch: u64) -> Batches {
        self.resume(Position { epoch, batch: 0 })
    }

    /// The batches of an epoch from a position on: what [`epoch`](DataLoader::epoch) gives, without those before it.
    pub fn resume(&self, position: Position) -> Batches {
        let started = Moment::now();
        let plan = self.sampler.plan(position.epoch, self.batch_size, self.drop_last);
        let work = Work {
            dataset: self.dataset.clone(),
            collate: self.collate.clone(),
            plan,
            epoch: position.epoch,
        };
        Batches::new(Arc::new(work), position.batch, self.workers, self.ahead, self.record.clone(), started)
    }

    /// The position after a batch has been used: the next batch, or the first one of the next epoch.
    pub fn after(&self, position: Position) -> Position {
        let batch = position.batch.saturating_add(1);
        if batch < self.batches_per_epoch() {
            return Position { batch, ..position };
        }
        Position { epoch: position.epoch.saturating_add(1), batch: 0 }
    }

    /// How long the consumer has waited, over all epochs so far.
    pub fn statistics(&self) -> Statistics {
        self.record.get()
    }
}

/// What a loader is made of; from [`DataLoader::builder`].
pub struct DataLoaderBuilder {
    dataset: Arc<dyn Dataset>,
    order: Order,
    collate: Arc<dyn Collate>,
    batch_size: usize,
    drop_last: bool,
    workers: usize,
    prefetch: Option<usize>,
}

enum Order {
    Sequential,
    Random(u64),
    Sampler(Arc<dyn Sampler>),
}

impl DataLoaderBuilder {
    /// Samples in a batch, at least 1.
    #[must_use]
    pub fn batch_size(mut self, samples: usize) -> Self {
        self.batch_size = samples;
        self
    }

    /// Takes all samples in an order of its own for each epoch, which the seed determines.
    #[must_use]
    pub fn shuffle(mut self, seed: u64) -> Self {
        self.order = Order::Random(seed);
        self
    }

    /// Takes the samples that a sampler says.
    #[must_use]
    pub fn sampler(mut self, sampler: impl Sampler + 'static) -> Self {
        self.order = Order::Sampler(Arc::new(sampler));
        self
    }

    /// Leaves out an epoch's last batch if it is not full.
    #[must_use]
    pub fn drop_last(mut self, drop: bool) -> Self {
        self.drop_last = drop;
        self
    }

    /// Makes batches by this rule; without it they are stacked.
    #[must_use]
    pub fn collate(mut self, collate: impl Collate + 'static) -> Self {
        self.collate = Arc::new(collate);
        self
    }

    /// Threads that load; the consumer's own thread helps where none of them has begun the batch that it needs. With 0, and in a browser always, the consumer's own thread loads each batch when it asks for it. Batches and their
    /// order do not depend on this.
    #[must_use]
    pub fn workers(mut self, threads: usize) -> Self {
        self.workers = threads;
        self
    }

    /// Most batches that are loaded, or being loaded, before the consumer asks for them; at least 1. Without this, two for
    /// each worker, and 8 at least.
    #[must_use]
    pub fn prefetch(mut self, batches: usize) -> Self {
        self.prefetch = Some(batches);
        self
    }

    /// The loader. Errors: `Argument` for a batch size or prefetch of 0, or for more than 1024 workers.
    pub fn build(self) -> Result<DataLoader, DataError> {
        if self.batch_size == 0 {
            return Err(DataError::argument("the batch size", 0, "at least 1"));
        }
        if self.prefetch == Some(0) {
            return Err(DataError::argument("the number of batches to prefetch", 0, "at least 1"));
        }
        if self.workers > 1024 {
            return Err(DataError::argument("the number of workers", self.workers, "at most 1024"));
        }
        let len = self.dataset.len();
        let sampler: Arc<dyn Sampler> = match self.order {
            Order::Sequential => Arc::new(SequentialSampler::new(len)),
            Order::Random(seed) => Arc::new(RandomSampler::new(len, seed)),
            Order::Sampler(sampler) => sampler,
        };
        Ok(DataLoader {
            dataset: self.dataset,
            sampler,
            collate: self.collate,
            batch_size: self.batch_size,
            drop_last: self.drop_last,
            workers: self.workers,
            ahead: self.prefetch.unwrap_or((2 * self.workers).max(8)),
            record: Arc::default(),
        })
    }
}
