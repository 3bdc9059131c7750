//! A loaded module with one kernel.

use crate::device::Stream;
use crate::table::Handle;
use hadal_native::{Failure, Kernel};
use std::ffi::{CString, c_void};
use std::sync::Arc;

/// Unloaded when it is dropped.
#[derive(Debug)]
pub(crate) struct Module {
    stream: Arc<Stream>,
    module: Handle,
    function: Handle,
    /// The runtime may read the code as long as the module is loaded.
    _code: Vec<u8>,
}

// SAFETY: HIP's handles may be used by any thread.
unsafe impl Send for Module {}
// SAFETY: as above.
unsafe impl Sync for Module {}

impl Module {
    /// Loads a code object and finds the kernel `entry`.
    pub(crate) fn load(stream: Arc<Stream>, code: &[u8], entry: &str) -> Result<Module, Failure> {
        let code = code.to_vec();
        let name =
            CString::new(entry).map_err(|_| Failure::Refused("the kernel's name has a zero".into()))?;
        let (mut module, mut function): (Handle, Handle) = (std::ptr::null_mut(), std::ptr::null_mut());
        stream.call("hipModuleLoadData", |hip, _| {
            // SAFETY: a whole code object, as hipRTC made it, which outlives the module.
            unsafe { (hip.hipModuleLoadData)(&mut module, code.as_ptr().cast::<c_void>()) }
        })?;
        let mut loaded = Module { stream, module, function, _code: code };
        loaded.stream.call("hipModuleGetFunction", |hip, _| {
            // SAFETY: the module was just loaded, and the name ends with a zero.
            unsafe { (hip.hipModuleGetFunction)(&mut function, module, name.as_ptr()) }
        })?;
        loaded.function = function;
        Ok(loaded)
    }
}

impl Kernel for Module {
    fn launch(&self, groups: [u32; 3], threads: [u32; 3], arguments: &[Vec<u8>]) -> Result<(), Failure> {
        let mut pointers: Vec<*mut c_void> =
            arguments.iter().map(|bytes| bytes.as_ptr().cast_mut().cast::<c_void>()).collect();
        let ([x, y, z], [threads_x, threads_y, threads_z]) = (groups, threads);
        self.stream.call("hipModuleLaunchKernel", |hip, stream| {
            let (function, given) = (self.function, pointers.as_mut_ptr());
            let extra = std::ptr::null_mut();
            // SAFETY: the function lives as long as `self`. The runtime copies the arguments, whose number and sizes are those that the kernel was written with, before it
            // returns; what the kernel does with addresses stays on the device.
            unsafe {
                (hip.hipModuleLaunchKernel)(
                    function, x, y, z, threads_x, threads_y, threads_z, 0, stream, given, extra,
                )
            }
        })
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        let _ = self.stream.release("hipModuleUnload", |hip, _| {
            // SAFETY: loaded by `load`, and unloaded once.
            unsafe { (hip.hipModuleUnload)(self.module) }
        });
    }
}
