//! What a GPU interface must offer so that programs run on it.

use crate::{Allocation, Context, Counts, Dispatch, Instance, Lease};
use hadal_device::{Buffer, DeviceError, DeviceFuture, MaybeSend, MaybeSync, MemoryUse, StepClock, StepTime};
use hadal_graph::HostTensor;
use hadal_shaders::Launch;
use std::fmt;
use std::sync::Arc;

/// What memory serves for; allocations of different uses never replace each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Use {
    /// Tensors, arenas and scratch.
    Tensor,
    /// Parameters of launches.
    Uniform,
    /// Read-back by the host.
    Staging,
    /// Resolved timestamps.
    Queries,
}

impl Use {
    /// What an observer is told.
    pub(crate) fn purpose(self) -> MemoryUse {
        match self {
            Use::Tensor => MemoryUse::Tensor,
            Use::Uniform => MemoryUse::Plan,
            Use::Staging | Use::Queries => MemoryUse::Transfer,
        }
    }
}

/// Why memory was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is not enough of it.
    OutOfMemory,
    /// Anything else.
    Other(DeviceError),
}

/// A GPU through one of the interfaces by which programs reach it. Work that is given to it runs in order.
pub trait Gpu: MaybeSend + MaybeSync + Sized + 'static {
    /// Device memory of one allocation.
    type Block: Clone + MaybeSend + MaybeSync + 'static;
    /// A compiled kernel.
    type Kernel: MaybeSend + MaybeSync + fmt::Debug + 'static;
    /// What a dispatch remembers of what was bound to it.
    type Bound: Default + MaybeSend + MaybeSync + 'static;
    /// Gathers work of one run.
    type Recorder: Recorder<Self>;

    /// Reserves memory. Called with the pool's sizes.
    fn create(&self, usage: Use, bytes: u64) -> Result<Self::Block, Refusal>;

    /// Gives memory back that no queued work will use. What goes wrong here is for a later call to say.
    fn destroy(&self, block: Self::Block);

    /// Errors: `Lost` from the moment the device is gone.
    fn alive(&self) -> Result<(), DeviceError>;

    /// Errors: as [`Gpu::alive`], and what went wrong since outside any call.
    fn check(&self) -> Result<(), DeviceError> {
        self.alive()
    }

    /// Alignment of each dispatch's parameters within one buffer.
    fn uniform_alignment(&self) -> u64;

    /// The compiled kernel of `launch`, a kernel of the step `op`. Errors: `Kernel` with the compiler's message, `OutOfMemory`, `Lost`.
    fn compile<'a>(
        context: &'a Context<Self>,
        launch: &'a Launch,
        op: &'a str,
    ) -> DeviceFuture<'a, Arc<Self::Kernel>>;

    /// Fills memory for parameters of launches.
    fn write_parameters(
        context: &Context<Self>,
        memory: &Allocation<Self>,
        bytes: &[u8],
    ) -> Result<(), DeviceError>;

    /// Queues a copy of `tensor` into `dst`. Errors: `Argument`, `OutOfMemory`, `Lost`.
    fn write(context: &Context<Self>, dst: &Buffer, tensor: &HostTensor) -> Result<(), DeviceError>;

    /// The elements of `src` in the canonical layout, after everything queued. Errors: `IndexOutOfRange` when a kernel reported one since
    /// the last time, and what queued work met.
    fn read<'a>(context: &'a Arc<Context<Self>>, src: &'a Buffer) -> DeviceFuture<'a, Vec<u8>>;

    /// Waits for everything queued. Errors: as [`Gpu::read`].
    fn synchronize(context: &Arc<Context<Self>>) -> DeviceFuture<'_, ()>;

    /// The clock of profiles, if the device has one.
    fn clock(&self) -> Option<StepClock>;

    /// A recorder without work; `timed` takes the time of each dispatch.
    fn recorder(context: &Arc<Context<Self>>, timed: bool) -> Self::Recorder;
}

/// Gathers the work of a run until it is submitted, or hands it on at once.
///
/// Nobody may give memory back between recording work that uses it and submitting that work; hence a recorder keeps what it is told to keep.
pub trait Recorder<G: Gpu>: MaybeSend + Sized {
    /// What was done so far.
    fn counts(&mut self) -> &mut Counts;

    /// Holds on to buffers until the recorded work is submitted.
    fn keep(&mut self, buffers: Vec<Buffer>);

    /// Holds on to an arena until the recorded work is submitted.
    fn keep_arena(&mut self, arena: &Arc<Lease<G>>);

    /// Holds on to the kernel parameters of an instance until the recorded work is submitted.
    fn keep_instance(&mut self, instance: &Arc<Instance<G>>);

    /// Records one launch, with the memory behind each of its slots. Errors: `Kernel`, `OutOfMemory`, `Lost`.
    fn dispatch(
        &mut self,
        instance: &Instance<G>,
        dispatch: &Dispatch<G>,
        memory: &[&Allocation<G>],
    ) -> Result<(), DeviceError>;

    /// Records a copy of `bytes` bytes, a multiple of 4, from the beginning of one allocation to that of another.
    fn copy(&mut self, from: &Allocation<G>, to: &Allocation<G>, bytes: u64) -> Result<(), DeviceError>;

    /// Submits what was recorded. Errors: `Kernel`, `OutOfMemory`, `Lost`.
    fn submit(&mut self) -> Result<(), DeviceError>;

    /// Submits what was recorded, waits, and reads the first word of `memory`: whether it is not zero. Errors: as [`Gpu::read`].
    fn read_flag<'a>(&'a mut self, memory: &'a Allocation<G>) -> DeviceFuture<'a, bool>;

    /// Submits what was recorded, waits, and gives the time of each dispatch, in order; nothing where no times are taken.
    fn times(&mut self) -> DeviceFuture<'_, Vec<StepTime>>;
}
