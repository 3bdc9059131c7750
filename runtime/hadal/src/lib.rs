//! Hadal: deep learning on any device.
#![forbid(unsafe_code)]

mod device;
mod error;
mod plan;
pub mod tensor;
mod trace;
mod variable;

pub use device::Device;
pub use error::{Error, Result};
pub use hadal_device as backend;
pub use hadal_graph as graph;
pub use hadal_graph::{DType, Dim, Element, HostTensor, Shape};
pub use plan::DeviceStats;
pub use tensor::node::no_grad;
pub use tensor::{Ellipsis, Key, KeySequence, NewAxis, Tensor, flush, flush_async};
pub use variable::Variable;
