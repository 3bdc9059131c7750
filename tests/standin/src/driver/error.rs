//! Names of codes. These calls are not counted and never fail by order, so that a failure can be printed.
#![allow(non_snake_case, reason = "names of C")]

use super::Status;
use super::codes::{Code, described};
use std::ffi::c_char;

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuGetErrorName(code: Status, text: *mut *const c_char) -> Status {
    // SAFETY: the caller's pointer, as the manual demands.
    unsafe { answer(text, described(code).map(|(name, _)| name)) }
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuGetErrorString(code: Status, text: *mut *const c_char) -> Status {
    // SAFETY: the caller's pointer, as the manual demands.
    unsafe { answer(text, described(code).map(|(_, description)| description)) }
}

/// # Safety
///
/// `to` is null or may be written.
unsafe fn answer(to: *mut *const c_char, found: Option<&'static str>) -> Status {
    let pointer = found.map_or(std::ptr::null(), |text| text.as_ptr().cast::<c_char>());
    // SAFETY: as the caller says.
    match (unsafe { super::put(to, pointer) }, found) {
        (Ok(()), Some(_)) => 0,
        _ => Code::InvalidValue as Status,
    }
}
