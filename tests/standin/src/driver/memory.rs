//! Memory of the device, and page-locked memory of the host.
#![allow(non_snake_case, reason = "names of C")]

use super::codes::Code;
use super::state::Driver;
use super::{DevicePointer, Handle, Kind, Status, call, put};
use crate::report::{Fault, FindingKind};
use std::ffi::{c_uchar, c_uint, c_ushort, c_void};

pub(crate) fn allocate(driver: &mut Driver, bytes: usize, label: &str) -> Result<DevicePointer, Code> {
    driver.context()?;
    if bytes == 0 {
        return Err(Code::InvalidValue);
    }
    driver.machine.memory.allocate(bytes, label).ok_or(Code::OutOfMemory)
}

pub(crate) fn free(driver: &mut Driver, address: DevicePointer) -> Result<(), Code> {
    if address == 0 {
        return Ok(());
    }
    driver.machine.memory.free(address).map_err(|fault| host(driver, "a free", &fault, Code::InvalidValue))
}

/// A fault that the host made itself.
fn host(driver: &mut Driver, what: &str, fault: &Fault, code: Code) -> Code {
    driver.host_fault(&format!("{} in {what} of the host: {}", fault.kind.name(), fault.message), code)
}

fn to_device(driver: &mut Driver, to: DevicePointer, from: &[u8]) -> Result<(), Code> {
    driver.context()?;
    if driver.is_broken() || from.is_empty() {
        return Ok(());
    }
    let written = driver.machine.memory.write(to, from);
    written.map_err(|fault| host(driver, "a copy to the device", &fault, Code::InvalidValue))
}

fn to_host(driver: &mut Driver, to: &mut [u8], from: DevicePointer) -> Result<(), Code> {
    driver.context()?;
    if driver.is_broken() || to.is_empty() {
        return Ok(());
    }
    match driver.machine.memory.read(from, to.len()) {
        Ok(bytes) => to.copy_from_slice(bytes),
        Err(fault) => return Err(host(driver, "a copy to the host", &fault, Code::InvalidValue)),
    }
    let missing = driver.machine.memory.first_missing(from, to.len());
    if let Some((byte, what)) = missing.filter(|_| driver.machine.settings.undefined) {
        // The copy is done, as on a device; that it carries garbage is told.
        let kind = FindingKind::Uninitialised.name();
        driver.tell(&format!("{kind} in a copy to the host: byte {byte} of {what} was never written"));
    }
    Ok(())
}

fn on_device(driver: &mut Driver, to: DevicePointer, from: DevicePointer, bytes: usize) -> Result<(), Code> {
    driver.context()?;
    if driver.is_broken() || bytes == 0 {
        return Ok(());
    }
    let copied = driver.machine.memory.copy(to, from, bytes);
    copied.map_err(|fault| host(driver, "a copy on the device", &fault, Code::InvalidValue))
}

