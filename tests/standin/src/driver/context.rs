//! Contexts: the device's primary one, and others that share its memory.
#![allow(non_snake_case, reason = "names of C")]

use super::codes::Code;
use super::state::Object;
use super::{Handle, Kind, Status, call, put};
use std::ffi::{c_int, c_uint};

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuDevicePrimaryCtxRetain(context: *mut Handle, device: c_int) -> Status {
    call(Kind::Query, |driver| {
        if device != 0 {
            return Err(Code::InvalidDevice);
        }
        let primary = match driver.primary {
            Some(primary) => primary as Handle,
            None => driver.add(Object::Context),
        };
        driver.primary = Some(primary as usize);
        driver.retained += 1;
        // SAFETY: the caller's pointer, as the manual demands.
        unsafe { put(context, primary) }
    })
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuDevicePrimaryCtxRelease_v2(device: c_int) -> Status {
    call(Kind::Release, |driver| {
        let Some(primary) = driver.primary.filter(|_| device == 0 && driver.retained > 0) else {
            return Err(Code::InvalidContext);
        };
        driver.retained -= 1;
        if driver.retained == 0 {
            driver.primary = None;
            driver.destroy_context(primary as Handle)?;
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuDevicePrimaryCtxReset_v2(device: c_int) -> Status {
    call(Kind::Release, |driver| match driver.primary.take() {
        Some(primary) if device == 0 => {
            driver.retained = 0;
            driver.destroy_context(primary as Handle)
        }
        _ => Ok(()),
    })
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuDevicePrimaryCtxSetFlags_v2(_device: c_int, flags: c_uint) -> Status {
    call(Kind::Query, |driver| {
        driver.flags = flags;
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuDevicePrimaryCtxGetState(
    _device: c_int,
    flags: *mut c_uint,
    active: *mut c_int,
) -> Status {
    call(Kind::Query, |driver| {
        // SAFETY: the caller's pointers, as the manual demands.
        unsafe {
            put(flags, driver.flags)?;
            put(active, driver.primary.is_some().into())
        }
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuCtxCreate_v2(
    context: *mut Handle,
    _flags: c_uint,
    device: c_int,
) -> Status {
    call(Kind::Query, |driver| {
        if device != 0 {
            return Err(Code::InvalidDevice);
        }
        let new = driver.add(Object::Context);
        driver.push_current(new)?;
        // SAFETY: the caller's pointer, as the manual demands.
        unsafe { put(context, new) }
    })
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuCtxDestroy_v2(context: Handle) -> Status {
    call(Kind::Release, |driver| {
        if driver.context() == Ok(context) {
            driver.pop_current()?;
        }
        driver.destroy_context(context)
    })
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuCtxSetCurrent(context: Handle) -> Status {
    call(Kind::Query, |driver| driver.set_current(context))
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuCtxGetCurrent(context: *mut Handle) -> Status {
    call(Kind::Query, |driver| {
        let current = driver.context().unwrap_or(std::ptr::null_mut());
        // SAFETY: the caller's pointer, as the manual demands.
        unsafe { put(context, current) }
    })
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuCtxPushCurrent_v2(context: Handle) -> Status {
    call(Kind::Query, |driver| driver.push_current(context))
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuCtxPopCurrent_v2(context: *mut Handle) -> Status {
    call(Kind::Query, |driver| {
        let popped = driver.pop_current()?;
        // SAFETY: the caller's pointer, which may be null.
        if context.is_null() { Ok(()) } else { unsafe { put(context, popped) } }
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuCtxGetDevice(device: *mut c_int) -> Status {
    call(Kind::Query, |driver| {
        driver.context()?;
        // SAFETY: the caller's pointer, as the manual demands.
        unsafe { put(device, 0) }
    })
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuCtxSynchronize() -> Status {
    call(Kind::Wait, |driver| driver.context().map(drop))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuCtxSetFlags(_flags: c_uint) -> Status {
    call(Kind::Query, |driver| driver.context().map(drop))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuCtxSetLimit(_limit: c_uint, _value: usize) -> Status {
    call(Kind::Query, |driver| driver.context().map(drop))
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuCtxGetLimit(value: *mut usize, _limit: c_uint) -> Status {
    // SAFETY: the caller's pointer, as the manual demands.
    call(Kind::Query, |driver| driver.context().and_then(|_| unsafe { put(value, 1024) }))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuCtxSetCacheConfig(_config: c_uint) -> Status {
    call(Kind::Query, |driver| driver.context().map(drop))
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuCtxGetCacheConfig(config: *mut c_uint) -> Status {
    // SAFETY: the caller's pointer, as the manual demands.
    call(Kind::Query, |driver| driver.context().and_then(|_| unsafe { put(config, 0) }))
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuCtxGetStreamPriorityRange(
    least: *mut c_int,
    greatest: *mut c_int,
) -> Status {
    call(Kind::Query, |driver| {
        driver.context()?;
        for (to, value) in [(least, 0), (greatest, -5)] {
            if !to.is_null() {
                // SAFETY: the caller's pointer, as the manual demands.
                unsafe { put(to, value) }?;
            }
        }
        Ok(())
    })
}
