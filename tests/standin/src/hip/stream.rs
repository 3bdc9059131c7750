//! Streams and events.
#![allow(non_snake_case, reason = "names of C")]

use super::memory::forward;
use super::{driver, remember};
use crate::driver::exports::*;
use crate::driver::{Handle, Status};
use std::ffi::{c_float, c_int, c_uint, c_void};

type HostFunction = Option<unsafe extern "C" fn(*mut c_void)>;

forward! {
    hipStreamCreate(stream: *mut Handle) = cuStreamCreate(stream, 0);
    hipStreamCreateWithFlags(stream: *mut Handle, flags: c_uint) = cuStreamCreate(stream, flags);
    hipStreamCreateWithPriority(stream: *mut Handle, flags: c_uint, priority: c_int) = cuStreamCreateWithPriority(stream, flags, priority);
    hipStreamDestroy(stream: Handle) = cuStreamDestroy_v2(stream);
    hipStreamSynchronize(stream: Handle) = cuStreamSynchronize(stream);
    hipStreamQuery(stream: Handle) = cuStreamQuery(stream);
    hipStreamWaitEvent(stream: Handle, event: Handle, flags: c_uint) = cuStreamWaitEvent(stream, event, flags);
    hipLaunchHostFunc(stream: Handle, function: HostFunction, data: *mut c_void) = cuLaunchHostFunc(stream, function, data);
    hipEventCreate(event: *mut Handle) = cuEventCreate(event, 0);
    hipEventCreateWithFlags(event: *mut Handle, flags: c_uint) = cuEventCreate(event, flags);
    hipEventDestroy(event: Handle) = cuEventDestroy_v2(event);
    hipEventRecord(event: Handle, stream: Handle) = cuEventRecord(event, stream);
    hipEventSynchronize(event: Handle) = cuEventSynchronize(event);
    hipEventQuery(event: Handle) = cuEventQuery(event);
    hipEventElapsedTime(milliseconds: *mut c_float, start: Handle, end: Handle) = cuEventElapsedTime(milliseconds, start, end);
}
