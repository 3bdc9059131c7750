//! Memory.
#![allow(non_snake_case, reason = "names of C")]

use super::remember;
use super::{driver, hip};
use crate::driver::exports::*;
use crate::driver::{Code, DevicePointer, Handle, Kind, Status, put};
use crate::memory::{GLOBAL_BASE, WINDOW};
use std::ffi::{c_int, c_uint, c_void};

/// HIP's functions that are the driver's under another name.
macro_rules! forward {
    ($($name:ident($($argument:ident: $of:ty),*) = $to:ident($($given:expr),*);)*) => {
        $(
            #[unsafe(no_mangle)]
            unsafe extern "C" fn $name($($argument: $of),*) -> Status {
                driver().attach();
                // SAFETY: the same function under another name, with the caller's arguments.
                #[allow(unused_unsafe, reason = "some of them take no pointers")]
                remember(unsafe { $to($($given),*) })
            }
        )*
    };
}
pub(super) use forward;

/// Zero bytes are no error in HIP: the pointer is null.
#[unsafe(no_mangle)]
unsafe extern "C" fn hipMalloc(address: *mut DevicePointer, bytes: usize) -> Status {
    if bytes == 0 {
        // SAFETY: the caller's pointer, as the manual demands.
        return hip(Kind::Query, |_| unsafe { put(address, 0) });
    }
    driver().attach();
    // SAFETY: the caller's pointer, as the manual demands.
    remember(unsafe { cuMemAlloc_v2(address, bytes) })
}

forward! {
    hipFree(address: DevicePointer) = cuMemFree_v2(address);
    hipMallocAsync(address: *mut DevicePointer, bytes: usize, stream: Handle) = cuMemAllocAsync(address, bytes, stream);
    hipFreeAsync(address: DevicePointer, stream: Handle) = cuMemFreeAsync(address, stream);
    hipDeviceGetDefaultMemPool(pool: *mut Handle, device: c_int) = cuDeviceGetDefaultMemPool(pool, device);
    hipMemPoolSetAttribute(pool: Handle, attribute: c_uint, value: *mut c_void) = cuMemPoolSetAttribute(pool, attribute, value);
    hipMemPoolGetAttribute(pool: Handle, attribute: c_uint, value: *mut c_void) = cuMemPoolGetAttribute(pool, attribute, value);
    hipMemPoolTrimTo(pool: Handle, keep: usize) = cuMemPoolTrimTo(pool, keep);
    hipMemGetInfo(available: *mut usize, total: *mut usize) = cuMemGetInfo_v2(available, total);
    hipHostMalloc(address: *mut *mut c_void, bytes: usize, flags: c_uint) = cuMemHostAlloc(address, bytes, flags);
    hipHostFree(address: *mut c_void) = cuMemFreeHost(address);
    hipMemcpyHtoD(to: DevicePointer, from: *const c_void, bytes: usize) = cuMemcpyHtoD_v2(to, from, bytes);
    hipMemcpyDtoH(to: *mut c_void, from: DevicePointer, bytes: usize) = cuMemcpyDtoH_v2(to, from, bytes);
    hipMemcpyDtoD(to: DevicePointer, from: DevicePointer, bytes: usize) = cuMemcpyDtoD_v2(to, from, bytes);
    hipMemcpyHtoDAsync(to: DevicePointer, from: *const c_void, bytes: usize, stream: Handle) = cuMemcpyHtoDAsync_v2(to, from, bytes, stream);
    hipMemcpyDtoHAsync(to: *mut c_void, from: DevicePointer, bytes: usize, stream: Handle) = cuMemcpyDtoHAsync_v2(to, from, bytes, stream);
    hipMemcpyDtoDAsync(to: DevicePointer, from: DevicePointer, bytes: usize, stream: Handle) = cuMemcpyDtoDAsync_v2(to, from, bytes, stream);
    hipMemset(to: DevicePointer, value: c_int, bytes: usize) = cuMemsetD8_v2(to, value as u8, bytes);
    hipMemsetAsync(to: DevicePointer, value: c_int, bytes: usize, stream: Handle) = cuMemsetD8Async(to, value as u8, bytes, stream);
    hipMemsetD8Async(to: DevicePointer, value: u8, count: usize, stream: Handle) = cuMemsetD8Async(to, value, count, stream);
    hipMemsetD8(to: DevicePointer, value: u8, count: usize) = cuMemsetD8_v2(to, value, count);
    hipMemsetD32(to: DevicePointer, value: c_int, count: usize) = cuMemsetD32_v2(to, value as u32, count);
    hipMemsetD32Async(to: DevicePointer, value: c_int, count: usize, stream: Handle) = cuMemsetD32Async(to, value as u32, count, stream);
}

/// # Safety
///
/// As the manual of `hipMemcpy` demands.
unsafe fn copy(to: u64, from: u64, bytes: usize, kind: c_uint, stream: Option<Handle>) -> Status {
    let (host_to, host_from) = (to as *mut c_void, from as *const c_void);
    driver().attach();
    // The stand-in's device has addresses where Linux maps nothing of a process.
    let device = GLOBAL_BASE..GLOBAL_BASE + WINDOW;
    let is_device = |address: u64| device.contains(&address);
    let kind = match (kind, is_device(to), is_device(from)) {
        (4, false, false) => 0,
        (4, true, false) => 1,
        (4, false, true) => 2,
        (4, true, true) => 3,
        (kind, ..) => kind,
    };
    // SAFETY: as the caller says.
    let status = unsafe {
        match (kind, stream) {
            (1, None) => cuMemcpyHtoD_v2(to, host_from, bytes),
            (1, Some(stream)) => cuMemcpyHtoDAsync_v2(to, host_from, bytes, stream),
            (2, None) => cuMemcpyDtoH_v2(host_to, from, bytes),
            (2, Some(stream)) => cuMemcpyDtoHAsync_v2(host_to, from, bytes, stream),
            (3, None) => cuMemcpyDtoD_v2(to, from, bytes),
            (3, Some(stream)) => cuMemcpyDtoDAsync_v2(to, from, bytes, stream),
            (0, _) => {
                std::ptr::copy(host_from.cast::<u8>(), host_to.cast::<u8>(), bytes);
                0
            }
            _ => Code::InvalidValue as Status,
        }
    };
    remember(status)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn hipMemcpy(to: u64, from: u64, bytes: usize, kind: c_uint) -> Status {
    // SAFETY: the caller's memory, as the manual demands.
    unsafe { copy(to, from, bytes, kind, None) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn hipMemcpyAsync(
    to: u64,
    from: u64,
    bytes: usize,
    kind: c_uint,
    stream: Handle,
) -> Status {
    // SAFETY: the caller's memory, as the manual demands.
    unsafe { copy(to, from, bytes, kind, Some(stream)) }
}
