//! HIP's and hipRTC's functions, with the signatures that they have in ROCm 5, 6 and 7.
#![allow(non_snake_case, reason = "names of C")]

use hadal_native::{Failure, functions, text_of};
use libloading::Library;
use std::ffi::{c_char, c_float, c_int, c_uchar, c_uint, c_void};

/// `hipError_t` and `hiprtcResult`.
pub(crate) type Status = c_uint;
/// `hipStream_t`, `hipModule_t`, `hipFunction_t`, `hipEvent_t`, `hiprtcProgram`.
pub(crate) type Handle = *mut c_void;
/// `hipDeviceptr_t`, a pointer that no host follows: here the number that it is.
pub(crate) type DevicePointer = u64;

/// Hands the functions of HIP's runtime to a macro; `bindings` proves them.
macro_rules! hip_functions {
    ($use:ident) => {
        $use! {
            /// HIP's runtime.
            Hip {
                hipInit(c_uint) -> Status;
                hipRuntimeGetVersion(*mut c_int) -> Status;
                hipGetErrorName(Status) -> *const c_char;
                hipGetErrorString(Status) -> *const c_char;
                hipGetDeviceCount(*mut c_int) -> Status;
                hipSetDevice(c_int) -> Status;
                hipDeviceGetName(*mut c_char, c_int, c_int) -> Status;
                hipDeviceTotalMem(*mut usize, c_int) -> Status;
                hipDeviceGetAttribute(*mut c_int, c_uint, c_int) -> Status;
                hipStreamCreateWithFlags(*mut Handle, c_uint) -> Status;
                hipStreamDestroy(Handle) -> Status;
                hipStreamSynchronize(Handle) -> Status;
                hipEventCreateWithFlags(*mut Handle, c_uint) -> Status;
                hipEventDestroy(Handle) -> Status;
                hipEventRecord(Handle, Handle) -> Status;
                hipEventSynchronize(Handle) -> Status;
                hipEventElapsedTime(*mut c_float, Handle, Handle) -> Status;
                hipMalloc(*mut DevicePointer, usize) -> Status;
                hipFree(DevicePointer) -> Status;
                hipHostMalloc(*mut *mut c_void, usize, c_uint) -> Status;
                hipHostFree(*mut c_void) -> Status;
                hipMemcpyHtoDAsync(DevicePointer, *const c_void, usize, Handle) -> Status;
                hipMemcpyDtoHAsync(*mut c_void, DevicePointer, usize, Handle) -> Status;
                hipMemcpyDtoDAsync(DevicePointer, DevicePointer, usize, Handle) -> Status;
                hipMemsetD8Async(DevicePointer, c_uchar, usize, Handle) -> Status;
                hipModuleLoadData(*mut Handle, *const c_void) -> Status;
                hipModuleUnload(Handle) -> Status;
                hipModuleGetFunction(*mut Handle, Handle, *const c_char) -> Status;
                hipModuleLaunchKernel(
                    Handle, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, Handle, *mut *mut c_void, *mut *mut c_void
                ) -> Status;
            }
        }
    };
}
#[cfg(feature = "hip-sys")]
pub(crate) use hip_functions;

hip_functions!(functions);

functions! {
    /// hipRTC.
    Hiprtc {
        hiprtcVersion(*mut c_int, *mut c_int) -> Status;
        hiprtcGetErrorString(Status) -> *const c_char;
        hiprtcCreateProgram(*mut Handle, *const c_char, *const c_char, c_int, *const *const c_char, *const *const c_char) -> Status;
        hiprtcDestroyProgram(*mut Handle) -> Status;
        hiprtcCompileProgram(Handle, c_int, *const *const c_char) -> Status;
        hiprtcGetProgramLogSize(Handle, *mut usize) -> Status;
        hiprtcGetProgramLog(Handle, *mut c_char) -> Status;
        hiprtcGetCodeSize(Handle, *mut usize) -> Status;
        hiprtcGetCode(Handle, *mut c_char) -> Status;
    }
}

/// `hipGetDeviceProperties`.
pub(crate) type GetProperties = unsafe extern "C" fn(*mut c_void, c_int) -> Status;

/// Room for every form of `hipDeviceProp_t`, aligned as it.
pub(crate) type AnyProperties = [u64; 1024];

/// Where `gcnArchName` lies in ROCm 5, and since ROCm 6.
pub(crate) const ARCHITECTURE_IN_ROCM_5: usize = 396;
const ARCHITECTURE: usize = 1160;

/// `hipGetDeviceProperties`, whose structure changed with ROCm 6.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Properties {
    pub(crate) get: GetProperties,
    /// Where `gcnArchName` lies.
    pub(crate) architecture: usize,
}

/// The newest form that the library has. Errors: the name of the function that it lacks.
pub(crate) fn properties(library: &Library) -> Result<Properties, &'static str> {
    for (name, architecture) in
        [("hipGetDevicePropertiesR0600", ARCHITECTURE), ("hipGetDeviceProperties", ARCHITECTURE_IN_ROCM_5)]
    {
        // SAFETY: the signature is that of the library's manual.
        if let Ok(get) = unsafe { library.get(name.as_bytes()) } {
            return Ok(Properties { get: *get, architecture });
        }
    }
    Err("hipGetDeviceProperties")
}

/// `hipErrorOutOfMemory`.
pub(crate) const OUT_OF_MEMORY: Status = 2;

/// Codes after which a device cannot be used in this process: shut down, a context that is gone, errors of kernels, unknown.
pub(crate) const LOST: [Status; 10] = [4, 201, 214, 700, 702, 709, 710, 718, 719, 999];

impl Hip {
    /// What the function `call` returned.
    pub(crate) fn check(&self, call: &str, status: Status) -> Result<(), Failure> {
        if status == 0 {
            return Ok(());
        }
        // SAFETY: both take any number and give texts that are never freed, or null.
        let (name, text) = unsafe {
            (
                text_of((self.hipGetErrorName)(status), status),
                text_of((self.hipGetErrorString)(status), status),
            )
        };
        let reason = format!("{call}: {name} ({text})");
        Err(match status {
            OUT_OF_MEMORY => Failure::OutOfMemory,
            status if LOST.contains(&status) => Failure::Lost(reason),
            _ => Failure::Refused(reason),
        })
    }
}
