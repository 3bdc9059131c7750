//! Initialisation and devices.
#![allow(non_snake_case, reason = "names of C")]

use super::codes::Code;
use super::{Kind, Status, attributes, call, put};
use std::ffi::{c_char, c_int, c_uint};

fn check(device: c_int) -> Result<(), Code> {
    if device == 0 { Ok(()) } else { Err(Code::InvalidDevice) }
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuInit(flags: c_uint) -> Status {
    call(Kind::Free, |driver| {
        driver.initialised = true;
        if flags == 0 { Ok(()) } else { Err(Code::InvalidValue) }
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuDriverGetVersion(version: *mut c_int) -> Status {
    // SAFETY: the caller's pointer, as the manual demands.
    call(Kind::Free, |_| unsafe { put(version, 12_080) })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuDeviceGetCount(count: *mut c_int) -> Status {
    // SAFETY: the caller's pointer, as the manual demands.
    call(Kind::Query, |_| unsafe { put(count, 1) })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuDeviceGet(device: *mut c_int, ordinal: c_int) -> Status {
    call(Kind::Query, |_| {
        check(ordinal)?;
        // SAFETY: the caller's pointer, as the manual demands.
        unsafe { put(device, 0) }
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuDeviceGetName(name: *mut c_char, length: c_int, device: c_int) -> Status {
    call(Kind::Query, |driver| {
        check(device)?;
        let (major, minor) = driver.machine.settings.architecture;
        let text = format!("Hadal stand-in (sm_{major}{minor})");
        let room =
            usize::try_from(length).ok().filter(|&n| n > 0 && !name.is_null()).ok_or(Code::InvalidValue)?;
        for (i, byte) in text.bytes().take(room - 1).chain([0]).enumerate() {
            // SAFETY: at most `length` bytes are written, which the caller has there.
            unsafe { name.add(i).write(byte as c_char) };
        }
        Ok(())
    })
}

/// `CUuuid`.
#[repr(C)]
pub(crate) struct Uuid([u8; 16]);

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuDeviceGetUuid(uuid: *mut Uuid, device: c_int) -> Status {
    call(Kind::Query, |_| {
        check(device)?;
        // SAFETY: the caller's pointer, as the manual demands.
        unsafe { put(uuid, Uuid(*b"hadal-stand-in-0")) }
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuDeviceGetUuid_v2(uuid: *mut Uuid, device: c_int) -> Status {
    // SAFETY: the same function under another name.
    unsafe { cuDeviceGetUuid(uuid, device) }
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuDeviceTotalMem_v2(bytes: *mut usize, device: c_int) -> Status {
    call(Kind::Query, |driver| {
        check(device)?;
        // SAFETY: the caller's pointer, as the manual demands.
        unsafe { put(bytes, driver.machine.settings.memory) }
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuDeviceGetAttribute(
    value: *mut c_int,
    attribute: c_uint,
    device: c_int,
) -> Status {
    call(Kind::Query, |driver| {
        check(device)?;
        let found = attributes::device(&driver.machine.settings, attribute)?;
        // SAFETY: the caller's pointer, as the manual demands.
        unsafe { put(value, found) }
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuDeviceCanAccessPeer(
    can: *mut c_int,
    _device: c_int,
    _peer: c_int,
) -> Status {
    // SAFETY: the caller's pointer, as the manual demands.
    call(Kind::Query, |_| unsafe { put(can, 0) })
}
