//! Training with Hadal: a loop that can be killed at any moment, and goes on as if it had not been.
//!
//! ```text
//!   DataLoader ──batches──► Trainer ── one plan a step: forward, backward, clipping, update ──► Checkpoint
//!                              │                                                              (last, best)
//!                              └── records ──► log.jsonl · TensorBoard events · report.html · callbacks
//! ```
//!
//! A [`Task`] is what is learnt: a module, and what a batch says about it. The [`Trainer`] turns it and an optimizer into one traced
//! step, feeds it, evaluates after every epoch, and keeps what it must.
//!
//! # One run, however often it is interrupted
//!
//! All that changes is in three places: variables (weights, moments, random counters, the running loss), the [`Position`](hadal_data::Position)
//! in the data, and the records so far. A [`Checkpoint`] is one file with all three, written under another name and then renamed. A
//! resumed run reads it, drops what the log says of later steps, and computes the same numbers: on one device and with one seed,
//! bit for bit. Callbacks keep no state of their own that matters: they are shown the records again.
//!
//! # What a step does not do
//!
//! It does not read back. The loss of each step is added up on the device, and is read when a record is due. A loss that is not finite
//! ends the run with an error that names the steps, instead of training on.
//!
//! # What may stand between a batch and a step
//!
//! [`Options`] say it: mixed precision with a loss scale, or chosen for each parameter ([`Precision`]); gradients of several batches averaged,
//! and more of them as training goes on ([`Growth`]); clipping; averages of weights. All of it is part of the traced step and of the checkpoint.
//!
//! # Recipes
//!
//! A [`Recipe`] is a whole run as data: what to learn from, which model, which optimizer, how long. The built-in ones are the examples
//! that `hadal train` knows; a TOML file is another.
#![forbid(unsafe_code)]

mod callback;
mod checkpoint;
mod error;
mod evaluate;
mod history;
mod log;
mod metric;
pub mod recipe;
mod report;
mod task;
mod trainer;

pub use callback::{Callback, EarlyStopping, Flow};
pub use checkpoint::Checkpoint;
pub use error::{Result, TrainError};
pub use evaluate::Evaluator;
pub use history::{EpochRecord, History, StepRecord};
pub use log::{EventFile, LogFile};
pub use metric::{Accuracy, Direction, Examples, F1, Loss, Metric, Perplexity, RocAuc};
pub use recipe::Recipe;
pub use report::report;
pub use task::{Evaluated, Task};
pub use trainer::{Growth, Options, Outcome, Precision, Profiling, RateGrowth, Trainer};
