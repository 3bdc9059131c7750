//! The wgpu backend: programs on any GPU that speaks Vulkan, Metal, Direct3D 12 or WebGPU, and on software ones.
//!
//! # From a program to a run
//!
//! [`WgpuBackend::open`] chooses an adapter and opens a `Context`: the device, its queue, a pool of memory and a cache of pipelines, shared by
//! everything that lives on the device. What happens to a program then falls into three parts, each of which happens less often than the next:
//!
//! 1. **Prepared** (`prepared`), once for a program: parameters and constants are uploaded, sub-programs of loops and branches are prepared, and
//!    `once` steps run.
//! 2. **Instance** (`plan`, `instance`), once for each set of sizes: every step gets the kernels that `hadal-shaders` offers for it, steps whose values
//!    exceed a binding are cut into pieces, intermediates and scratch are placed in an arena, kernels are compiled unless the device already
//!    has them (their text does not depend on sizes), and all kernel parameters go into one uniform buffer.
//! 3. **Frame** (`frame`), once for each run: buffers are bound, dispatches are recorded one after the other into a single compute pass, and the run is one
//!    submission. Loops and branches (`control`) cut it, since the host has to read their verdicts.
//!
//! # Order is what makes it safe
//!
//! A queue runs what is submitted in order. Hence an arena serves the next run as soon as the last one is submitted, a dropped buffer is reused at once,
//! and an update in place needs no fence. The one rule is that nobody gives memory back between recording a command that uses it and
//! submitting that command; `record::Recorder` keeps that rule. A run that waits for the device in between keeps its arena.
//!
//! # Layouts
//!
//! WGSL has no 8- and 16-bit storage, so small elements are held wide where kernels write them and packed where they only read them, in parameters and
//! constants (see [`hadal_shaders::Storage`]). Packed memory never leaves a program: a parameter that is also an output has a second, wide copy.
//!
//! # Errors
//!
//! wgpu reports errors beside the call that caused them. On native targets every call that can fail runs in an error scope (`scope`), whose result is
//! known at once. What arrives later, and everything in a browser, is kept in `health` and makes the next call fail; so does the loss of the
//! device. Kernels report an index out of range in one word of memory (`faults`), which every read-back also reads. Nothing here panics
//! on what the device does.
//!
//! # Tuning
//!
//! With [`Options::tune`] (`HADAL_TUNE=1`) contractions and reductions choose among their kernels by device time (`tune`). A kernel is first compared with the
//! reference on data of its own; one that differs is listed by [`WgpuBackend::rejections`] and never chosen.
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
