//! What can go wrong on a device.

use crate::live::{LiveTensor, listed};
use hadal_graph::{DType, DimError};

/// An error of a backend. It never means that a number is wrong: a run that ends in an error has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// No such device, or its driver is missing.
    #[error("no {backend} device: {reason}\n  hint: {hint}")]
    Unavailable {
        /// The backend asked for.
        backend: String,
        /// Why it is not there.
        reason: String,
        /// What the user can do.
        hint: String,
    },
    /// The device refused an allocation, or the limit set by the user would be passed.
    #[error(
        "out of memory on {device}: {requested} bytes were asked for with {in_use} in use{limit}{}\n  hint: use a smaller batch, drop tensors that are no longer needed, or raise the memory limit",
        listed(largest)
    )]
    OutOfMemory {
        /// The device.
        device: String,
        /// Size of the failed allocation.
        requested: u64,
        /// Bytes in use before it.
        in_use: u64,
        /// The limit, as text: empty or `" (limit 1000)"`.
        limit: String,
        /// The largest tensors in memory, and those of the run that needed it; at most [`LiveTensor::NAMED`], largest first.
        largest: Vec<LiveTensor>,
    },
    /// The device is gone: driver reset, removal, or `destroy`.
    #[error(
        "the device {device} was lost: {reason}\n  hint: open the device again and reload what lived on it"
    )]
    Lost {
        /// The device.
        device: String,
        /// What the driver said.
        reason: String,
    },
    /// The op cannot run with this dtype on this device.
    #[error("{backend} cannot run `{op}` on {dtype}\n  hint: cast to another dtype, or use the cpu backend")]
    Unsupported {
        /// The backend.
        backend: String,
        /// The step.
        op: String,
        /// The dtype it cannot handle.
        dtype: DType,
    },
    /// A kernel did not compile, validate or launch.
    #[error("the kernel for `{op}` failed on {device}: {reason}")]
    Kernel {
        /// The device.
        device: String,
        /// The step.
        op: String,
        /// What the compiler or driver said.
        reason: String,
    },
    /// A tuned or specialised kernel disagreed with the reference and was discarded, and no other candidate is left.
    #[error("every kernel for `{op}` on {device} disagreed with the reference: {reason}")]
    Mismatch {
        /// The device.
        device: String,
        /// The step.
        op: String,
        /// The largest difference, as text.
        reason: String,
    },
    /// An index was out of range while a step ran.
    #[error(
        "`{op}` read or wrote at an index that is out of range\n  hint: check the values of its index input"
    )]
    IndexOutOfRange {
        /// The step.
        op: String,
    },
    /// What the caller gave does not fit the program.
    #[error("{0}")]
    Argument(String),
    /// A size is unknown or does not fit.
    #[error(transparent)]
    Dim(#[from] DimError),
    /// A file or memory map could not be read while weights were loaded.
    #[error("{0}")]
    Weights(String),
}
