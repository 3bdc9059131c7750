//! A loaded module with one kernel.

use crate::device::Stream;
use cudarc::driver::{result, sys};
use hadal_native::{Failure, Kernel};
use std::ffi::{CString, c_void};
use std::sync::Arc;

/// Unloaded when it is dropped.
#[derive(Debug)]
pub(crate) struct Module {
    stream: Arc<Stream>,
    module: sys::CUmodule,
    function: sys::CUfunction,
}

// SAFETY: the driver's handles may be used by any thread.
unsafe impl Send for Module {}
// SAFETY: as above.
unsafe impl Sync for Module {}

impl Module {
    /// Loads PTX and finds the kernel `entry`.
    pub(crate) fn load(stream: Arc<Stream>, code: &[u8], entry: &str) -> Result<Module, Failure> {
        // The driver reads text up to its zero.
        let text: Vec<u8> = code.iter().copied().take_while(|&byte| byte != 0).chain([0]).collect();
        let name =
            CString::new(entry).map_err(|_| Failure::Refused("the kernel's name has a zero".into()))?;
        let image = text.as_ptr().cast::<c_void>();
        // SAFETY: text that ends with a zero and outlives the call.
        let module = stream.call("cuModuleLoadData", |_| unsafe { result::module::load_data(image) })?;
        let mut loaded = Module { stream, module, function: std::ptr::null_mut() };
        // SAFETY: the module was just loaded; it lives as long as `loaded`.
        loaded.function = loaded
            .stream
            .call("cuModuleGetFunction", |_| unsafe { result::module::get_function(module, name) })?;
        Ok(loaded)
    }
}

impl Kernel for Module {
    fn launch(&self, groups: [u32; 3], threads: [u32; 3], arguments: &[Vec<u8>]) -> Result<(), Failure> {
        let mut pointers: Vec<*mut c_void> =
            arguments.iter().map(|bytes| bytes.as_ptr().cast_mut().cast::<c_void>()).collect();
        let (grid, block) = (groups.into(), threads.into());
        // SAFETY: the function lives as long as `self`. The driver copies the arguments, whose number and sizes are those that the kernel was written with, before it returns;
        // what the kernel does with addresses stays on the device.
        self.stream.call("cuLaunchKernel", |stream| unsafe {
            result::launch_kernel(self.function, grid, block, 0, stream, &mut pointers)
        })
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        // SAFETY: loaded by `load`, and unloaded once.
        let _ = self.stream.release("cuModuleUnload", |_| unsafe { result::module::unload(self.module) });
    }
}
