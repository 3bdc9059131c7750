//! The one error of this crate.

use crate::device::Device;
use hadal_device::{DeviceError, SelectorError};
use hadal_formats::FormatError;
use hadal_graph::{GraphError, HostTensorError, OpError};
use std::panic::Location;
use std::sync::Arc;

/// What can go wrong. Each message says what was given, what was expected and what to do.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An op does not take what it was given, or cannot be lowered or differentiated.
    #[error(transparent)]
    Graph(#[from] Box<GraphError>),
    /// A device is missing, lost, out of memory, or refused a kernel.
    #[error(transparent)]
    Device(#[from] Box<DeviceError>),
    /// A text does not name a device.
    #[error(transparent)]
    Selector(#[from] SelectorError),
    /// A host tensor does not have the dtype or the size asked for.
    #[error(transparent)]
    Host(#[from] HostTensorError),
    /// Two tensors live on different devices.
    #[error("{op}: operands are on {a} and {b}\n  hint: move one with `to_device`\n  at: {location}")]
    Devices {
        /// The op.
        op: String,
        /// The device of the first operand.
        a: String,
        /// The device of the other one.
        b: String,
        /// The caller.
        location: &'static Location<'static>,
    },
    /// The value of a tensor was asked for while a function was being traced, or after.
    #[error(
        "the value of this tensor is not known: it depends on `{name}`, a placeholder of a traced function\n  hint: return it from the function instead\n  at: {location}"
    )]
    Traced {
        /// The placeholder.
        name: String,
        /// Where the tensor was recorded.
        location: &'static Location<'static>,
    },
    /// The value of a tensor on the meta device was asked for.
    #[error(
        "tensors on the meta device have types, but no values\n  hint: open a device with `Device::open`"
    )]
    Meta,
    /// State that a failed run had taken, or that a run under way holds.
    #[error("the variable `{name}` has no value: {reason}")]
    Variable {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
    /// In debug mode: an op made NaN, or an infinity of finite numbers.
    #[error("{what}\n  node: {node}\n  at: {location}")]
    NotFinite {
        /// The op, what it made, and which element.
        what: String,
        /// The node of the plan, and its type.
        node: String,
        /// Who asked for the op; for a gradient, for the op whose gradient it is.
        location: String,
    },
    /// A gradient that does not exist.
    #[error("no gradient: {0}")]
    Gradient(String),
    /// A weight that a file does not have, or has with another type.
    #[error("{0}")]
    Weights(String),
    /// An argument that makes no sense.
    #[error("{what}\n  at: {location}")]
    Argument {
        /// What is wrong with it, and what would be right.
        what: String,
        /// The caller.
        location: &'static Location<'static>,
    },
    /// A file could not be read or written.
    #[error(transparent)]
    Format(#[from] Arc<FormatError>),
}

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<GraphError> for Error {
    fn from(error: GraphError) -> Error {
        Error::Graph(Box::new(error))
    }
}

impl From<FormatError> for Error {
    fn from(error: FormatError) -> Error {
        Error::Format(Arc::new(error))
    }
}

impl From<DeviceError> for Error {
    fn from(error: DeviceError) -> Error {
        Error::Device(Box::new(error))
    }
}

impl Error {
    /// An argument that makes no sense, found at the caller's caller.
    #[track_caller]
    pub(crate) fn argument(what: impl Into<String>) -> Error {
        Error::Argument { what: what.into(), location: Location::caller() }
    }

    /// An op's complaint about what the user called it with.
    pub(crate) fn op(op: &str, error: OpError, location: &'static Location<'static>) -> Error {
        GraphError::new(op, Vec::new(), Some(location), error).into()
    }

    /// Operands on two devices.
    pub(crate) fn devices(op: &str, a: &Device, b: &Device, location: &'static Location<'static>) -> Error {
        Error::Devices { op: op.into(), a: a.to_string(), b: b.to_string(), location }
    }
}
