//! What can go wrong in training.

use std::io;
use std::path::{Path, PathBuf};

/// A result of this crate.
pub type Result<T, E = TrainError> = std::result::Result<T, E>;

/// An error of training.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// Of the framework: shapes, devices, weights.
    #[error(transparent)]
    Hadal(#[from] hadal::Error),
    /// Of the data.
    #[error(transparent)]
    Data(#[from] hadal_data::DataError),
    /// Of a file of tensors.
    #[error(transparent)]
    Format(#[from] hadal_formats::FormatError),
    /// A file or folder cannot be used.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A checkpoint that is none, or of another run.
    #[error("{path}: {reason}\n  hint: {hint}")]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        hint: &'static str,
    },
    /// A recipe that makes no sense.
    #[error("the recipe {source_name} cannot be used: {reason}")]
    Recipe {
        /// Its name or file.
        source_name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The loss became NaN or infinite.
    #[error(
        "the loss is {loss} after step {step}\n  hint: lower the learning rate, clip gradients, or find the op with debug mode"
    )]
    Diverged {
        /// The last step that went into it.
        step: u64,
        /// NaN or an infinity.
        loss: f64,
    },
    /// Batches or metrics that do not fit the task.
    #[error("{0}")]
    Task(String),
}

impl TrainError {
    /// An `Io` error of a path.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> TrainError {
        let path = path.to_path_buf();
        move |source| TrainError::Io { path, source }
    }
}
