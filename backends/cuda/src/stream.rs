//! The calls on an open device: its primary context and one stream.

use crate::library::Libraries;
use crate::table::{Driver, Ordinal, Status};
use hadal_native::{Calls, Facts, Failure, Handle};
use std::ffi::{CStr, c_void};
use std::sync::Arc;

/// `CU_STREAM_NON_BLOCKING`.
pub(crate) const NON_BLOCKING: u32 = 1;
/// `CU_EVENT_DISABLE_TIMING`.
pub(crate) const DISABLE_TIMING: u32 = 2;

/// Context and stream, which everything that was made on them keeps alive.
#[derive(Debug)]
pub(crate) struct Stream {
    libraries: Arc<Libraries>,
    device: Ordinal,
    context: Handle,
    stream: Handle,
    /// Whether memory comes in the stream's order.
    pools: bool,
}

impl Stream {
    /// The device's context and a stream on it.
    pub(crate) fn open(libraries: Arc<Libraries>, device: Ordinal, pools: bool) -> Result<Stream, Failure> {
        let (mut context, mut stream) = (std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: writes one handle, which is released when `opened` is dropped.
        let retained = unsafe { (libraries.driver.cuDevicePrimaryCtxRetain)(&mut context, device) };
        libraries.driver.check("cuDevicePrimaryCtxRetain", retained)?;
        let mut opened = Stream { libraries, device, context: Handle(context), stream: Handle::NULL, pools };
        opened.call("cuStreamCreate", |driver| {
            // SAFETY: writes one handle, which is destroyed with `opened`.
            unsafe { (driver.cuStreamCreate)(&mut stream, NON_BLOCKING) }
        })?;
        opened.stream = Handle(stream);
        Ok(opened)
    }

    /// Makes the context this thread's. Every call on the device comes after it.
    fn enter(&self) -> Result<(), Failure> {
        let driver = &self.libraries.driver;
        // SAFETY: the context is retained as long as `self` lives.
        driver.check("cuCtxSetCurrent", unsafe { (driver.cuCtxSetCurrent)(self.context.0) })
    }

    /// Runs `call`, the driver's function `name`, in this context.
    fn call(&self, name: &str, call: impl FnOnce(&Driver) -> Status) -> Result<(), Failure> {
        self.enter()?;
        self.libraries.driver.check(name, call(&self.libraries.driver))
    }

    /// Runs `call`, the driver's function `name` that gives something back: even where the context cannot be entered.
    fn release(&self, name: &str, call: impl FnOnce(&Driver) -> Status) -> Result<(), Failure> {
        let entered = self.enter();
        self.libraries.driver.check(name, call(&self.libraries.driver))?;
        entered
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // What fails here concerns nobody any more.
        if !self.stream.is_null() {
            let _ = self.synchronize();
            // SAFETY: made by `open`, and destroyed once.
            let _ = self
                .release("cuStreamDestroy", |driver| unsafe { (driver.cuStreamDestroy_v2)(self.stream.0) });
        }
        // SAFETY: retained by `open`, and released once.
        let _ = unsafe { (self.libraries.driver.cuDevicePrimaryCtxRelease_v2)(self.device) };
    }
}

impl Calls for Stream {
    fn allocate(&self, bytes: usize) -> Result<u64, Failure> {
        let mut address = 0;
        match self.pools {
            true => self.call("cuMemAllocAsync", |driver| {
                // SAFETY: writes one address.
                unsafe { (driver.cuMemAllocAsync)(&mut address, bytes, self.stream.0) }
            })?,
            false => self.call("cuMemAlloc", |driver| {
                // SAFETY: writes one address.
                unsafe { (driver.cuMemAlloc_v2)(&mut address, bytes) }
            })?,
        }
        Ok(address)
    }

    fn free(&self, address: u64) -> Result<(), Failure> {
        match self.pools {
            true => self.release("cuMemFreeAsync", |driver| {
                // SAFETY: an address of the device, which no host touches.
                unsafe { (driver.cuMemFreeAsync)(address, self.stream.0) }
            }),
            false => self.release("cuMemFree", |driver| {
                // SAFETY: an address of the device, which no host touches.
                unsafe { (driver.cuMemFree_v2)(address) }
            }),
        }
    }

    fn copy(&self, from: u64, to: u64, bytes: usize) -> Result<(), Failure> {
        self.call("cuMemcpyDtoDAsync", |driver| {
            // SAFETY: addresses of the device alone.
            unsafe { (driver.cuMemcpyDtoDAsync_v2)(to, from, bytes, self.stream.0) }
        })
    }

    fn clear(&self, address: u64, bytes: usize) -> Result<(), Failure> {
        self.call("cuMemsetD8Async", |driver| {
            // SAFETY: an address of the device alone.
            unsafe { (driver.cuMemsetD8Async)(address, 0, bytes, self.stream.0) }
        })
    }

    fn synchronize(&self) -> Result<(), Failure> {
        // SAFETY: the stream lives as long as `self`.
        self.call("cuStreamSynchronize", |driver| unsafe { (driver.cuStreamSynchronize)(self.stream.0) })
    }

