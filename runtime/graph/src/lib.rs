//! The model graph of Hadal.
#![forbid(unsafe_code)]

pub mod arena;
pub mod dim;
mod dtype;
mod host_tensor;
pub mod place;
pub mod program;
mod scalar;
mod shape;
mod target;

pub use dim::{Bindings, Dim, DimError, Symbol};
pub use dtype::DType;
pub use host_tensor::{Bytes, Element, HostTensor, HostTensorError};
pub use scalar::Scalar;
pub use shape::{Shape, TensorType};
pub use target::Target;
