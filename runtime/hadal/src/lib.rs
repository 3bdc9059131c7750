//! Hadal: deep learning on any device, from one model graph.
//!
//! ```
//! use hadal::{Device, Tensor};
//!
//! let device = Device::open("auto")?;                                  // or "cpu", "wgpu", "wgpu:1"
//! let x = Tensor::new(&device, &[1.0f32, 2.0, 3.0, 4.0], [2, 2])?;
//! let w = Tensor::randn(&device, [2, 3], 42)?;
//! let y = (x.matmul(&w)? * 0.5)?.softmax(-1)?;                          // nothing has run yet
//! println!("{:?}", y.to_vec::<f32>()?);                                 // one fused plan runs
//! # Ok::<(), hadal::Error>(())
//! ```
//!
//! # What there is
//!
//! - A [`Device`] is opened by name at run time. No type has a backend as a parameter; which device it is changes where things run
//!   and nothing else.
//! - A [`Tensor`] is a value on a device, or an expression that will have one. Its methods check shapes at once and record; asking for
//!   a value compiles and runs what is pending. Shapes can be wrong, so methods and operators return a [`Result`], and its error names
//!   your line.
//! - A [`Variable`] is a named tensor that can be replaced. An expression means the version that it read. [`Tensor::backward`]
//!   differentiates with respect to trainable variables; [`optim`] moves them, and [`amp`] does it in mixed precision.
//! - [`jit`] traces a function once and then runs its plan, with variables updated in place. [`while_loop`] and [`cond`] are loops
//!   and branches within a plan.
//! - A [`Model`] is a graph with its weights: imported from a file, built by hand ([`graph`]), or traced from a function with free sizes.
//! - [`nn`] has layers; a struct of layers derives [`Module`](nn::Module): names, state dicts, training and evaluation.
//!
//! # Values, and what changes
//!
//! A number in an expression (`x * 2.0`) is part of the plan. What changes from step to step is data: [`Tensor::scalar`], an argument
//! of a traced function, or a variable. A plan is found again by comparing whole graphs, so a training loop plans once, and
//! [`Device::stats`] shows it.
//!
//! Nothing is converted silently: operands have one dtype, or there is an error that says to cast. Random numbers come from counters
//! ([`Key`]), so one seed gives the same numbers on every device.
//!
//! # Looking on
//!
//! [`profiler`] says where time and memory go; [`Device::set_debug`] finds the op that makes NaN.
//!
//! # Waiting
//!
//! Whatever needs a device's answer is a future, with a blocking twin where threads exist: [`Tensor::to_vec`] waits for
//! [`Tensor::to_vec_async`]. In a browser only the futures exist.
//!
//! # Features
//!
//! `cpu` and `wgpu`, both on by default, choose the backends that a build has.
#![forbid(unsafe_code)]

// Derived code says `::hadal`, here too.
extern crate self as hadal;

pub mod amp;
mod autograd;
mod control;
mod debug;
mod device;
mod error;
mod jit;
mod mode;
mod model;
pub mod nn;
pub mod optim;
mod plan;
pub mod profiler;
mod region;
pub mod stream;
pub mod tensor;
mod trace;
mod variable;

#[cfg(all(feature = "rocm", not(target_arch = "wasm32")))]
pub use hadal_rocm::hiprtc_child;

pub use autograd::{Gradients, grad, value_and_grad};
pub use control::{cond, while_loop};
pub use device::Device;
pub use error::{Error, Result};
pub use hadal_device as backend;
pub use hadal_formats as formats;
pub use hadal_graph as graph;
pub use hadal_graph::op::{KernelLanguage, KernelSource};
pub use hadal_graph::{DType, Dim, Element, HostTensor, Shape, TensorType};
pub use jit::{JitFunction, JitStats, jit};
pub use model::{Model, Outputs, PreparedModel};
pub use nn::Module;
pub use plan::DeviceStats;
pub use region::{CustomBackward, checkpoint, custom_gradient, grad_of, value_and_grad_of};
pub use tensor::node::no_grad;
pub use tensor::{CustomKernel, Ellipsis, Key, KeySequence, NewAxis, Tensor, flush, flush_async};
pub use variable::Variable;

/// The first program of the README compiles and runs.
#[cfg(all(doctest, feature = "cpu"))]
#[doc = include_str!("../../../README.md")]
struct Readme;
