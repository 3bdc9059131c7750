//! The model graph of Hadal.
#![forbid(unsafe_code)]

pub mod arena;
mod builder;
mod builder_einsum;
mod compile;
pub mod dim;
mod dot;
mod dtype;
mod error;
pub mod gradient;
mod graph;
mod hash;
mod host_tensor;
mod lower;
pub mod op;
pub mod pass;
pub mod place;
mod print;
pub mod program;
pub mod reference;
mod scalar;
mod shape;
mod target;
mod validate;

pub use compile::compile;
pub use dim::{Bindings, Dim, DimError, Symbol};
pub use dtype::DType;
pub use error::{GraphError, OpError};
pub use graph::{Assign, Graph, Node, NodeId, Output};
pub use host_tensor::{Bytes, Element, HostTensor, HostTensorError};
pub use scalar::Scalar;
pub use shape::{Shape, TensorType};
pub use target::Target;