fn fill(driver: &mut Driver, to: DevicePointer, pattern: &[u8], count: usize) -> Result<(), Code> {
    if !to.is_multiple_of(pattern.len() as u64) {
        return Err(Code::InvalidValue);
    }
    to_device(driver, to, &pattern.repeat(count))
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuMemAlloc_v2(address: *mut DevicePointer, bytes: usize) -> Status {
    call(Kind::Queue, |driver| {
        let at = allocate(driver, bytes, "cuMemAlloc")?;
        // SAFETY: the caller's pointer, as the manual demands.
        unsafe { put(address, at) }
    })
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuMemFree_v2(address: DevicePointer) -> Status {
    call(Kind::Release, |driver| free(driver, address))
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuMemGetInfo_v2(available: *mut usize, total: *mut usize) -> Status {
    call(Kind::Queue, |driver| {
        driver.context()?;
        // SAFETY: the caller's pointers, as the manual demands.
        unsafe {
            put(available, driver.machine.memory.available())?;
            put(total, driver.machine.settings.memory)
        }
    })
}

/// # Safety
///
/// `bytes` may be read at `from`.
unsafe fn source<'a>(from: *const c_void, bytes: usize) -> Result<&'a [u8], Code> {
    match (bytes, from.is_null()) {
        (0, _) => Ok(&[]),
        (_, true) => Err(Code::InvalidValue),
        // SAFETY: not null, and the caller says that it may be read.
        (_, false) => Ok(unsafe { std::slice::from_raw_parts(from.cast::<u8>(), bytes) }),
    }
}

/// # Safety
///
/// `bytes` may be written at `to`, and nobody else does meanwhile.
unsafe fn target<'a>(to: *mut c_void, bytes: usize) -> Result<&'a mut [u8], Code> {
    match (bytes, to.is_null()) {
        (0, _) => Ok(&mut []),
        (_, true) => Err(Code::InvalidValue),
        // SAFETY: not null, and the caller says that it may be written.
        (_, false) => Ok(unsafe { std::slice::from_raw_parts_mut(to.cast::<u8>(), bytes) }),
    }
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuMemcpyHtoD_v2(
    to: DevicePointer,
    from: *const c_void,
    bytes: usize,
) -> Status {
    // SAFETY: the caller's memory, as the manual demands.
    call(Kind::Wait, |driver| to_device(driver, to, unsafe { source(from, bytes) }?))
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuMemcpyHtoDAsync_v2(
    to: DevicePointer,
    from: *const c_void,
    bytes: usize,
    stream: Handle,
) -> Status {
    call(Kind::Queue, |driver| {
        driver.stream(stream)?;
        // SAFETY: the caller's memory, as the manual demands.
        to_device(driver, to, unsafe { source(from, bytes) }?)
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuMemcpyDtoH_v2(
    to: *mut c_void,
    from: DevicePointer,
    bytes: usize,
) -> Status {
    // SAFETY: the caller's memory, as the manual demands.
    call(Kind::Wait, |driver| to_host(driver, unsafe { target(to, bytes) }?, from))
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuMemcpyDtoHAsync_v2(
    to: *mut c_void,
    from: DevicePointer,
    bytes: usize,
    stream: Handle,
) -> Status {
    call(Kind::Queue, |driver| {
        driver.stream(stream)?;
        // SAFETY: the caller's memory, as the manual demands.
        to_host(driver, unsafe { target(to, bytes) }?, from)
    })
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuMemcpyDtoD_v2(to: DevicePointer, from: DevicePointer, bytes: usize) -> Status {
    call(Kind::Wait, |driver| on_device(driver, to, from, bytes))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuMemcpyDtoDAsync_v2(
    to: DevicePointer,
    from: DevicePointer,
    bytes: usize,
    stream: Handle,
) -> Status {
    call(Kind::Queue, |driver| {
        driver.stream(stream)?;
        on_device(driver, to, from, bytes)
    })
}

macro_rules! memset {
    ($now:ident, $queued:ident, $of:ty) => {
        #[unsafe(no_mangle)]
        pub(crate) extern "C" fn $now(to: DevicePointer, value: $of, count: usize) -> Status {
            call(Kind::Queue, |driver| fill(driver, to, &value.to_le_bytes(), count))
        }

        #[unsafe(no_mangle)]
        pub(crate) extern "C" fn $queued(
            to: DevicePointer,
            value: $of,
            count: usize,
            stream: Handle,
        ) -> Status {
            call(Kind::Queue, |driver| {
                driver.stream(stream)?;
                fill(driver, to, &value.to_le_bytes(), count)
            })
        }
    };
}

memset!(cuMemsetD8_v2, cuMemsetD8Async, c_uchar);
memset!(cuMemsetD16_v2, cuMemsetD16Async, c_ushort);
memset!(cuMemsetD32_v2, cuMemsetD32Async, c_uint);

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuMemHostAlloc(
    address: *mut *mut c_void,
    bytes: usize,
    _flags: c_uint,
) -> Status {
    call(Kind::Queue, |driver| {
        driver.context()?;
        let mut memory = vec![0u8; bytes.max(1)].into_boxed_slice();
        let at = memory.as_mut_ptr();
        driver.pinned.insert(at as usize, memory);
        // SAFETY: the caller's pointer, as the manual demands.
        unsafe { put(address, at.cast::<c_void>()) }
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuMemAllocHost_v2(address: *mut *mut c_void, bytes: usize) -> Status {
    // SAFETY: the same without flags.
    unsafe { cuMemHostAlloc(address, bytes, 0) }
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuMemFreeHost(address: *mut c_void) -> Status {
    call(Kind::Release, |driver| {
        driver.pinned.remove(&(address as usize)).map(drop).ok_or(Code::InvalidValue)
    })
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuMemHostRegister_v2(
    _address: *mut c_void,
    _bytes: usize,
    _flags: c_uint,
) -> Status {
    call(Kind::Queue, |driver| driver.context().map(drop))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuMemHostUnregister(_address: *mut c_void) -> Status {
    call(Kind::Release, |driver| driver.context().map(drop))
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuMemGetAddressRange_v2(
    base: *mut DevicePointer,
    size: *mut usize,
    address: DevicePointer,
) -> Status {
    call(Kind::Queue, |driver| {
        let (index, _) = driver.machine.memory.find(address, 1, usize::MAX).map_err(|_| Code::NotFound)?;
        let found = driver.machine.memory.at(index);
        // SAFETY: the caller's pointers, each of which may be null.
        unsafe {
            if !base.is_null() {
                put(base, found.base)?;
            }
            if size.is_null() { Ok(()) } else { put(size, found.size) }
        }
    })
}
