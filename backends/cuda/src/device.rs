//! An open device: its primary context and one stream.

use crate::compiler;
use crate::failure::failure;
use crate::module::Module;
use crate::pinned::PinnedMemory;
use crate::timer::Events;
use cudarc::driver::result::{self, DriverError};
use cudarc::driver::sys::{self, CUdevice_attribute_enum as Attribute};
use hadal_device::{DeviceInfo, DeviceKind};
use hadal_native::{Driver, Facts, Failure, Kernel, Pinned, Timer};
use hadal_simt::Dialect;
use std::ffi::c_int;
use std::sync::Arc;

/// Context and stream, which everything that was made on them keeps alive.
#[derive(Debug)]
pub(crate) struct Stream {
    device: sys::CUdevice,
    context: sys::CUcontext,
    stream: sys::CUstream,
    /// Whether memory comes in the stream's order.
    pools: bool,
}

// SAFETY: the driver's handles may be used by any thread; its functions lock what they share.
unsafe impl Send for Stream {}
// SAFETY: as above.
unsafe impl Sync for Stream {}

/// An open device.
#[derive(Debug)]
pub(crate) struct Device {
    stream: Arc<Stream>,
    facts: Facts,
}

/// Every device.
pub(crate) fn list() -> Result<Vec<DeviceInfo>, Failure> {
    result::init().map_err(|error| failure("cuInit", error))?;
    let count = result::device::get_count().map_err(|error| failure("cuDeviceGetCount", error))?;
    (0..count).map(|ordinal| describe(ordinal).map(|(_, info)| info)).collect()
}

fn describe(ordinal: c_int) -> Result<(sys::CUdevice, DeviceInfo), Failure> {
    let device = result::device::get(ordinal).map_err(|error| failure("cuDeviceGet", error))?;
    let name = result::device::get_name(device).map_err(|error| failure("cuDeviceGetName", error))?;
    // SAFETY: the driver gave this device.
    let memory =
        unsafe { result::device::total_mem(device) }.map_err(|error| failure("cuDeviceTotalMem", error))?;
    let mut version = 0;
    // SAFETY: writes one number.
    unsafe { sys::cuDriverGetVersion(&mut version) }
        .result()
        .map_err(|error| failure("cuDriverGetVersion", error))?;
    let integrated = attribute(device, Attribute::CU_DEVICE_ATTRIBUTE_INTEGRATED)? != 0;
    let info = DeviceInfo {
        backend: "cuda".into(),
        index: usize::try_from(ordinal).unwrap_or_default(),
        name,
        driver: format!("CUDA {}.{}", version / 1000, version % 1000 / 10),
        kind: if integrated { DeviceKind::IntegratedGpu } else { DeviceKind::DiscreteGpu },
        memory: Some(memory as u64),
        features: ["f16", "int64", "subgroups", "timestamps"].map(String::from).to_vec(),
    };
    Ok((device, info))
}

fn attribute(device: sys::CUdevice, which: Attribute) -> Result<i32, Failure> {
    // SAFETY: the driver gave this device.
    unsafe { result::device::get_attribute(device, which) }
        .map_err(|error| failure("cuDeviceGetAttribute", error))
}

