//! The device: this machine's processor.

use crate::executable::CpuExecutable;
use crate::memory::Memory;
use crate::parallel::{Pool, Workers};
use crate::storage::{CpuStorage, copy_bytes};
use hadal_device::{
    Backend, BackendFactory, Buffer, DeviceError, DeviceFuture, DeviceInfo, Executable, MemoryObserver,
    MemoryStats, Weights, Which,
};
use hadal_graph::program::Program;
use hadal_graph::{DType, HostTensor, Target};
use std::fmt;
use std::sync::Arc;

/// The processor as a device. Cheap to make; buffers may be used by programs that the same `CpuBackend` prepared.
pub struct CpuBackend {
    info: DeviceInfo,
    target: Target,
    shared: Arc<Shared>,
}

/// What executables share with their backend.
pub(crate) struct Shared {
    pub(crate) memory: Arc<Memory>,
    pub(crate) pool: Pool,
}

impl CpuBackend {
    /// A backend that uses all cores.
    pub fn new() -> CpuBackend {
        Self::on(Pool::default())
    }

    /// A backend that uses at most `threads` threads (at least 1).
    pub fn with_threads(threads: usize) -> CpuBackend {
        Self::on(Pool::with_threads(threads))
    }

    fn on(pool: Pool) -> CpuBackend {
        let info = crate::info::device_info();
        let target = Target {
            max_bindings: 4096,
            max_instructions: 64,
            max_binding_bytes: isize::MAX as u64,
            alignment: crate::memory::ALIGNMENT as u64,
            ..Target::unlimited("cpu")
        };
        let memory = Memory::new(&info.id());
        CpuBackend { info, target, shared: Arc::new(Shared { memory, pool }) }
    }

    /// Number of threads that a run may use.
    pub fn threads(&self) -> usize {
        self.shared.pool.workers().threads()
    }
}

impl Default for CpuBackend {
    fn default() -> Self {
        CpuBackend::new()
    }
}

impl fmt::Debug for CpuBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CpuBackend({}, {} threads)", self.info.name, self.threads())
    }
}

impl Shared {
    pub(crate) fn workers(&self) -> Workers {
        self.pool.workers()
    }
}

impl Backend for CpuBackend {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn target(&self) -> &Target {
        &self.target
    }

    fn prepare<'a>(
        &'a self,
        program: Arc<Program>,
        weights: &'a Weights,
    ) -> DeviceFuture<'a, Arc<dyn Executable>> {
        Box::pin(async move {
            let executable: Arc<dyn Executable> =
                Arc::new(CpuExecutable::new(program, weights, &self.shared)?);
            Ok(executable)
        })
    }

    fn allocate(&self, dtype: DType, elements: usize) -> Result<Buffer, DeviceError> {
        CpuStorage::allocate(&self.shared.memory, dtype, elements)
    }

    fn write(&self, dst: &Buffer, tensor: &HostTensor) -> Result<(), DeviceError> {
        if dst.dtype() != tensor.dtype() || dst.elements() != tensor.elements() {
            return Err(DeviceError::Argument(format!(
                "a tensor of {} × {} cannot be written to a buffer of {} × {}",
                tensor.elements(),
                tensor.dtype(),
                dst.elements(),
                dst.dtype()
            )));
        }
        let storage = CpuStorage::of(dst)?;
        let _alone = storage.writing();
        // SAFETY: sizes are equal; the write lock keeps readers away; the tensor's bytes are immutable memory elsewhere.
        unsafe { copy_bytes(tensor.bytes().as_ptr(), storage.ptr(), tensor.bytes().len(), tensor.dtype()) };
        Ok(())
    }

    fn read<'a>(&'a self, src: &'a Buffer) -> DeviceFuture<'a, Vec<u8>> {
        Box::pin(async move {
            let storage = CpuStorage::of(src)?;
            let _reading = storage.reading();
            // SAFETY: the storage holds the buffer's bytes, always initialised; the read lock keeps writers away.
            Ok(unsafe { std::slice::from_raw_parts(storage.ptr(), src.bytes()) }.to_vec())
        })
    }

    fn synchronize(&self) -> DeviceFuture<'_, ()> {
        // A run is finished when its future is.
        Box::pin(std::future::ready(Ok(())))
    }

    fn memory_stats(&self) -> MemoryStats {
        self.shared.memory.stats()
    }

    fn observe_memory(&self, observer: Option<Arc<dyn MemoryObserver>>) -> MemoryStats {
        self.shared.memory.observe(observer)
    }

    fn set_memory_limit(&self, limit: Option<u64>) {
        self.shared.memory.set_limit(limit);
    }

    fn empty_cache(&self) {
        self.shared.memory.empty_cache();
    }
}

/// Lists and opens the processor, for a [`Registry`](hadal_device::Registry).
pub struct CpuFactory;

impl BackendFactory for CpuFactory {
    fn name(&self) -> &str {
        "cpu"
    }

    fn list(&self) -> DeviceFuture<'_, Vec<DeviceInfo>> {
        Box::pin(std::future::ready(Ok(vec![crate::info::device_info()])))
    }

    fn open<'a>(&'a self, which: &'a Which) -> DeviceFuture<'a, Arc<dyn Backend>> {
        Box::pin(async move {
            let info = crate::info::device_info();
            let there = match which {
                Which::Any => true,
                Which::Index(index) => *index == info.index,
                Which::Name(part) => info.name.to_lowercase().contains(&part.to_lowercase()),
            };
            if !there {
                return Err(DeviceError::Unavailable {
                    backend: "cpu".into(),
                    reason: format!("there is one processor, {}, and `{which}` is not it", info.name),
                    hint: "ask for `cpu`".into(),
                });
            }
            Ok(Arc::new(CpuBackend::new()) as Arc<dyn Backend>)
        })
    }
}
