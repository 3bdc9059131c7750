//! A device that counts how often it is read.

use hadal::Device;
use hadal::backend::{
    Backend, Buffer, DeviceError, DeviceFuture, DeviceInfo, Executable, MemoryStats, Weights,
};
use hadal::graph::program::Program;
use hadal::graph::{DType, HostTensor, Target};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug)]
struct Counting {
    inner: Arc<dyn Backend>,
    reads: Arc<AtomicU64>,
}

/// The same device behind a counter of reads.
pub(crate) fn counting(device: &Device) -> (Device, Arc<AtomicU64>) {
    let inner = device.backend().expect("a device that computes").clone();
    let reads = Arc::new(AtomicU64::new(0));
    (Device::from_backend(Arc::new(Counting { inner, reads: reads.clone() })), reads)
}

impl Backend for Counting {
    fn info(&self) -> &DeviceInfo {
        self.inner.info()
    }
    fn target(&self) -> &Target {
        self.inner.target()
    }
    fn prepare<'a>(
        &'a self,
        program: Arc<Program>,
        weights: &'a Weights,
    ) -> DeviceFuture<'a, Arc<dyn Executable>> {
        self.inner.prepare(program, weights)
    }
    fn allocate(&self, dtype: DType, elements: usize) -> Result<Buffer, DeviceError> {
        self.inner.allocate(dtype, elements)
    }
    fn write(&self, dst: &Buffer, tensor: &HostTensor) -> Result<(), DeviceError> {
        self.inner.write(dst, tensor)
    }
    fn read<'a>(&'a self, src: &'a Buffer) -> DeviceFuture<'a, Vec<u8>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.read(src)
    }
    fn synchronize(&self) -> DeviceFuture<'_, ()> {
        self.inner.synchronize()
    }
    fn memory_stats(&self) -> MemoryStats {
        self.inner.memory_stats()
    }
    fn set_memory_limit(&self, limit: Option<u64>) {
        self.inner.set_memory_limit(limit);
    }
    fn empty_cache(&self) {
        self.inner.empty_cache();
    }
}
