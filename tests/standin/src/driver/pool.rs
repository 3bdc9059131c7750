//! Allocation in stream order. Work is done when it is given, so memory is there at once and gone at once.
#![allow(non_snake_case, reason = "names of C")]

use super::codes::Code;
use super::memory::{allocate, free};
use super::state::{Driver, Object};
use super::{DevicePointer, Handle, Kind, Status, call, put};
use std::collections::HashMap;
use std::ffi::{c_int, c_uint, c_void};

fn default_pool(driver: &mut Driver) -> usize {
    match driver.default_pool {
        Some(pool) => pool,
        None => {
            let pool = driver.add(Object::Pool { attributes: HashMap::new(), is_default: true }) as usize;
            driver.default_pool = Some(pool);
            pool
        }
    }
}

fn is_pool(driver: &Driver, pool: Handle) -> Result<(), Code> {
    match driver.object(pool)? {
        Object::Pool { .. } => Ok(()),
        _ => Err(Code::InvalidHandle),
    }
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuMemAllocAsync(
    address: *mut DevicePointer,
    bytes: usize,
    stream: Handle,
) -> Status {
    call(Kind::Queue, |driver| {
        driver.stream(stream)?;
        let at = allocate(driver, bytes, "cuMemAllocAsync")?;
        // SAFETY: the caller's pointer, as the manual demands.
        unsafe { put(address, at) }
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuMemAllocFromPoolAsync(
    address: *mut DevicePointer,
    bytes: usize,
    pool: Handle,
    stream: Handle,
) -> Status {
    call(Kind::Queue, |driver| {
        driver.stream(stream)?;
        is_pool(driver, pool)?;
        let at = allocate(driver, bytes, "cuMemAllocFromPoolAsync")?;
        // SAFETY: the caller's pointer, as the manual demands.
        unsafe { put(address, at) }
    })
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuMemFreeAsync(address: DevicePointer, stream: Handle) -> Status {
    call(Kind::Release, |driver| {
        driver.stream(stream)?;
        free(driver, address)
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuMemPoolCreate(pool: *mut Handle, _properties: *const c_void) -> Status {
    call(Kind::Query, |driver| {
        let new = driver.add(Object::Pool { attributes: HashMap::new(), is_default: false });
        // SAFETY: the caller's pointer, as the manual demands.
        unsafe { put(pool, new) }
    })
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuMemPoolDestroy(pool: Handle) -> Status {
    call(Kind::Release, |driver| match driver.object(pool)? {
        Object::Pool { is_default: false, .. } => driver.remove(pool).map(drop),
        _ => Err(Code::InvalidValue),
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuDeviceGetDefaultMemPool(pool: *mut Handle, _device: c_int) -> Status {
    call(Kind::Query, |driver| {
        let found = default_pool(driver);
        // SAFETY: the caller's pointer, as the manual demands.
        unsafe { put(pool, found as Handle) }
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuDeviceGetMemPool(pool: *mut Handle, _device: c_int) -> Status {
    call(Kind::Query, |driver| {
        let found = driver.current_pool.unwrap_or_else(|| default_pool(driver));
        // SAFETY: the caller's pointer, as the manual demands.
        unsafe { put(pool, found as Handle) }
    })
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuDeviceSetMemPool(_device: c_int, pool: Handle) -> Status {
    call(Kind::Query, |driver| {
        is_pool(driver, pool)?;
        driver.current_pool = Some(pool as usize);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuMemPoolTrimTo(pool: Handle, _keep: usize) -> Status {
    call(Kind::Query, |driver| is_pool(driver, pool))
}

/// The first three attributes are `int`, the others `cuuint64_t`.
fn is_wide(attribute: c_uint) -> bool {
    attribute > 3
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuMemPoolSetAttribute(
    pool: Handle,
    attribute: c_uint,
    value: *mut c_void,
) -> Status {
    call(Kind::Query, |driver| {
        if value.is_null() {
            return Err(Code::InvalidValue);
        }
        // SAFETY: not null, and of the attribute's width as the manual demands.
        let value = unsafe {
            match is_wide(attribute) {
                true => value.cast::<u64>().read_unaligned(),
                false => value.cast::<u32>().read_unaligned().into(),
            }
        };
        match driver.object_mut(pool)? {
            Object::Pool { attributes, .. } => attributes.insert(attribute, value),
            _ => return Err(Code::InvalidHandle),
        };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuMemPoolGetAttribute(
    pool: Handle,
    attribute: c_uint,
    value: *mut c_void,
) -> Status {
    call(Kind::Query, |driver| {
        is_pool(driver, pool)?;
        let used: u64 = driver.machine.memory.live().map(|a| a.size as u64).sum();
        let found = match (attribute, driver.object(pool)?) {
            // What is reserved and what is used, now and at most.
            (5..=8, _) => used,
            (_, Object::Pool { attributes, .. }) => attributes.get(&attribute).copied().unwrap_or_default(),
            _ => 0,
        };
        // SAFETY: the caller's pointer, of the attribute's width as the manual demands.
        unsafe {
            match is_wide(attribute) {
                true => put(value.cast::<u64>(), found),
                false => put(value.cast::<u32>(), found as u32),
            }
        }
    })
}
