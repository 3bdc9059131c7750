//! The calls on an open device and its one stream.

use crate::child::Child;
use crate::compiler;
use crate::library::Libraries;
use crate::table::{DevicePointer, Hip, Status};
use hadal_native::{Calls, Facts, Failure, Handle};
use std::ffi::{CStr, c_int, c_void};
use std::sync::Arc;

/// `hipStreamNonBlocking`.
pub(crate) const NON_BLOCKING: u32 = 1;
/// `hipEventDisableTiming`.
pub(crate) const DISABLE_TIMING: u32 = 2;

/// The stream of a device, which everything that was made on it keeps alive.
#[derive(Debug)]
pub(crate) struct Stream {
    libraries: Arc<Libraries>,
    device: c_int,
    stream: Handle,
    /// Compiles where hipRTC would end this process.
    child: Option<Child>,
}

impl Stream {
    /// A stream on the device; `child` compiles for it, if hipRTC cannot do so in this process.
    pub(crate) fn open(
        libraries: Arc<Libraries>,
        device: c_int,
        child: Option<Child>,
    ) -> Result<Stream, Failure> {
        let mut opened = Stream { libraries, device, stream: Handle::NULL, child };
        let mut stream = std::ptr::null_mut();
        opened.call("hipStreamCreateWithFlags", |hip| {
            // SAFETY: writes one handle, which is destroyed with `opened`.
            unsafe { (hip.hipStreamCreateWithFlags)(&mut stream, NON_BLOCKING) }
        })?;
        opened.stream = Handle(stream);
        Ok(opened)
    }

    /// Makes the device this thread's. Every call on it comes after that.
    fn enter(&self) -> Result<(), Failure> {
        let hip = &self.libraries.hip;
        // SAFETY: it takes no pointers.
        hip.check("hipSetDevice", unsafe { (hip.hipSetDevice)(self.device) })
    }

    /// Runs `call`, HIP's function `name`, on this device.
    fn call(&self, name: &str, call: impl FnOnce(&Hip) -> Status) -> Result<(), Failure> {
        self.enter()?;
        self.libraries.hip.check(name, call(&self.libraries.hip))
    }

    /// Runs `call`, HIP's function `name` that gives something back: even where the device cannot be set.
    fn release(&self, name: &str, call: impl FnOnce(&Hip) -> Status) -> Result<(), Failure> {
        let entered = self.enter();
        self.libraries.hip.check(name, call(&self.libraries.hip))?;
        entered
    }
}

/// A device's address as HIP takes it.
fn pointer(address: u64) -> DevicePointer {
    address as usize as DevicePointer
}

impl Drop for Stream {
    fn drop(&mut self) {
        // What fails here concerns nobody any more.
        if !self.stream.is_null() {
            let _ = self.synchronize();
            // SAFETY: made by `open`, and destroyed once.
            let _ = self.release("hipStreamDestroy", |hip| unsafe { (hip.hipStreamDestroy)(self.stream.0) });
        }
    }
}

impl Calls for Stream {
    fn allocate(&self, bytes: usize) -> Result<u64, Failure> {
        let mut address = std::ptr::null_mut();
        self.call("hipMalloc", |hip| {
            // SAFETY: writes one address.
            unsafe { (hip.hipMalloc)(&mut address, bytes) }
        })?;
        Ok(address as usize as u64)
    }

    fn free(&self, address: u64) -> Result<(), Failure> {
        self.release("hipFree", |hip| {
            // SAFETY: an address of the device, which no host touches; HIP waits for work that uses it.
            unsafe { (hip.hipFree)(pointer(address)) }
        })
    }

    fn copy(&self, from: u64, to: u64, bytes: usize) -> Result<(), Failure> {
        self.call("hipMemcpyDtoDAsync", |hip| {
            // SAFETY: addresses of the device alone.
            unsafe { (hip.hipMemcpyDtoDAsync)(pointer(to), pointer(from), bytes, self.stream.0) }
        })
    }

    fn clear(&self, address: u64, bytes: usize) -> Result<(), Failure> {
        self.call("hipMemsetAsync", |hip| {
            // SAFETY: an address of the device alone.
            unsafe { (hip.hipMemsetAsync)(pointer(address), 0, bytes, self.stream.0) }
        })
    }

    fn synchronize(&self) -> Result<(), Failure> {
        // SAFETY: the stream lives as long as `self`.
        self.call("hipStreamSynchronize", |hip| unsafe { (hip.hipStreamSynchronize)(self.stream.0) })
    }

