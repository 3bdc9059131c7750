//! `cuGetProcAddress`: functions by name.
#![allow(non_snake_case, reason = "names of C")]

use super::codes::Code;
use super::{
    Kind, Status, call, context, device, error, launch, memory, modules, pool, put, stream, text, unsupported,
};
use std::ffi::{c_char, c_int, c_uint, c_void};

macro_rules! addresses {
    ($($module:ident { $($name:ident $(= $alias:literal)?)* })*) => {
        /// A function by its name, or by the name that stands for its newest form.
        fn address(wanted: &str) -> Option<*mut c_void> {
            match wanted {
                $($(stringify!($name) $(| $alias)? => Some($module::$name as *mut c_void),)*)*
                "cuGetProcAddress" | "cuGetProcAddress_v2" => Some(cuGetProcAddress_v2 as *mut c_void),
                _ => None,
            }
        }
    };
}

addresses! {
    device {
        cuInit cuDriverGetVersion cuDeviceGetCount cuDeviceGet cuDeviceGetName cuDeviceGetUuid cuDeviceGetUuid_v2
        cuDeviceTotalMem_v2 = "cuDeviceTotalMem" cuDeviceGetAttribute cuDeviceCanAccessPeer
    }
    context {
        cuDevicePrimaryCtxRetain cuDevicePrimaryCtxRelease_v2 = "cuDevicePrimaryCtxRelease"
        cuDevicePrimaryCtxReset_v2 = "cuDevicePrimaryCtxReset" cuDevicePrimaryCtxSetFlags_v2 = "cuDevicePrimaryCtxSetFlags"
        cuDevicePrimaryCtxGetState cuCtxCreate_v2 = "cuCtxCreate" cuCtxDestroy_v2 = "cuCtxDestroy" cuCtxSetCurrent cuCtxGetCurrent
        cuCtxPushCurrent_v2 = "cuCtxPushCurrent" cuCtxPopCurrent_v2 = "cuCtxPopCurrent" cuCtxGetDevice cuCtxSynchronize cuCtxSetFlags
        cuCtxSetLimit cuCtxGetLimit cuCtxSetCacheConfig cuCtxGetCacheConfig cuCtxGetStreamPriorityRange
    }
    error { cuGetErrorName cuGetErrorString }
    modules {
        cuModuleLoadData cuModuleLoadDataEx cuModuleLoad cuModuleUnload cuModuleGetFunction cuModuleGetGlobal_v2 = "cuModuleGetGlobal"
        cuFuncGetAttribute cuFuncSetAttribute cuFuncSetCacheConfig
    }
    memory {
        cuMemAlloc_v2 = "cuMemAlloc" cuMemFree_v2 = "cuMemFree" cuMemGetInfo_v2 = "cuMemGetInfo" cuMemcpyHtoD_v2 = "cuMemcpyHtoD"
        cuMemcpyHtoDAsync_v2 = "cuMemcpyHtoDAsync" cuMemcpyDtoH_v2 = "cuMemcpyDtoH" cuMemcpyDtoHAsync_v2 = "cuMemcpyDtoHAsync"
        cuMemcpyDtoD_v2 = "cuMemcpyDtoD" cuMemcpyDtoDAsync_v2 = "cuMemcpyDtoDAsync" cuMemsetD8_v2 = "cuMemsetD8" cuMemsetD8Async
        cuMemsetD16_v2 = "cuMemsetD16" cuMemsetD16Async cuMemsetD32_v2 = "cuMemsetD32" cuMemsetD32Async cuMemHostAlloc
        cuMemAllocHost_v2 = "cuMemAllocHost" cuMemFreeHost cuMemHostRegister_v2 = "cuMemHostRegister" cuMemHostUnregister
        cuMemGetAddressRange_v2 = "cuMemGetAddressRange"
    }
    pool {
        cuMemAllocAsync cuMemAllocFromPoolAsync cuMemFreeAsync cuMemPoolCreate cuMemPoolDestroy cuDeviceGetDefaultMemPool
        cuDeviceGetMemPool cuDeviceSetMemPool cuMemPoolTrimTo cuMemPoolSetAttribute cuMemPoolGetAttribute
    }
    stream {
        cuStreamCreate cuStreamCreateWithPriority cuStreamDestroy_v2 = "cuStreamDestroy" cuStreamSynchronize cuStreamQuery
        cuStreamGetPriority cuStreamGetFlags cuStreamGetCtx cuStreamWaitEvent cuStreamIsCapturing cuLaunchHostFunc cuEventCreate
        cuEventDestroy_v2 = "cuEventDestroy" cuEventRecord cuEventSynchronize cuEventQuery cuEventElapsedTime cuEventElapsedTime_v2
    }
    launch {
        cuLaunchKernel cuLaunchCooperativeKernel cuOccupancyMaxActiveBlocksPerMultiprocessor
        cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags cuOccupancyMaxPotentialBlockSize cuOccupancyAvailableDynamicSMemPerBlock
    }
    unsupported {
        cuStreamBeginCapture_v2 = "cuStreamBeginCapture" cuStreamEndCapture cuGraphCreate cuGraphLaunch cuMemAllocManaged cuMemcpyPeerAsync
    }
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuGetProcAddress_v2(
    name: *const c_char,
    function: *mut *mut c_void,
    _version: c_int,
    _flags: u64,
    status: *mut c_uint,
) -> Status {
    call(Kind::Free, |_| {
        // SAFETY: the caller's text and pointers, as the manual demands; the last one may be null.
        unsafe {
            let found = address(text(name)?);
            if !status.is_null() {
                // Found, or not known.
                put(status, if found.is_some() { 0 } else { 1 })?;
            }
            put(function, found.unwrap_or(std::ptr::null_mut()))?;
            found.map(drop).ok_or(Code::NotFound)
        }
    })
}
