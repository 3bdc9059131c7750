//! The interface that every backend implements.

use crate::{
    Buffer, DeviceError, DeviceFuture, DeviceInfo, MaybeSend, MaybeSync, MemoryObserver, Rejection,
    WeightStream, gather,
};
use hadal_graph::program::Program;
use hadal_graph::{Bindings, DType, HostTensor, Target};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Frozen tensors by name; cheap to clone, since the bytes are shared or memory-mapped.
pub type Weights = BTreeMap<String, HostTensor>;

/// An open device. Object-safe, so no public type has a backend as a parameter.
pub trait Backend: MaybeSend + MaybeSync + fmt::Debug {
    /// What the device is.
    fn info(&self) -> &DeviceInfo;

    /// What the device can run; passes work towards it.
    fn target(&self) -> &Target;

    /// Makes a program ready: compiles its kernels, binds its parameters from `weights`, runs its `once` steps.
    ///
    /// Errors: `Unsupported`, `Kernel`, `OutOfMemory`, and `Argument` when a parameter is missing or has another dtype or size.
    fn prepare<'a>(
        &'a self,
        program: Arc<Program>,
        weights: &'a Weights,
    ) -> DeviceFuture<'a, Arc<dyn Executable>>;

    /// As [`Backend::prepare`], with weights that arrive meanwhile. Where they are handed on to the device piece by piece, no more of them than a
    /// piece is in host memory at a time; a backend that does not know how gathers them first.
    ///
    /// Errors: as there, and those of the stream.
    fn prepare_streamed<'a>(
        &'a self,
        program: Arc<Program>,
        stream: &'a mut dyn WeightStream,
    ) -> DeviceFuture<'a, Arc<dyn Executable>> {
        Box::pin(async move {
            let weights = gather(stream).await?;
            self.prepare(program, &weights).await
        })
    }

    /// Reserves memory with unspecified contents. Errors: `OutOfMemory`, `Lost`.
    fn allocate(&self, dtype: DType, elements: usize) -> Result<Buffer, DeviceError>;

    /// Queues a copy of a whole tensor to the device. `dst` has the tensor's dtype and number of elements.
    fn write(&self, dst: &Buffer, tensor: &HostTensor) -> Result<(), DeviceError>;

    /// Reads a whole buffer back in the canonical layout, after everything queued before. Faults of earlier runs
    /// (an index out of range, a lost device) surface here at the latest.
    fn read<'a>(&'a self, src: &'a Buffer) -> DeviceFuture<'a, Vec<u8>>;

    /// Waits for everything queued; faults surface as in [`Backend::read`].
    fn synchronize(&self) -> DeviceFuture<'_, ()>;

    /// Memory counters.
    fn memory_stats(&self) -> MemoryStats;

    /// From now on `observer` is told of every block of memory, or nobody is. Returns the counters as they were at that moment. A backend that
    /// does not count tells nobody.
    fn observe_memory(&self, observer: Option<Arc<dyn MemoryObserver>>) -> MemoryStats {
        drop(observer);
        self.memory_stats()
    }

    /// Kernels that were compared with the reference and will not be used: of tuned steps, and those that programs brought themselves.
    fn rejections(&self) -> Vec<Rejection> {
        Vec::new()
    }

    /// Refuses allocations beyond `limit` bytes; `None` lifts the limit.
    fn set_memory_limit(&self, limit: Option<u64>);

    /// Gives pooled memory that nobody uses back to the system.
    fn empty_cache(&self);

    /// Allocates and fills a buffer.
    fn upload(&self, tensor: &HostTensor) -> Result<Buffer, DeviceError> {
        let buffer = self.allocate(tensor.dtype(), tensor.elements())?;
        self.write(&buffer, tensor)?;
        Ok(buffer)
    }
}

/// A prepared program. Immutable; any number of runs may be under way.
pub trait Executable: MaybeSend + MaybeSync + fmt::Debug {
    /// The program.
    fn program(&self) -> &Arc<Program>;

