//! The driver's and NVRTC's functions. cudarc has them too, but takes what they return for one of the errors that it knows, and a newer driver knows more.
#![allow(non_snake_case, reason = "names of C")]

use hadal_native::{Failure, functions, text_of};
use std::ffi::{c_char, c_float, c_int, c_uchar, c_uint, c_void};

/// `CUresult` and `nvrtcResult`.
pub(crate) type Status = c_uint;
/// `CUcontext`, `CUstream`, `CUmodule`, `CUfunction`, `CUevent`, `nvrtcProgram`.
pub(crate) type Handle = *mut c_void;
/// `CUdeviceptr`.
pub(crate) type DevicePointer = u64;
/// `CUdevice`.
pub(crate) type Ordinal = c_int;

/// Hands the driver's functions to a macro; `bindings` proves them.
macro_rules! driver_functions {
    ($use:ident) => {
        $use! {
            /// The driver.
            Driver {
                cuInit(c_uint) -> Status;
                cuDriverGetVersion(*mut c_int) -> Status;
                cuGetErrorName(Status, *mut *const c_char) -> Status;
                cuGetErrorString(Status, *mut *const c_char) -> Status;
                cuDeviceGetCount(*mut c_int) -> Status;
                cuDeviceGet(*mut Ordinal, c_int) -> Status;
                cuDeviceGetName(*mut c_char, c_int, Ordinal) -> Status;
                cuDeviceTotalMem_v2(*mut usize, Ordinal) -> Status;
                cuDeviceGetAttribute(*mut c_int, c_uint, Ordinal) -> Status;
                cuDevicePrimaryCtxRetain(*mut Handle, Ordinal) -> Status;
                cuDevicePrimaryCtxRelease_v2(Ordinal) -> Status;
                cuCtxSetCurrent(Handle) -> Status;
                cuStreamCreate(*mut Handle, c_uint) -> Status;
                cuStreamDestroy_v2(Handle) -> Status;
                cuStreamSynchronize(Handle) -> Status;
                cuEventCreate(*mut Handle, c_uint) -> Status;
                cuEventDestroy_v2(Handle) -> Status;
                cuEventRecord(Handle, Handle) -> Status;
                cuEventSynchronize(Handle) -> Status;
                cuEventElapsedTime(*mut c_float, Handle, Handle) -> Status;
                cuMemAlloc_v2(*mut DevicePointer, usize) -> Status;
                cuMemFree_v2(DevicePointer) -> Status;
                cuMemAllocAsync(*mut DevicePointer, usize, Handle) -> Status;
                cuMemFreeAsync(DevicePointer, Handle) -> Status;
                cuMemHostAlloc(*mut *mut c_void, usize, c_uint) -> Status;
                cuMemFreeHost(*mut c_void) -> Status;
                cuMemcpyHtoDAsync_v2(DevicePointer, *const c_void, usize, Handle) -> Status;
                cuMemcpyDtoHAsync_v2(*mut c_void, DevicePointer, usize, Handle) -> Status;
                cuMemcpyDtoDAsync_v2(DevicePointer, DevicePointer, usize, Handle) -> Status;
                cuMemsetD8Async(DevicePointer, c_uchar, usize, Handle) -> Status;
                cuModuleLoadData(*mut Handle, *const c_void) -> Status;
                cuModuleUnload(Handle) -> Status;
                cuModuleGetFunction(*mut Handle, Handle, *const c_char) -> Status;
                cuLaunchKernel(
                    Handle, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, Handle, *mut *mut c_void, *mut *mut c_void
                ) -> Status;
            }
        }
    };
}
pub(crate) use driver_functions;

/// Hands NVRTC's functions to a macro.
macro_rules! nvrtc_functions {
    ($use:ident) => {
        $use! {
            /// NVRTC.
            Nvrtc {
                nvrtcVersion(*mut c_int, *mut c_int) -> Status;
                nvrtcGetErrorString(Status) -> *const c_char;
                nvrtcGetNumSupportedArchs(*mut c_int) -> Status;
                nvrtcGetSupportedArchs(*mut c_int) -> Status;
                nvrtcCreateProgram(*mut Handle, *const c_char, *const c_char, c_int, *const *const c_char, *const *const c_char) -> Status;
                nvrtcDestroyProgram(*mut Handle) -> Status;
                nvrtcCompileProgram(Handle, c_int, *const *const c_char) -> Status;
                nvrtcGetProgramLogSize(Handle, *mut usize) -> Status;
                nvrtcGetProgramLog(Handle, *mut c_char) -> Status;
                nvrtcGetPTXSize(Handle, *mut usize) -> Status;
                nvrtcGetPTX(Handle, *mut c_char) -> Status;
            }
        }
    };
}
pub(crate) use nvrtc_functions;

driver_functions!(functions);
nvrtc_functions!(functions);

/// `CUDA_ERROR_OUT_OF_MEMORY`.
pub(crate) const OUT_OF_MEMORY: Status = 2;

/// Codes after which a context cannot be used: shut down, not a context, uncorrectable memory, errors of kernels, unknown.
const LOST: [Status; 16] = [4, 46, 201, 214, 220, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719, 999];

impl Driver {
    /// What the function `call` returned.
    pub(crate) fn check(&self, call: &str, status: Status) -> Result<(), Failure> {
        if status == 0 {
            return Ok(());
        }
        let text = |get: unsafe extern "C" fn(Status, *mut *const c_char) -> Status| {
            let mut text = std::ptr::null();
            // SAFETY: takes any number, and writes a text that is never freed, or null.
            unsafe {
                get(status, &mut text);
                text_of(text, status)
            }
        };
        // The manual has no versions in names.
        let call = call.trim_end_matches("_v2");
        let reason = format!("{call}: {} ({})", text(self.cuGetErrorName), text(self.cuGetErrorString));
        Err(match status {
            OUT_OF_MEMORY => Failure::OutOfMemory,
            status if LOST.contains(&status) => Failure::Lost(reason),
            _ => Failure::Refused(reason),
        })
    }
}
