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
//! ```
//! use hadal_data::table::json_lines;
//! use hadal_data::{DataLoader, Dataset, Position};
//!
//! let table = json_lines::parse("{\"x\": [1.0, 2.0], \"y\": 0}\n{\"x\": [3.0, 4.0], \"y\": 1}\n{\"x\": [5.0, 6.0], \"y\": 1}\n")?;
//! let (train, valid) = table.dataset(&["x", "y"])?.split(1.0 / 3.0, 7)?;
//! assert_eq!((train.len(), valid.len()), (2, 1));
//!
//! let loader = DataLoader::builder(train).batch_size(1).shuffle(7).build()?;
//! let mut position = Position::default();
//! for batch in loader.resume(position).take(1) {
//!     let batch = batch?;
//!     assert_eq!(batch.field("x")?.shape(), [1, 2]);
//!     position = loader.after(batch.position);
//! }
//! // A run that stopped here goes on with what is left of the epoch.
//! assert_eq!(loader.resume(position).count(), 1);
//! # Ok::<(), hadal_data::DataError>(())
//! ```
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
//! # What is read
//!
//! | files | module | Cargo feature |
//! |---|---|---|
//! | IDX, as MNIST and [`fashion_mnist`] have it | [`idx`] | |
//! | plain text | [`text`] | |
//! | JSON lines | [`table::json_lines`] | |
//! | CSV | `table::csv` | `csv`, on by default |
//! | PNG and JPEG images, in folders of classes | `images` | `image`, on by default |
//! | WAV | `wav` | `wav`, on by default |
//! | Parquet and Arrow, in the layouts of Hugging Face | `table::parquet`, `table::hugging_face` | `parquet`, and `zstd` for that compression |
//! | text as tokens of a `tokenizer.json` | `tokens` | `tokenizers` |
//!
//! JSON lines, CSV, Parquet and Arrow all become a [`Table`], whose columns of numbers are a data set and whose columns of text wait for a
//! vocabulary. Files are untrusted: a size that a file declares is compared with its length before memory is taken for it, and every refusal is a
//! [`DataError`] that names the file and the place, says what was found and what was expected, and what to do.
//!
//! # How fast it is
//!
//! A data set that is tensors in memory stacks rows by itself ([`Dataset::stacked`]); a batch is then one copy, of some 20 µs for 64 images
//! of Fashion-MNIST. That is less than waking a thread costs where all processors are busy, so such data are loaded best with no workers.
//! All else is made sample by sample: decoding and augmentation gain from workers as far as there are free processors.
//! [`DataLoader::statistics`] says for how much of the time the consumer waited.
//!
//! # In a browser
//!
//! There are no threads: the consumer's own thread loads what it asks for, whatever [`workers`](DataLoaderBuilder::workers) says.
#![forbid(unsafe_code)]

pub mod augment;
mod collate;
mod dataset;
mod error;
pub mod fashion_mnist;
mod file;
pub mod idx;
#[cfg(feature = "image")]
pub mod images;
mod loader;
mod panics;
mod random;
mod sample;
mod sampler;
pub mod table;
pub mod text;
#[cfg(feature = "tokenizers")]
pub mod tokens;
#[cfg(feature = "wav")]
pub mod wav;

pub use collate::{Collate, PadSequence, Stack, pad_sequence, stack};
pub use dataset::{Augment, ConcatDataset, Dataset, Map, Split, Subset, TensorDataset};
pub use error::DataError;
pub use loader::{Batch, Batches, DataLoader, DataLoaderBuilder, Position, Statistics};
pub use random::Random;
pub use sample::Sample;
pub use sampler::{
    BucketSampler, Plan, RandomSampler, Sampler, SequentialSampler, WeightedSampler, batch_count,
};
pub use table::{Column, Table, TableDataset};
