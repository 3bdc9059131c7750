//! Devices, errors, the properties by which a host chooses.
#![allow(non_snake_case, reason = "names of C")]

use super::{LAST, architecture, hip, lanes_of, release};
use crate::driver::{Code, Handle, Kind, Status, described, put};
use crate::machine::Settings;
use std::ffi::{c_char, c_int, c_uint};

#[unsafe(no_mangle)]
extern "C" fn hipInit(_flags: c_uint) -> Status {
    hip(Kind::Query, |_| Ok(()))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn hipDriverGetVersion(version: *mut c_int) -> Status {
    // SAFETY: the caller's pointer, as the manual demands.
    hip(Kind::Query, |_| unsafe { put(version, release()) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn hipRuntimeGetVersion(version: *mut c_int) -> Status {
    // SAFETY: the same under another name.
    unsafe { hipDriverGetVersion(version) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn hipGetDeviceCount(count: *mut c_int) -> Status {
    // SAFETY: the caller's pointer, as the manual demands.
    hip(Kind::Query, |_| unsafe { put(count, 1) })
}

#[unsafe(no_mangle)]
extern "C" fn hipSetDevice(device: c_int) -> Status {
    hip(Kind::Query, |_| if device == 0 { Ok(()) } else { Err(Code::InvalidDevice) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn hipGetDevice(device: *mut c_int) -> Status {
    // SAFETY: the caller's pointer, as the manual demands.
    hip(Kind::Query, |_| unsafe { put(device, 0) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn hipDeviceGet(device: *mut c_int, ordinal: c_int) -> Status {
    // SAFETY: the caller's pointer, as the manual demands.
    hip(Kind::Query, |_| if ordinal == 0 { unsafe { put(device, 0) } } else { Err(Code::InvalidDevice) })
}

/// Text with its zero into a field of `length` bytes.
///
/// # Safety
///
/// `length` bytes may be written at `to`.
unsafe fn put_text(to: *mut c_char, length: usize, text: &str) -> Result<(), Code> {
    if to.is_null() || length == 0 {
        return Err(Code::InvalidValue);
    }
    for (i, byte) in text.bytes().take(length - 1).chain([0]).enumerate() {
        // SAFETY: at most `length` bytes.
        unsafe { to.add(i).write(byte as c_char) };
    }
    Ok(())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn hipDeviceGetName(name: *mut c_char, length: c_int, _device: c_int) -> Status {
    let length = usize::try_from(length).unwrap_or_default();
    // SAFETY: the caller's memory, as the manual demands.
    hip(Kind::Query, |_| unsafe { put_text(name, length, "Hadal stand-in") })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn hipDeviceTotalMem(bytes: *mut usize, _device: c_int) -> Status {
    // SAFETY: the caller's pointer, as the manual demands.
    hip(Kind::Query, |driver| unsafe { put(bytes, driver.machine.settings.memory) })
}

/// `hipDeviceAttribute_t`, with its numbers since ROCm 5.
fn attribute(settings: &Settings, attribute: c_uint) -> c_int {
    match attribute {
        2 | 8 | 10 => 1,
        5 | 60 => 1_000_000,
        19 => 4 << 20,
        23 => 9,
        25 => 32,
        26 | 27 | 28 | 56 => 1024,
        29 => i32::MAX,
        30 | 31 => 65_535,
        57 => 2048,
        59 => 128,
        63 => settings.multiprocessors as c_int,
        71 => 65_536,
        74 | 10_002 => 64 << 10,
        83 => i32::MAX,
        87 => lanes_of(&architecture()) as c_int,
        _ => 0,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn hipDeviceGetAttribute(value: *mut c_int, which: c_uint, _device: c_int) -> Status {
    // SAFETY: the caller's pointer, as the manual demands.
    hip(Kind::Query, |driver| unsafe { put(value, attribute(&driver.machine.settings, which)) })
}

/// Offsets of the fields of one form of `hipDeviceProp_t`.
struct Properties {
    size: usize,
    total: usize,
    shared: usize,
    registers: usize,
    lanes: usize,
    threads: usize,
    block: usize,
    grid: usize,
    major: usize,
    multiprocessors: usize,
    name: usize,
}

/// ROCm 5.
const R0000: Properties = Properties {
    size: 792,
    total: 256,
    shared: 264,
    registers: 272,
    lanes: 276,
    threads: 280,
    block: 284,
    grid: 296,
    major: 328,
    multiprocessors: 336,
    name: 396,
};

/// ROCm 6 and 7.
const R0600: Properties = Properties {
    size: 1472,
    total: 288,
    shared: 296,
    registers: 304,
    lanes: 308,
    threads: 320,
    block: 324,
    grid: 336,
    major: 360,
    multiprocessors: 388,
    name: 1160,
};

/// # Safety
///
/// `to` has the size of that form.
unsafe fn properties(to: *mut u8, form: &Properties, settings: &Settings) -> Result<(), Code> {
    if to.is_null() {
        return Err(Code::InvalidValue);
    }
    let number = |at: usize, value: c_int| {
        // SAFETY: a field inside the structure.
        unsafe { to.add(at).cast::<c_int>().write_unaligned(value) };
    };
    let size = |at: usize, value: usize| {
        // SAFETY: a field inside the structure.
        unsafe { to.add(at).cast::<usize>().write_unaligned(value) };
    };
    let architecture = architecture();
    // SAFETY: the caller says that so many bytes are there; both names have 256 of them.
    unsafe {
        to.write_bytes(0, form.size);
        put_text(to.cast::<c_char>(), 256, "Hadal stand-in")?;
        put_text(to.add(form.name).cast::<c_char>(), 256, &architecture)?;
    }
    size(form.total, settings.memory);
    size(form.shared, 64 << 10);
    number(form.registers, 65_536);
    number(form.lanes, lanes_of(&architecture) as c_int);
    number(form.threads, 1024);
    (0..3).for_each(|axis| number(form.block + 4 * axis, 1024));
    (0..3).for_each(|axis| number(form.grid + 4 * axis, if axis == 0 { i32::MAX } else { 65_535 }));
    number(form.major, 9);
    number(form.multiprocessors, settings.multiprocessors as c_int);
    Ok(())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn hipGetDeviceProperties(to: *mut u8, _device: c_int) -> Status {
    // SAFETY: the caller's structure, in its form of ROCm 5.
    hip(Kind::Query, |driver| unsafe { properties(to, &R0000, &driver.machine.settings) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn hipGetDevicePropertiesR0600(to: *mut u8, _device: c_int) -> Status {
    // SAFETY: the caller's structure, in its form of ROCm 6.
    hip(Kind::Query, |driver| unsafe { properties(to, &R0600, &driver.machine.settings) })
}

#[unsafe(no_mangle)]
extern "C" fn hipDeviceSynchronize() -> Status {
    hip(Kind::Wait, |driver| driver.context().map(drop))
}

#[unsafe(no_mangle)]
extern "C" fn hipDeviceReset() -> Status {
    hip(Kind::Release, |driver| {
        driver.retained = 0;
        match driver.primary.take() {
            Some(primary) => driver.destroy_context(primary as Handle),
            None => Ok(()),
        }
    })
}

#[unsafe(no_mangle)]
extern "C" fn hipGetErrorName(code: Status) -> *const c_char {
    hip_text(code, 0)
}

#[unsafe(no_mangle)]
extern "C" fn hipGetErrorString(code: Status) -> *const c_char {
    hip_text(code, 1)
}

/// Names as CUDA has them: what a host prints is for a person.
fn hip_text(code: Status, which: usize) -> *const c_char {
    let (name, text) = described(code).unwrap_or(("hipErrorUnknown\0", "unknown error\0"));
    [name, text][which].as_ptr().cast::<c_char>()
}

#[unsafe(no_mangle)]
extern "C" fn hipGetLastError() -> Status {
    LAST.replace(0)
}

#[unsafe(no_mangle)]
extern "C" fn hipPeekAtLastError() -> Status {
    LAST.get()
}
