//! An open device: its primary context, and which of the driver's functions a stream on it takes.

use crate::library::Libraries;
use crate::table::{Driver, Ordinal};
use hadal_native::{Facts, Failure, Handle, MemoryCalls, StreamCalls, Vendor, function};
use std::sync::Arc;

/// The primary context, until it is dropped.
#[derive(Debug)]
pub(crate) struct Context {
    libraries: Arc<Libraries>,
    device: Ordinal,
    context: Handle,
    calls: StreamCalls,
}

impl Context {
    /// The device's primary context; with `pools`, memory comes in the stream's order.
    pub(crate) fn retain(
        libraries: Arc<Libraries>,
        device: Ordinal,
        pools: bool,
    ) -> Result<Context, Failure> {
        let mut context = std::ptr::null_mut();
        // SAFETY: writes one handle, which is released when the context is dropped.
        let retained = unsafe { (libraries.driver.cuDevicePrimaryCtxRetain)(&mut context, device) };
        libraries.driver.check("cuDevicePrimaryCtxRetain", retained)?;
        let calls = calls(&libraries.driver, pools);
        Ok(Context { libraries, device, context: Handle(context), calls })
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // What fails here concerns nobody any more.
        // SAFETY: retained by `retain`, and released once.
        let _ = unsafe { (self.libraries.driver.cuDevicePrimaryCtxRelease_v2)(self.device) };
    }
}

fn calls(driver: &Driver, pools: bool) -> StreamCalls {
    StreamCalls {
        stream_create: function!(driver, cuStreamCreate),
        stream_destroy: function!(driver, cuStreamDestroy_v2),
        stream_synchronize: function!(driver, cuStreamSynchronize),
        event_create: function!(driver, cuEventCreate),
        event_destroy: function!(driver, cuEventDestroy_v2),
        event_record: function!(driver, cuEventRecord),
        event_synchronize: function!(driver, cuEventSynchronize),
        event_elapsed: function!(driver, cuEventElapsedTime),
        memory: match pools {
            true => MemoryCalls::Ordered {
                allocate: function!(driver, cuMemAllocAsync),
                free: function!(driver, cuMemFreeAsync),
            },
            false => MemoryCalls::Waiting {
                allocate: function!(driver, cuMemAlloc_v2),
                free: function!(driver, cuMemFree_v2),
            },
        },
        host_allocate: function!(driver, cuMemHostAlloc),
        host_free: function!(driver, cuMemFreeHost),
        upload: function!(driver, cuMemcpyHtoDAsync_v2),
        download: function!(driver, cuMemcpyDtoHAsync_v2),
        copy: function!(driver, cuMemcpyDtoDAsync_v2),
        set_bytes: function!(driver, cuMemsetD8Async),
        module_load: function!(driver, cuModuleLoadData),
        module_unload: function!(driver, cuModuleUnload),
        module_function: function!(driver, cuModuleGetFunction),
        launch: function!(driver, cuLaunchKernel),
    }
}

// SAFETY: the functions are CUDA's, whose library is never unloaded; `bindings` proves their signatures.
unsafe impl Vendor for Context {
    fn calls(&self) -> &StreamCalls {
        &self.calls
    }

    fn enter(&self) -> Result<(), Failure> {
        let driver = &self.libraries.driver;
        // SAFETY: the context is retained as long as `self` lives.
        driver.check("cuCtxSetCurrent", unsafe { (driver.cuCtxSetCurrent)(self.context.0) })
    }

    fn check(&self, call: &str, status: u32) -> Result<(), Failure> {
        self.libraries.driver.check(call, status)
    }

    fn compile(&self, facts: &Facts, source: &str, flags: &[&str]) -> Result<Vec<u8>, Failure> {
        self.libraries.compiler.compile(source, &facts.architecture, flags)
    }
}
