//! Streams and events.
#![allow(non_snake_case, reason = "names of C")]

use super::codes::Code;
use super::state::{Driver, Object};
use super::{Handle, Kind, Status, call, put};
use std::ffi::{c_float, c_int, c_uint, c_void};
use std::time::Instant;

unsafe fn create(
    driver: &mut Driver,
    stream: *mut Handle,
    flags: c_uint,
    priority: c_int,
) -> Result<(), Code> {
    driver.context()?;
    let new = driver.add(Object::Stream { priority, flags });
    // SAFETY: the caller's pointer, as the manual demands.
    unsafe { put(stream, new) }
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuStreamCreate(stream: *mut Handle, flags: c_uint) -> Status {
    // SAFETY: the caller's pointer, as the manual demands.
    call(Kind::Queue, |driver| unsafe { create(driver, stream, flags, 0) })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuStreamCreateWithPriority(
    stream: *mut Handle,
    flags: c_uint,
    priority: c_int,
) -> Status {
    // SAFETY: the caller's pointer, as the manual demands.
    call(Kind::Queue, |driver| unsafe { create(driver, stream, flags, priority) })
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuStreamDestroy_v2(stream: Handle) -> Status {
    call(Kind::Release, |driver| match driver.object(stream)? {
        Object::Stream { .. } => driver.remove(stream).map(drop),
        _ => Err(Code::InvalidHandle),
    })
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuStreamSynchronize(stream: Handle) -> Status {
    call(Kind::Wait, |driver| driver.stream(stream))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuStreamQuery(stream: Handle) -> Status {
    call(Kind::Wait, |driver| driver.stream(stream))
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuStreamGetPriority(stream: Handle, value: *mut c_int) -> Status {
    call(Kind::Query, |driver| {
        let found = match driver.object(stream) {
            Ok(Object::Stream { priority, .. }) => *priority,
            _ => driver.stream(stream).map(|()| 0)?,
        };
        // SAFETY: the caller's pointer, as the manual demands.
        unsafe { put(value, found) }
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuStreamGetFlags(stream: Handle, value: *mut c_uint) -> Status {
    call(Kind::Query, |driver| {
        let found = match driver.object(stream) {
            Ok(Object::Stream { flags, .. }) => *flags,
            _ => driver.stream(stream).map(|()| 0)?,
        };
        // SAFETY: the caller's pointer, as the manual demands.
        unsafe { put(value, found) }
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuStreamGetCtx(stream: Handle, context: *mut Handle) -> Status {
    call(Kind::Query, |driver| {
        driver.stream(stream)?;
        let current = driver.context()?;
        // SAFETY: the caller's pointer, as the manual demands.
        unsafe { put(context, current) }
    })
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuStreamWaitEvent(stream: Handle, event: Handle, _flags: c_uint) -> Status {
    call(Kind::Queue, |driver| {
        driver.stream(stream)?;
        match driver.object(event)? {
            Object::Event { .. } => Ok(()),
            _ => Err(Code::InvalidHandle),
        }
    })
}

/// Not recording is what a stream that captures nothing says.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuStreamIsCapturing(stream: Handle, status: *mut c_uint) -> Status {
    // SAFETY: the caller's pointer, as the manual demands.
    call(Kind::Query, |driver| driver.stream(stream).and_then(|()| unsafe { put(status, 0) }))
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuLaunchHostFunc(
    stream: Handle,
    function: Option<unsafe extern "C" fn(*mut c_void)>,
    data: *mut c_void,
) -> Status {
    let queued = call(Kind::Queue, |driver| driver.stream(stream));
    // The lock is free again, since the function may not call the driver but other threads do.
    if let (0, Some(function)) = (queued, function) {
        // SAFETY: the caller's function and its argument, as the manual demands.
        unsafe { function(data) };
    }
    queued
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuEventCreate(event: *mut Handle, flags: c_uint) -> Status {
    call(Kind::Queue, |driver| {
        driver.context()?;
        let new = driver.add(Object::Event { recorded: None, timed: flags & 2 == 0 });
        // SAFETY: the caller's pointer, as the manual demands.
        unsafe { put(event, new) }
    })
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuEventDestroy_v2(event: Handle) -> Status {
    call(Kind::Release, |driver| match driver.object(event)? {
        Object::Event { .. } => driver.remove(event).map(drop),
        _ => Err(Code::InvalidHandle),
    })
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuEventRecord(event: Handle, stream: Handle) -> Status {
    call(Kind::Queue, |driver| {
        driver.stream(stream)?;
        match driver.object_mut(event)? {
            Object::Event { recorded, .. } => *recorded = Some(Instant::now()),
            _ => return Err(Code::InvalidHandle),
        }
        Ok(())
    })
}

fn is_event(driver: &Driver, event: Handle) -> Result<(), Code> {
    match driver.object(event)? {
        Object::Event { .. } => Ok(()),
        _ => Err(Code::InvalidHandle),
    }
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuEventSynchronize(event: Handle) -> Status {
    call(Kind::Wait, |driver| is_event(driver, event))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuEventQuery(event: Handle) -> Status {
    call(Kind::Wait, |driver| is_event(driver, event))
}

/// Time of this machine, which says nothing of a GPU's.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuEventElapsedTime(
    milliseconds: *mut c_float,
    start: Handle,
    end: Handle,
) -> Status {
    call(Kind::Wait, |driver| {
        let time = |event| match driver.object(event)? {
            Object::Event { recorded: Some(at), timed: true } => Ok(*at),
            _ => Err(Code::InvalidHandle),
        };
        let elapsed = time(end)?.saturating_duration_since(time(start)?).as_secs_f32() * 1e3;
        // SAFETY: the caller's pointer, as the manual demands.
        unsafe { put(milliseconds, elapsed) }
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuEventElapsedTime_v2(
    milliseconds: *mut c_float,
    start: Handle,
    end: Handle,
) -> Status {
    // SAFETY: the same function under another name.
    unsafe { cuEventElapsedTime(milliseconds, start, end) }
}
