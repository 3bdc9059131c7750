//! From programs to kernel launches: what the backends for GPUs share, whatever interface they reach the GPU through.
//!
//! A backend implements [`Gpu`]: memory, kernels, transfers, and a [`Recorder`] for the work of a run. All else is here, once.
//! What happens to a program falls into three parts, each of which happens less often than the next:
//!
//! 1. **Prepared** (`prepared`), once for a program: parameters and constants are uploaded, sub-programs of loops and branches are prepared, and
//!    `once` steps run. Where weights arrive meanwhile, they go into buffers piece by piece first (`stream`).
//! 2. **Instance** (`plan`, `instance`), once for each set of sizes: every step gets the kernels that `hadal-shaders` offers for it, steps whose values
//!    exceed a binding are cut into pieces, intermediates and scratch are placed in an arena, kernels are compiled unless the device already
//!    has them (their text does not depend on sizes), and all kernel parameters go into one uniform buffer.
//! 3. **Frame** (`frame`), once for each run: buffers are bound and dispatches recorded one after the other. Loops and branches (`control`) cut
//!    a run, since the host has to read their verdicts.
//!
//! # Order is what makes it safe
//!
//! A device runs what is submitted in order. Hence an arena serves the next run as soon as the last one is submitted, a dropped buffer is reused at once,
//! and an update in place needs no fence. The one rule is that nobody gives memory back between recording a command that uses it and
//! submitting that command; a [`Recorder`] keeps that rule. A run that waits for the device in between keeps its arena.
//!
//! # Layouts
//!
//! WGSL has no 8- and 16-bit storage, so small elements are held wide where kernels write them and packed where they only read them, in parameters and
//! constants (see [`hadal_shaders::Storage`] and [`layout`]). Packed memory never leaves a program: a parameter that is also an output has a second,
//! wide copy.
//!
//! # Tuning
//!
//! Where a device was opened with a tuner, contractions and reductions choose among their kernels by device time (`tune`). A kernel is first
//! compared with the reference on data of its own; one that differs is never chosen. So is a kernel that a program brought in the device's own language, on any
//! device (`brought`).
#![forbid(unsafe_code)]

mod arena;
mod brought;
mod context;
mod control;
mod executable;
mod faults;
mod frame;
mod gpu;
mod instance;
pub mod layout;
mod memory;
mod plan;
mod pool;
mod prepared;
mod stream;
mod sync;
pub mod tune;

pub use arena::{Arenas, Lease};
pub use context::Context;
pub use executable::PreparedExecutable;
pub use faults::Faults;
pub use gpu::{Gpu, Recorder, Refusal, Use};
pub use instance::{Cost, Dispatch, Instance, Slot};
pub use memory::Memory;
pub use pool::{Allocation, Pool};
pub use stream::WritePart;
pub use sync::lock;

use hadal_device::DeviceInfo;

/// What a recorder did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Submissions.
    pub submits: u64,
    /// Launches.
    pub dispatches: u64,
    /// Steps that the host took part in.
    pub host_steps: u64,
}

/// A device as errors name it: `wgpu:0 (llvmpipe)`.
pub fn device_name(info: &DeviceInfo) -> String {
    format!("{} ({})", info.id(), info.name)
}
