//! An open device, and which of HIP's functions a stream on it takes.

use crate::child::Child;
use crate::compiler;
use crate::library::Libraries;
use crate::table::Hip;
use hadal_native::{Facts, Failure, MemoryCalls, StreamCalls, Vendor, function};
use std::ffi::c_int;
use std::sync::Arc;

/// A device, which HIP never closes.
#[derive(Debug)]
pub(crate) struct Opened {
    libraries: Arc<Libraries>,
    device: c_int,
    /// Compiles where hipRTC would end this process.
    child: Option<Child>,
    calls: StreamCalls,
}

impl Opened {
    /// The device; `child` compiles for it, if hipRTC cannot do so in this process.
    pub(crate) fn new(libraries: Arc<Libraries>, device: c_int, child: Option<Child>) -> Opened {
        let calls = calls(&libraries.hip);
        Opened { libraries, device, child, calls }
    }
}

fn calls(hip: &Hip) -> StreamCalls {
    StreamCalls {
        stream_create: function!(hip, hipStreamCreateWithFlags),
        stream_destroy: function!(hip, hipStreamDestroy),
        stream_synchronize: function!(hip, hipStreamSynchronize),
        event_create: function!(hip, hipEventCreateWithFlags),
        event_destroy: function!(hip, hipEventDestroy),
        event_record: function!(hip, hipEventRecord),
        event_synchronize: function!(hip, hipEventSynchronize),
        event_elapsed: function!(hip, hipEventElapsedTime),
        memory: MemoryCalls::Waiting { allocate: function!(hip, hipMalloc), free: function!(hip, hipFree) },
        host_allocate: function!(hip, hipHostMalloc),
        host_free: function!(hip, hipHostFree),
        upload: function!(hip, hipMemcpyHtoDAsync),
        download: function!(hip, hipMemcpyDtoHAsync),
        copy: function!(hip, hipMemcpyDtoDAsync),
        set_bytes: function!(hip, hipMemsetD8Async),
        module_load: function!(hip, hipModuleLoadData),
        module_unload: function!(hip, hipModuleUnload),
        module_function: function!(hip, hipModuleGetFunction),
        launch: function!(hip, hipModuleLaunchKernel),
    }
}

// SAFETY: the functions are HIP's, whose library is never unloaded; `bindings` proves their signatures.
unsafe impl Vendor for Opened {
    fn calls(&self) -> &StreamCalls {
        &self.calls
    }

    fn enter(&self) -> Result<(), Failure> {
        let hip = &self.libraries.hip;
        // SAFETY: it takes no pointers.
        hip.check("hipSetDevice", unsafe { (hip.hipSetDevice)(self.device) })
    }

    fn check(&self, call: &str, status: u32) -> Result<(), Failure> {
        self.libraries.hip.check(call, status)
    }

    fn compile(&self, facts: &Facts, source: &str, flags: &[&str]) -> Result<Vec<u8>, Failure> {
        match &self.child {
            None => compiler::compile(&self.libraries.rtc, source, &facts.architecture, flags),
            Some(child) => child.compile(source, &facts.architecture, flags),
        }
    }
}