    fn stream(&self) -> Handle {
        self.stream
    }

    fn compile(&self, facts: &Facts, source: &str, flags: &[&str]) -> Result<Vec<u8>, Failure> {
        self.libraries.compiler.compile(source, &facts.architecture, flags)
    }

    fn event(&self, timed: bool) -> Result<Handle, Failure> {
        let mut event = std::ptr::null_mut();
        self.call("cuEventCreate", |driver| {
            // SAFETY: writes one handle.
            unsafe { (driver.cuEventCreate)(&mut event, if timed { 0 } else { DISABLE_TIMING }) }
        })?;
        Ok(Handle(event))
    }

    unsafe fn destroy_event(&self, event: Handle) -> Result<(), Failure> {
        // SAFETY: as the caller says.
        self.release("cuEventDestroy", |driver| unsafe { (driver.cuEventDestroy_v2)(event.0) })
    }

    unsafe fn record(&self, event: Handle) -> Result<(), Failure> {
        // SAFETY: as the caller says; the stream lives as long as `self`.
        self.call("cuEventRecord", |driver| unsafe { (driver.cuEventRecord)(event.0, self.stream.0) })
    }

    unsafe fn wait(&self, event: Handle) -> Result<(), Failure> {
        // SAFETY: as the caller says.
        self.call("cuEventSynchronize", |driver| unsafe { (driver.cuEventSynchronize)(event.0) })
    }

    unsafe fn elapsed(&self, from: Handle, to: Handle) -> Result<f32, Failure> {
        let mut elapsed = 0.0;
        self.call("cuEventElapsedTime", |driver| {
            // SAFETY: as the caller says; writes one number.
            unsafe { (driver.cuEventElapsedTime)(&mut elapsed, from.0, to.0) }
        })?;
        Ok(elapsed)
    }

    fn lock(&self, bytes: usize) -> Result<*mut u8, Failure> {
        let mut memory = std::ptr::null_mut();
        self.call("cuMemHostAlloc", |driver| {
            // SAFETY: writes one address.
            unsafe { (driver.cuMemHostAlloc)(&mut memory, bytes, 0) }
        })?;
        Ok(memory.cast())
    }

    unsafe fn unlock(&self, memory: *mut u8) -> Result<(), Failure> {
        // SAFETY: as the caller says.
        self.release("cuMemFreeHost", |driver| unsafe { (driver.cuMemFreeHost)(memory.cast()) })
    }

    unsafe fn upload(&self, from: *const u8, to: u64, bytes: usize) -> Result<(), Failure> {
        self.call("cuMemcpyHtoDAsync", |driver| {
            // SAFETY: as the caller says.
            unsafe { (driver.cuMemcpyHtoDAsync_v2)(to, from.cast(), bytes, self.stream.0) }
        })
    }

    unsafe fn download(&self, from: u64, to: *mut u8, bytes: usize) -> Result<(), Failure> {
        self.call("cuMemcpyDtoHAsync", |driver| {
            // SAFETY: as the caller says.
            unsafe { (driver.cuMemcpyDtoHAsync_v2)(to.cast(), from, bytes, self.stream.0) }
        })
    }

    unsafe fn load(&self, code: &[u8]) -> Result<Handle, Failure> {
        let mut module = std::ptr::null_mut();
        self.call("cuModuleLoadData", |driver| {
            // SAFETY: as the caller says: text that ends with a zero. Writes one handle.
            unsafe { (driver.cuModuleLoadData)(&mut module, code.as_ptr().cast()) }
        })?;
        Ok(Handle(module))
    }

    unsafe fn unload(&self, module: Handle) -> Result<(), Failure> {
        // SAFETY: as the caller says.
        self.release("cuModuleUnload", |driver| unsafe { (driver.cuModuleUnload)(module.0) })
    }

    unsafe fn function(&self, module: Handle, name: &CStr) -> Result<Handle, Failure> {
        let mut function = std::ptr::null_mut();
        self.call("cuModuleGetFunction", |driver| {
            // SAFETY: as the caller says; writes one handle.
            unsafe { (driver.cuModuleGetFunction)(&mut function, module.0, name.as_ptr()) }
        })?;
        Ok(Handle(function))
    }

    unsafe fn launch(
        &self,
        function: Handle,
        [x, y, z]: [u32; 3],
        [threads_x, threads_y, threads_z]: [u32; 3],
        arguments: &mut [*mut c_void],
    ) -> Result<(), Failure> {
        let (function, given, extra) = (function.0, arguments.as_mut_ptr(), std::ptr::null_mut());
        self.call("cuLaunchKernel", |driver| {
            // SAFETY: as the caller says; what the kernel does with addresses stays on the device.
            unsafe {
                (driver.cuLaunchKernel)(
                    function,
                    x,
                    y,
                    z,
                    threads_x,
                    threads_y,
                    threads_z,
                    0,
                    self.stream.0,
                    given,
                    extra,
                )
            }
        })
    }
}
