//! The wgpu backend: programs on any GPU that speaks Vulkan, Metal, Direct3D 12 or WebGPU, and on software ones.
//!
//! # What is here
//!
//! [`WgpuBackend::open`] chooses an adapter and opens its device. How a program becomes dispatches is the business of [`hadal_launch`], which all GPU backends
//! share; this crate is its [`hadal_launch::Gpu`] (`gpu`): buffers, a cache of pipelines with what is bound to them (`pipeline`), a recorder (`record`) and
//! transfers (`transfer`). Dispatches are recorded into a single compute pass, and a run is one submission, unless loops and branches cut it.
//!
//! # Errors
//!
//! wgpu reports errors beside the call that caused them. On native targets every call that can fail runs in an error scope (`scope`), whose result is
//! known at once. What arrives later, and everything in a browser, is kept in `health` and makes the next call fail; so does the loss of the
//! device. Kernels report an index out of range in one word of memory, which every read-back also reads. Nothing here panics
//! on what the device does.
//!
//! # Tuning
//!
//! With [`Options::tune`] (`HADAL_TUNE=1`) contractions and reductions choose among their kernels by device time ([`hadal_launch::tune`]). A kernel is first compared with the
//! reference on data of its own; one that differs is listed by [`hadal_device::Backend::rejections`] and never chosen.
#![forbid(unsafe_code)]

mod adapter;
mod backend;
mod capabilities;
mod clock;
mod gpu;
mod health;
mod pipeline;
mod record;
mod scope;
mod signal;
mod transfer;
#[cfg(test)]
mod tuning;

pub use adapter::adapters;
pub use backend::{Features, Options, WgpuBackend, WgpuFactory};
