//! Data for Hadal: from files to batches.
//!
//! ```text
//!   files ──readers──► Dataset ──map, augment, split──► Dataset ──DataLoader──► Batch ──► the trainer uploads it
//!                      get(index, epoch)                          order, threads,
//!                                                                 collation
//! ```
//!
//! A [`Dataset`] is numbered samples, a [`Sample`] is named host tensors, and a [`DataLoader`] makes batches of them, in threads and
//! ahead of their use. Nothing here knows a device: batches lie in host memory.
//!
//! # One rule: everything is a function
//!
//! A sample is a function of `(index, epoch)`; an epoch's order is a function of `(seed, epoch)`; what augmentation draws is a function of
//! `(seed, epoch, index)`. Nothing depends on which thread did the work or on what was done before. Three things follow:
//!
//! - Any number of workers gives the same batches in the same order, none included.
//! - A run resumes from a [`Position`] of two numbers, and goes on as if it had never stopped. There is no state of a loader to save.
//! - An error tells its sample's index, and that sample can be looked at alone.
//!
//! Random numbers come from [`Random`], which is addressed and not advanced: `Random::new(seed).at(&[epoch, index])`.
//!
//! # How fast it is
//!
//! A data set that is tensors in memory stacks rows by itself ([`Dataset::stacked`]); a batch is then one copy. All else is made sample by
//! sample. [`DataLoader::statistics`] says for how much of the time the consumer waited.
//!
//! # In a browser
//!
//! There are no threads: the consumer's own thread loads what it asks for, whatever [`workers`](DataLoaderBuilder::workers) says.
#![forbid(unsafe_code)]

mod collate;
mod dataset;
mod error;
pub mod fashion_mnist;
mod file;
pub mod idx;
mod loader;
mod random;
mod sample;
mod sampler;

pub use collate::{Collate, PadSequence, Stack, pad_sequence, stack};
pub use dataset::{Augment, ConcatDataset, Dataset, Map, Split, Subset, TensorDataset};
pub use error::DataError;
pub use loader::{Batch, Batches, DataLoader, DataLoaderBuilder, Position, Statistics};
pub use random::Random;
pub use sample::Sample;
pub use sampler::{
    BucketSampler, Plan, RandomSampler, Sampler, SequentialSampler, WeightedSampler, batch_count,
};
