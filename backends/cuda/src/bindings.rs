//! Proof, while compiling, that the table has the signatures and numbers of cudarc's bindings, which were made from CUDA's headers.

use crate::device;
use crate::table::{
    DevicePointer, Handle, OUT_OF_MEMORY, Ordinal, Status, driver_functions, nvrtc_functions,
};
use cudarc::driver::sys as driver;
use cudarc::nvrtc::sys as nvrtc;
use hadal_native::{DISABLE_TIMING, NON_BLOCKING, any, signatures};
use std::ffi::{c_char, c_float, c_int, c_uchar, c_uint, c_void};
use std::mem::size_of;

signatures!();

// Enumerations, which C passes as numbers of the same width.
impl PassesFor<Status> for driver::CUresult {}
impl PassesFor<c_uint> for driver::CUdevice_attribute_enum {}
impl PassesFor<Status> for nvrtc::nvrtcResult {}
const _: () = assert!(size_of::<driver::CUresult>() == size_of::<Status>());
const _: () = assert!(size_of::<driver::CUdevice_attribute_enum>() == size_of::<c_uint>());
const _: () = assert!(size_of::<nvrtc::nvrtcResult>() == size_of::<Status>());

// What handles point to is known to the libraries alone.
impl PassesFor<c_void> for driver::CUctx_st {}
impl PassesFor<c_void> for driver::CUstream_st {}
impl PassesFor<c_void> for driver::CUevent_st {}
impl PassesFor<c_void> for driver::CUmod_st {}
impl PassesFor<c_void> for driver::CUfunc_st {}
impl PassesFor<c_void> for nvrtc::_nvrtcProgram {}

macro_rules! proofs {
    ($theirs:ident; $($name:ident($($ours:ty),*) -> $result:ty;)*) => {
        const _: () = {
            $(proves::<_, unsafe extern "C" fn($($ours),*) -> $result>(
                $theirs::$name as unsafe fn($(any!($ours)),*) -> _,
            );)*
        };
    };
}

macro_rules! driver_proofs {
    ($(#[$about:meta])* $table:ident { $($functions:tt)* }) => { proofs! { driver; $($functions)* } };
}

macro_rules! nvrtc_proofs {
    ($(#[$about:meta])* $table:ident { $($functions:tt)* }) => { proofs! { nvrtc; $($functions)* } };
}

driver_functions!(driver_proofs);
nvrtc_functions!(nvrtc_proofs);

const _: () = {
    use driver::CUdevice_attribute_enum as Attribute;
    assert!(device::INTEGRATED == Attribute::CU_DEVICE_ATTRIBUTE_INTEGRATED as c_uint);
    assert!(device::MAJOR == Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR as c_uint);
    assert!(device::MINOR == Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR as c_uint);
    assert!(device::MAX_THREADS == Attribute::CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK as c_uint);
    assert!(device::MAX_SHARED == Attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK as c_uint);
    assert!(device::POOLS == Attribute::CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED as c_uint);
    assert!(NON_BLOCKING == driver::CUstream_flags_enum::CU_STREAM_NON_BLOCKING as c_uint);
    assert!(DISABLE_TIMING == driver::CUevent_flags_enum::CU_EVENT_DISABLE_TIMING as c_uint);
    assert!(OUT_OF_MEMORY == driver::CUresult::CUDA_ERROR_OUT_OF_MEMORY as Status);
};