impl Device {
    /// Opens the device `index`.
    pub(crate) fn open(index: usize) -> Result<Device, Failure> {
        result::init().map_err(|error| failure("cuInit", error))?;
        let ordinal = c_int::try_from(index).map_err(|_| Failure::Refused(format!("no device {index}")))?;
        let (device, info) = describe(ordinal)?;
        let major = attribute(device, Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
        let minor = attribute(device, Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
        let threads = attribute(device, Attribute::CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK)?;
        let shared = attribute(device, Attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK)?;
        let pools = attribute(device, Attribute::CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED)? != 0;
        let (architecture, compiler) = compiler::describe(major, minor)?;
        let stream = Stream::open(device, pools)?;
        let facts = Facts {
            dialect: Dialect::Cuda,
            architecture,
            max_threads: u32::try_from(threads).unwrap_or(256),
            shared_memory: u32::try_from(shared).unwrap_or(16 << 10),
            memory: info.memory.unwrap_or_default(),
            compiler,
            info,
        };
        Ok(Device { stream: Arc::new(stream), facts })
    }
}

impl Stream {
    fn open(device: sys::CUdevice, pools: bool) -> Result<Stream, Failure> {
        // SAFETY: the driver gave this device; released when the stream is dropped.
        let context = unsafe { result::primary_ctx::retain(device) }
            .map_err(|error| failure("cuDevicePrimaryCtxRetain", error))?;
        let mut opened = Stream { device, context, stream: std::ptr::null_mut(), pools };
        opened.enter()?;
        let stream = result::stream::create(result::stream::StreamKind::NonBlocking);
        opened.stream = stream.map_err(|error| failure("cuStreamCreate", error))?;
        Ok(opened)
    }

    /// Makes the context this thread's. Every call on the device comes after it.
    pub(crate) fn enter(&self) -> Result<(), Failure> {
        // SAFETY: the context is retained as long as `self` lives.
        unsafe { result::ctx::set_current(self.context) }.map_err(|error| failure("cuCtxSetCurrent", error))
    }

    /// Runs `call`, the driver's function `name`, in this context.
    pub(crate) fn call<T>(
        &self,
        name: &str,
        call: impl FnOnce(sys::CUstream) -> Result<T, DriverError>,
    ) -> Result<T, Failure> {
        self.enter()?;
        call(self.stream).map_err(|error| failure(name, error))
    }

    /// Runs the driver's function `call`, which gives something back: even where the context cannot be entered.
    pub(crate) fn release(
        &self,
        name: &str,
        call: impl FnOnce(sys::CUstream) -> Result<(), DriverError>,
    ) -> Result<(), Failure> {
        let entered = self.enter();
        call(self.stream).map_err(|error| failure(name, error))?;
        entered
    }

    /// Waits for everything queued.
    pub(crate) fn synchronize(&self) -> Result<(), Failure> {
        // SAFETY: the stream lives as long as `self`.
        self.call("cuStreamSynchronize", |stream| unsafe { result::stream::synchronize(stream) })
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // What fails here concerns nobody any more.
        if !self.stream.is_null() {
            let _ = self.synchronize();
            // SAFETY: made by `open`, and destroyed once.
            let _ = self.release("cuStreamDestroy", |stream| unsafe { result::stream::destroy(stream) });
        }
        // SAFETY: retained by `open`, and released once.
        let _ = unsafe { result::primary_ctx::release(self.device) };
    }
}

impl Driver for Device {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn allocate(&self, bytes: u64) -> Result<u64, Failure> {
        let bytes = usize::try_from(bytes).map_err(|_| Failure::OutOfMemory)?;
        if self.stream.pools {
            return self.stream.call("cuMemAllocAsync", |stream| {
                // SAFETY: memory that is given back by `free`.
                unsafe { result::malloc_async(stream, bytes) }
            });
        }
        self.stream.call("cuMemAlloc", |_| {
            // SAFETY: memory that is given back by `free`.
            unsafe { result::malloc_sync(bytes) }
        })
    }

    fn free(&self, address: u64) -> Result<(), Failure> {
        if self.stream.pools {
            return self.stream.release("cuMemFreeAsync", |stream| {
                // SAFETY: an address that is wrong is an error of the driver; no memory of the host is touched.
                unsafe { result::free_async(address, stream) }
            });
        }
        self.stream.release("cuMemFree", |_| {
            // SAFETY: an address that is wrong is an error of the driver; no memory of the host is touched.
            unsafe { result::free_sync(address) }
        })
    }

    fn pinned(&self, bytes: usize) -> Result<Box<dyn Pinned>, Failure> {
        Ok(Box::new(PinnedMemory::new(self.stream.clone(), bytes)?))
    }

    fn copy(&self, from: u64, to: u64, bytes: u64) -> Result<(), Failure> {
        // SAFETY: addresses of the device alone.
        self.stream.call("cuMemcpyDtoDAsync", |stream| unsafe {
            result::memcpy_dtod_async(to, from, bytes as usize, stream)
        })
    }

    fn clear(&self, address: u64, bytes: u64) -> Result<(), Failure> {
        // SAFETY: an address of the device alone.
        self.stream.call("cuMemsetD8Async", |stream| unsafe {
            result::memset_d8_async(address, 0, bytes as usize, stream)
        })
    }

    fn compile(&self, source: &str, flags: &[&str]) -> Result<Vec<u8>, Failure> {
        compiler::compile(source, &self.facts.architecture, flags)
    }

    fn load(&self, code: &[u8], entry: &str) -> Result<Box<dyn Kernel>, Failure> {
        Ok(Box::new(Module::load(self.stream.clone(), code, entry)?))
    }

    fn timer(&self) -> Result<Box<dyn Timer>, Failure> {
        Ok(Box::new(Events::new(self.stream.clone())))
    }

    fn synchronize(&self) -> Result<(), Failure> {
        self.stream.synchronize()
    }
}
