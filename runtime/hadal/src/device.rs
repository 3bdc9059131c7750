//! Devices, as people open them.

use crate::plan::{Book, DeviceStats};
use crate::profiler::HostWork;
use crate::variable::Effects;
use crate::{Error, Result};
use hadal_device::{Backend, Buffer, DeviceInfo, Listing, MemoryStats, Registry, Rejection, Selector};
use hadal_graph::HostTensor;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// An open device. Cloning gives another handle to the same one.
#[derive(Clone)]
pub struct Device(Arc<Inner>);

struct Inner {
    backend: Option<Arc<dyn Backend>>,
    book: Arc<Book>,
    effects: Effects,
    debug: AtomicBool,
}

impl Device {
    /// Opens a device by name: `auto`, `cpu`, `wgpu`, `cuda`, `rocm`; with an index or a name: `wgpu:1`, `wgpu:NAME`.
    ///
    /// `auto` takes the best hardware found, and never a software GPU where there is a cpu backend. Errors: `Selector` for a text that
    /// names no device, `Device` with the reason when it is not there.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn open(selector: &str) -> Result<Device> {
        block_on(Device::open_async(selector))
    }

    /// As [`Device::open`], for a browser.
    pub async fn open_async(selector: &str) -> Result<Device> {
        let selector: Selector = selector.parse()?;
        Ok(Device::from_backend(registry().open(&selector).await?))
    }

    /// A device over a backend that is open already: one that this crate does not know, or one shared with other code.
    pub fn from_backend(backend: Arc<dyn Backend>) -> Device {
        Device::with(Some(backend))
    }

    /// A device that computes nothing: its tensors have types, but no values. Models are traced on it.
    pub fn meta() -> Device {
        Device::with(None)
    }

    fn with(backend: Option<Arc<dyn Backend>>) -> Device {
        let (book, effects, debug) = (Arc::default(), Effects::default(), AtomicBool::new(false));
        Device(Arc::new(Inner { backend, book, effects, debug }))
    }

    /// Turns debug mode on or off: every op's result is then looked at for NaN and infinities, and the first op that makes one is an error
    /// ([`Error::NotFinite`]) that names the op and the line that asked for it; for a gradient, the line of the forward op. Costs a copy of
    /// every intermediate to the host. Holds for recorded expressions and `jit`, from the next run on; models are not watched.
    pub fn set_debug(&self, on: bool) {
        self.0.debug.store(on, Ordering::Relaxed);
    }

    /// Whether debug mode is on.
    pub fn debug(&self) -> bool {
        self.0.debug.load(Ordering::Relaxed)
    }

    /// Every backend, its devices, and why one is missing.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn list() -> Vec<Listing> {
        pollster::block_on(Device::list_async())
    }

    /// As [`Device::list`], for a browser.
    pub async fn list_async() -> Vec<Listing> {
        registry().list().await
    }

    /// What the device is; `None` for the meta device.
    pub fn info(&self) -> Option<&DeviceInfo> {
        self.0.backend.as_deref().map(|b| b.info())
    }

    /// Memory counters in bytes, as the backend's allocator keeps them; zero for the meta device.
    ///
    /// `in_use` is what live tensors, arenas of runs, weights and scratch hold, each rounded up to its size class; `peak` the largest value that
    /// it ever had; `cached` what lies in pools for reuse and could be given back by [`Device::empty_cache`]; `buffers` counts
    /// allocations of live tensors. On wgpu an arena stays in use between runs; on cpu it goes to the pool. Frozen weights that are
    /// mapped from a file are not counted on cpu: they take no memory of their own.
    pub fn memory_stats(&self) -> MemoryStats {
        self.0.backend.as_deref().map(|b| b.memory_stats()).unwrap_or_default()
    }

    /// Refuses allocations beyond `limit` bytes with an out-of-memory error; `None` lifts the limit. The error names the largest tensors in
    /// memory and those of the run that needed more. Pooled memory does not count against the limit.
    pub fn set_memory_limit(&self, limit: Option<u64>) {
        if let Some(backend) = &self.0.backend {
            backend.set_memory_limit(limit);
        }
    }

    /// Drops the plans of recorded expressions and gives pooled memory back to the system.
    pub fn empty_cache(&self) {
        self.0.book.clear();
        if let Some(backend) = &self.0.backend {
            backend.empty_cache();
        }
    }

    /// Waits for everything queued. Errors: faults of earlier runs.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn synchronize(&self) -> Result<()> {
        block_on(self.synchronize_async())
    }

    /// As [`Device::synchronize`], for a browser.
    pub async fn synchronize_async(&self) -> Result<()> {
        match &self.0.backend {
            Some(backend) => {
                let _waiting = self.0.book.profiler.span(HostWork::Wait, String::new);
                Ok(backend.synchronize().await?)
            }
            None => Ok(()),
        }
    }

    /// Kernels that were compared with the reference and are not used, with the reason: [candidates](crate::CustomKernel::candidate) of custom ops, and those of tuned steps.
    pub fn rejections(&self) -> Vec<Rejection> {
        self.0.backend.as_deref().map(|b| b.rejections()).unwrap_or_default()
    }

    /// Counters: plans prepared, cache hits, submits, launches.
    pub fn stats(&self) -> DeviceStats {
        self.0.book.stats()
    }

    /// The backend. Errors: `Meta`.
    pub fn backend(&self) -> Result<&Arc<dyn Backend>> {
        self.0.backend.as_ref().ok_or(Error::Meta)
    }

    pub(crate) fn book(&self) -> &Arc<Book> {
        &self.0.book
    }

    pub(crate) fn effects(&self) -> &Effects {
        &self.0.effects
    }

    pub(crate) fn upload(&self, tensor: &HostTensor) -> Result<Buffer> {
        let _uploading =
            self.0.book.profiler.span(HostWork::Upload, || format!("{}{:?}", tensor.dtype(), tensor.shape()));
        let uploaded = self.backend()?.upload(tensor);
        Ok(uploaded.map_err(|error| self.book().name_largest(error))?)
    }

    /// The contents of a buffer, after everything queued before.
    pub(crate) async fn read_back(&self, buffer: &Buffer) -> Result<Vec<u8>> {
        let _reading = self
            .0
            .book
            .profiler
            .span(HostWork::Read, || format!("{}[{}]", buffer.dtype(), buffer.elements()));
        Ok(self.backend()?.read(buffer).await?)
    }
}

impl PartialEq for Device {
    fn eq(&self, other: &Device) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
impl Eq for Device {}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.info() {
            Some(info) => f.write_str(&info.id()),
            None => f.write_str("meta"),
        }
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Device({self})")
    }
}

/// The backends of this build, most preferred first.
fn registry() -> Registry {
    let registry = Registry::new();
    #[cfg(feature = "wgpu")]
    let registry = registry.with(hadal_wgpu::WgpuFactory);
    // After wgpu, which reaches the same GPUs: neither has run on hardware yet.
    #[cfg(all(feature = "cuda", not(target_arch = "wasm32")))]
    let registry = registry.with(hadal_cuda::factory());
    #[cfg(all(feature = "rocm", not(target_arch = "wasm32")))]
    let registry = registry.with(hadal_rocm::factory());
    #[cfg(feature = "cpu")]
    let registry = registry.with(hadal_cpu::CpuFactory);
    registry
}

/// Drives a future to its end on this thread.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn block_on<T>(future: impl std::future::Future<Output = Result<T>>) -> Result<T> {
    pollster::block_on(future)
}
