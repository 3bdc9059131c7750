//! Proof, while compiling, that the table has the signatures and numbers of the crate `hip-sys`, whose bindings were made from the headers of HIP 5.4.
//!
//! Each function of theirs is taken as a pointer with as many parameters as ours, and its type has to pass for ours, part by part ([`hadal_native::signatures`]). hipRTC is not
//! among the bindings.

use crate::table::{DevicePointer, Handle, LOST, OUT_OF_MEMORY, Status, hip_functions};
use crate::{device, table};
use hadal_native::{DISABLE_TIMING, NON_BLOCKING, any, signatures};
use hip_sys::hiprt as theirs;
use std::ffi::{c_char, c_float, c_int, c_uchar, c_uint, c_void};
use std::mem::{offset_of, size_of};

signatures!();

// Enumerations, which C passes as numbers of the same width.
impl PassesFor<Status> for theirs::hipError_t {}
impl PassesFor<c_uint> for theirs::hipDeviceAttribute_t {}
const _: () = assert!(size_of::<theirs::hipError_t>() == size_of::<Status>());
const _: () = assert!(size_of::<theirs::hipDeviceAttribute_t>() == size_of::<c_uint>());

// What handles point to is known to the runtime alone, and the properties are room for every release's form of them.
impl PassesFor<c_void> for theirs::ihipStream_t {}
impl PassesFor<c_void> for theirs::ihipEvent_t {}
impl PassesFor<c_void> for theirs::ihipModule_t {}
impl PassesFor<c_void> for theirs::ihipModuleSymbol_t {}
impl PassesFor<c_void> for theirs::hipDeviceProp_t {}

// An address of the device: as wide as a number of 64 bits wherever HIP runs.
impl PassesFor<DevicePointer> for *mut c_void {}
const _: () = assert!(size_of::<*mut c_void>() == size_of::<DevicePointer>());

// `hipMemcpyHtoDAsync` reads through a pointer that may write in HIP 5.
impl<T: PassesFor<U>, U> PassesFor<*const U> for *mut T {}

macro_rules! proofs {
    ($(#[$about:meta])* $table:ident { $($name:ident($($ours:ty),*) -> $result:ty;)* }) => {
        const _: () = {
            $(proves::<_, unsafe extern "C" fn($($ours),*) -> $result>(
                theirs::$name as unsafe extern "C" fn($(any!($ours)),*) -> _,
            );)*
        };
    };
}

hip_functions!(proofs);

const _: () =
    proves::<_, table::GetProperties>(theirs::hipGetDeviceProperties as unsafe extern "C" fn(_, _) -> _);
const _: () = assert!(offset_of!(theirs::hipDeviceProp_t, gcnArchName) == table::ARCHITECTURE_IN_ROCM_5);
const _: () = assert!(size_of::<theirs::hipDeviceProp_t>() <= size_of::<table::AnyProperties>());

const _: () = {
    use theirs::hipDeviceAttribute_t as Attribute;
    assert!(device::INTEGRATED == Attribute::hipDeviceAttributeIntegrated as u32);
    assert!(device::MAX_THREADS_PER_BLOCK == Attribute::hipDeviceAttributeMaxThreadsPerBlock as u32);
    assert!(
        device::MAX_SHARED_MEMORY_PER_BLOCK == Attribute::hipDeviceAttributeMaxSharedMemoryPerBlock as u32
    );
    assert!(device::WARP_SIZE == Attribute::hipDeviceAttributeWarpSize as u32);
    assert!(NON_BLOCKING == theirs::hipStreamNonBlocking);
    assert!(DISABLE_TIMING == theirs::hipEventDisableTiming);
};

const _: () = {
    use theirs::hipError_t as Error;
    assert!(OUT_OF_MEMORY == Error::hipErrorOutOfMemory as Status);
    let lost = [
        Error::hipErrorDeinitialized,
        Error::hipErrorInvalidContext,
        Error::hipErrorECCNotCorrectable,
        Error::hipErrorIllegalAddress,
        Error::hipErrorLaunchTimeOut,
        Error::hipErrorContextIsDestroyed,
        Error::hipErrorAssert,
        Error::hipErrorLaunchFailure,
        Error::hipErrorUnknown,
    ];
    let mut i = 0;
    while i < lost.len() {
        let (mut known, mut j) = (false, 0);
        while j < LOST.len() {
            known |= LOST[j] == lost[i] as Status;
            j += 1;
        }
        assert!(known, "an error that ends a device is not listed");
        i += 1;
    }
};
