//! The WebGPU backend.
#![forbid(unsafe_code)]

mod adapter;
mod arena;
mod backend;
mod capabilities;
mod clock;
mod context;
mod control;
mod executable;
mod faults;
mod frame;
mod health;
mod instance;
mod layout;
mod memory;
mod pipeline;
mod plan;
mod pool;
mod prepared;
mod record;
mod scope;
mod signal;
mod sync;
mod transfer;
mod tune;

pub use adapter::adapters;
pub use backend::{Features, Options, WgpuBackend, WgpuFactory};
