//! Hadal: deep learning on any device.
#![forbid(unsafe_code)]

mod autograd;
mod control;
mod device;
mod error;
mod jit;
pub mod optim;
mod plan;
pub mod tensor;
mod trace;
mod variable;

pub use autograd::{Gradients, grad, value_and_grad};
pub use control::{cond, while_loop};
pub use device::Device;
pub use error::{Error, Result};
pub use hadal_device as backend;
pub use hadal_graph as graph;
pub use hadal_graph::{DType, Dim, Element, HostTensor, Shape};
pub use jit::{JitFunction, JitStats, jit};
pub use plan::DeviceStats;
pub use tensor::node::no_grad;
pub use tensor::{Ellipsis, Key, KeySequence, NewAxis, Tensor, flush, flush_async};
pub use variable::Variable;