    /// Queues one run. The future is ready as soon as the results can be named; a program with host steps (loops, branches) waits for the device.
    fn run<'a>(&'a self, arguments: Arguments) -> DeviceFuture<'a, Results>;

    /// Counts since preparation.
    fn stats(&self) -> ExecutableStats;

    /// Which clock [`Executable::profile`] reads; `None` where it would be an error.
    fn clock(&self) -> Option<StepClock> {
        None
    }

    /// One run with the device's time for each kernel launch, in order. Slower than [`Executable::run`], since launches do not overlap.
    ///
    /// Errors: those of a run, and `Argument` when the device takes no times.
    fn profile<'a>(&'a self, arguments: Arguments) -> DeviceFuture<'a, (Results, Vec<StepTime>)> {
        drop(arguments);
        Box::pin(async { Err(DeviceError::Argument("this backend takes no times".into())) })
    }

    /// The plan for one set of sizes: kernel variant, scratch and placement per step.
    fn plan(&self, bindings: &Bindings) -> Result<PlanReport, DeviceError>;
}

/// What a run is given.
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    /// Values of the program's symbols.
    pub bindings: Bindings,
    /// One buffer per [`Program::inputs`].
    pub inputs: Vec<Buffer>,
    /// One buffer per [`Program::variables`]. Passing them gives up the old state: a variable that is updated in place has the new value
    /// afterwards. A variable that is not unique (see [`Buffer::is_unique`]) and updated in place is copied first.
    pub variables: Vec<Buffer>,
}

/// What a run returns.
#[derive(Clone, Debug, Default)]
pub struct Results {
    /// One buffer per [`Program::outputs`].
    pub outputs: Vec<Buffer>,
    /// The state after the run: one buffer per [`Program::variables`], the given one where nothing changed or it was changed in place.
    pub variables: Vec<Buffer>,
}

/// The clock of [`StepTime`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepClock {
    /// The host's: launches begin so long after the run was asked for.
    Host,
    /// The device's own: launches begin so long after the first one.
    Device,
}

/// What one kernel launch took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepTime {
    /// The fused ops.
    pub label: String,
    /// Archetype and variant of the kernel.
    pub kernel: String,
    /// Where a person asked for what the step writes.
    pub location: Option<Arc<str>>,
    /// When it began, in nanoseconds, by the executable's [`StepClock`].
    pub start: u64,
    /// Time on the device.
    pub nanoseconds: u64,
    /// Bytes read and written. Where a step takes several launches, all of it counts for the first one.
    pub bytes: u64,
    /// Arithmetic operations, as [`PlanStep::flops`]; counted as bytes are.
    pub flops: u64,
}

/// Counters of one executable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExecutableStats {
    /// Runs.
    pub runs: u64,
    /// Queue submissions by those runs (0 on cpu).
    pub submits: u64,
    /// Kernel launches by those runs.
    pub dispatches: u64,
    /// Steps that the host took part in (loops, branches).
    pub host_steps: u64,
}

/// Memory counters of a device, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryStats {
    /// Held by live buffers, arenas and weights.
    pub in_use: u64,
    /// Largest value that `in_use` ever had.
    pub peak: u64,
    /// Kept in pools for reuse.
    pub cached: u64,
    /// The limit set by the user.
    pub limit: Option<u64>,
    /// Number of live buffers.
    pub buffers: u64,
}

/// A plan, as a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanReport {
    /// One row per step.
    pub steps: Vec<PlanStep>,
    /// Bytes of the arena.
    pub arena_bytes: u64,
    /// The least arena that any placement could reach.
    pub peak_live_bytes: u64,
    /// Bytes of parameters, constants and results of `once` steps.
    pub weight_bytes: u64,
}

/// One row of a [`PlanReport`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanStep {
    /// The fused ops.
    pub label: String,
    /// Archetype and variant of the kernel: `contract/gemm-8x8`.
    pub kernel: String,
    /// Shape of the first result.
    pub shape: Vec<usize>,
    /// Bytes read and written.
    pub bytes: u64,
    /// Arithmetic operations, multiplication and addition counted apart.
    pub flops: u64,
    /// Scratch that the kernel asked for.
    pub scratch_bytes: u64,
    /// Whether the host takes part.
    pub host: bool,
}