    fn stream(&self) -> Handle {
        self.stream
    }

    fn compile(&self, facts: &Facts, source: &str, flags: &[&str]) -> Result<Vec<u8>, Failure> {
        match &self.child {
            None => compiler::compile(&self.libraries.rtc, source, &facts.architecture, flags),
            Some(child) => child.compile(source, &facts.architecture, flags),
        }
    }

    fn event(&self, timed: bool) -> Result<Handle, Failure> {
        let mut event = std::ptr::null_mut();
        self.call("hipEventCreateWithFlags", |hip| {
            // SAFETY: writes one handle.
            unsafe { (hip.hipEventCreateWithFlags)(&mut event, if timed { 0 } else { DISABLE_TIMING }) }
        })?;
        Ok(Handle(event))
    }

    unsafe fn destroy_event(&self, event: Handle) -> Result<(), Failure> {
        // SAFETY: as the caller says.
        self.release("hipEventDestroy", |hip| unsafe { (hip.hipEventDestroy)(event.0) })
    }

    unsafe fn record(&self, event: Handle) -> Result<(), Failure> {
        // SAFETY: as the caller says; the stream lives as long as `self`.
        self.call("hipEventRecord", |hip| unsafe { (hip.hipEventRecord)(event.0, self.stream.0) })
    }

    unsafe fn wait(&self, event: Handle) -> Result<(), Failure> {
        // SAFETY: as the caller says.
        self.call("hipEventSynchronize", |hip| unsafe { (hip.hipEventSynchronize)(event.0) })
    }

    unsafe fn elapsed(&self, from: Handle, to: Handle) -> Result<f32, Failure> {
        let mut elapsed = 0.0;
        self.call("hipEventElapsedTime", |hip| {
            // SAFETY: as the caller says; writes one number.
            unsafe { (hip.hipEventElapsedTime)(&mut elapsed, from.0, to.0) }
        })?;
        Ok(elapsed)
    }

    fn lock(&self, bytes: usize) -> Result<*mut u8, Failure> {
        let mut memory = std::ptr::null_mut();
        self.call("hipHostMalloc", |hip| {
            // SAFETY: writes one address.
            unsafe { (hip.hipHostMalloc)(&mut memory, bytes, 0) }
        })?;
        Ok(memory.cast())
    }

    unsafe fn unlock(&self, memory: *mut u8) -> Result<(), Failure> {
        // SAFETY: as the caller says.
        self.release("hipHostFree", |hip| unsafe { (hip.hipHostFree)(memory.cast()) })
    }

    unsafe fn upload(&self, from: *const u8, to: u64, bytes: usize) -> Result<(), Failure> {
        self.call("hipMemcpyHtoDAsync", |hip| {
            // SAFETY: as the caller says.
            unsafe { (hip.hipMemcpyHtoDAsync)(pointer(to), from.cast(), bytes, self.stream.0) }
        })
    }

    unsafe fn download(&self, from: u64, to: *mut u8, bytes: usize) -> Result<(), Failure> {
        self.call("hipMemcpyDtoHAsync", |hip| {
            // SAFETY: as the caller says.
            unsafe { (hip.hipMemcpyDtoHAsync)(to.cast(), pointer(from), bytes, self.stream.0) }
        })
    }

    unsafe fn load(&self, code: &[u8]) -> Result<Handle, Failure> {
        let mut module = std::ptr::null_mut();
        self.call("hipModuleLoadData", |hip| {
            // SAFETY: as the caller says: a whole code object. Writes one handle.
            unsafe { (hip.hipModuleLoadData)(&mut module, code.as_ptr().cast()) }
        })?;
        Ok(Handle(module))
    }

    unsafe fn unload(&self, module: Handle) -> Result<(), Failure> {
        // SAFETY: as the caller says.
        self.release("hipModuleUnload", |hip| unsafe { (hip.hipModuleUnload)(module.0) })
    }

    unsafe fn function(&self, module: Handle, name: &CStr) -> Result<Handle, Failure> {
        let mut function = std::ptr::null_mut();
        self.call("hipModuleGetFunction", |hip| {
            // SAFETY: as the caller says; writes one handle.
            unsafe { (hip.hipModuleGetFunction)(&mut function, module.0, name.as_ptr()) }
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
        self.call("hipModuleLaunchKernel", |hip| {
            // SAFETY: as the caller says; what the kernel does with addresses stays on the device.
            unsafe {
                (hip.hipModuleLaunchKernel)(
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
