//! The CUDA driver's functions, exported under their C names.
//!
//! Everything happens at once, under one lock: streams only say in which order work was given. A kernel's fault is kept as a device keeps it: launches and asynchronous copies
//! after it succeed and do nothing, the next call that waits reports it, and from then on every call does. What was found is told by `hadal_standin_last_report`.
//!
//! Failures can be ordered: `HADAL_STANDIN_FAIL=17:2` or `hadal_standin_fail(17, 2)` makes the 17th call fail with code 2. A call that gives something back does so even then.
//!
//! `unsafe` stands in this folder alone, where pointers of C are read and written; what they must hold is what the driver's manual says of each function.

mod attributes;
mod codes;
mod context;
mod device;
mod error;
mod launch;
mod memory;
mod modules;
mod pool;
mod procedure;
mod standin;
mod state;
mod stream;
mod unsupported;

pub(crate) use codes::{Code, described};
pub(crate) use state::Driver;
use std::ffi::c_void;
use std::sync::{Mutex, MutexGuard, OnceLock};

/// `CUresult`.
pub(crate) type Status = u32;
/// `CUdeviceptr`.
pub(crate) type DevicePointer = u64;
/// `CUcontext`, `CUstream`, `CUmodule` and their like.
pub(crate) type Handle = *mut c_void;

/// What a call is to the fault of an earlier kernel, and to a failure that was ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Needs no initialised driver.
    Free,
    /// Asks; needs no context.
    Query,
    /// Queues work.
    Queue,
    /// Waits for work, and so learns of faults.
    Wait,
    /// Gives something back, whatever happened.
    Release,
}

/// The driver's functions, for HIP's, which are the same under other names.
pub(crate) mod exports {
    pub(crate) use super::launch::*;
    pub(crate) use super::memory::*;
    pub(crate) use super::modules::*;
    pub(crate) use super::pool::*;
    pub(crate) use super::stream::*;
}

pub(crate) fn driver() -> MutexGuard<'static, Driver> {
    static DRIVER: OnceLock<Mutex<Driver>> = OnceLock::new();
    let lock = DRIVER.get_or_init(|| Mutex::new(Driver::new())).lock();
    lock.unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// One call of the driver.
pub(crate) fn call(kind: Kind, body: impl FnOnce(&mut Driver) -> Result<(), Code>) -> Status {
    let mut driver = driver();
    let ordered = driver.count_call();
    if let Some(code) = ordered
        && kind != Kind::Release
    {
        return code;
    }
    if kind != Kind::Free && !driver.initialised {
        return Code::NotInitialized as Status;
    }
    let fault = match kind {
        Kind::Free | Kind::Query => None,
        Kind::Queue => driver.told_fault(),
        Kind::Wait | Kind::Release => driver.learn_fault(),
    };
    if kind == Kind::Release {
        let done = body(&mut driver);
        let own = done.err().map(|code| code as Status);
        return ordered.or(fault.map(|code| code as Status)).or(own).unwrap_or(0);
    }
    if let Some(fault) = fault {
        return fault as Status;
    }
    match body(&mut driver) {
        Ok(()) => 0,
        Err(code) => code as Status,
    }
}

/// Writes a result where C wants it.
///
/// # Safety
///
/// `to` is null or may be written.
pub(crate) unsafe fn put<T>(to: *mut T, value: T) -> Result<(), Code> {
    if to.is_null() {
        return Err(Code::InvalidValue);
    }
    // SAFETY: not null, and the caller says that it may be written.
    unsafe { to.write_unaligned(value) };
    Ok(())
}

/// A string of C.
///
/// # Safety
///
/// `text` is null or ends with a zero.
pub(crate) unsafe fn text<'a>(text: *const std::ffi::c_char) -> Result<&'a str, Code> {
    if text.is_null() {
        return Err(Code::InvalidValue);
    }
    // SAFETY: not null, and the caller says that it ends with a zero.
    unsafe { std::ffi::CStr::from_ptr(text) }.to_str().map_err(|_| Code::InvalidValue)
}
