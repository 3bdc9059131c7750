//! Modules of PTX text, their kernels and variables.
#![allow(non_snake_case, reason = "names of C")]

use super::codes::Code;
use super::state::{Driver, Object};
use super::{DevicePointer, Handle, Kind, Status, attributes, call, put, text};
use std::ffi::{c_char, c_int, c_uint, c_void};

fn load(driver: &mut Driver, source: &str) -> Result<Handle, Code> {
    driver.context()?;
    match driver.machine.load(source) {
        Ok(module) => Ok(driver.add(Object::Module(module))),
        Err(error) => Err(driver.host_fault(&error.to_string(), Code::InvalidPtx)),
    }
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuModuleLoadData(module: *mut Handle, image: *const c_void) -> Status {
    call(Kind::Queue, |driver| {
        // SAFETY: PTX text ends with a zero, as the manual demands; machine code is not text and is refused when it is read.
        let source = unsafe { text(image.cast::<c_char>()) }.map_err(|_| Code::InvalidPtx)?;
        let handle = load(driver, source)?;
        // SAFETY: the caller's pointer, as the manual demands.
        unsafe { put(module, handle) }
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuModuleLoadDataEx(
    module: *mut Handle,
    image: *const c_void,
    _options: c_uint,
    _names: *mut c_uint,
    _values: *mut *mut c_void,
) -> Status {
    // SAFETY: the same but for options of the compiler, which change no result.
    unsafe { cuModuleLoadData(module, image) }
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuModuleLoad(module: *mut Handle, path: *const c_char) -> Status {
    call(Kind::Queue, |driver| {
        // SAFETY: the caller's text, as the manual demands.
        let path = unsafe { text(path) }?;
        let source = std::fs::read_to_string(path).map_err(|_| Code::NotFound)?;
        let handle = load(driver, &source)?;
        // SAFETY: the caller's pointer, as the manual demands.
        unsafe { put(module, handle) }
    })
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuModuleUnload(module: Handle) -> Status {
    call(Kind::Release, |driver| match driver.object(module)? {
        Object::Module(id) => {
            let id = *id;
            driver.machine.unload(id);
            driver.remove(module).map(drop)
        }
        _ => Err(Code::InvalidHandle),
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuModuleGetFunction(
    function: *mut Handle,
    module: Handle,
    name: *const c_char,
) -> Status {
    call(Kind::Queue, |driver| {
        // SAFETY: the caller's text, as the manual demands.
        let name = unsafe { text(name) }?;
        let Object::Module(id) = driver.object(module)? else {
            return Err(Code::InvalidHandle);
        };
        let loaded = driver.machine.modules[id.0].as_ref().ok_or(Code::InvalidHandle)?;
        let kernel = loaded.kernels.get(name).cloned().ok_or(Code::NotFound)?;
        let dynamic_shared = (48usize << 10).saturating_sub(kernel.shared_static);
        let handle = driver.add(Object::Function { kernel, module: module as usize, dynamic_shared });
        // SAFETY: the caller's pointer, as the manual demands.
        unsafe { put(function, handle) }
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuModuleGetGlobal_v2(
    address: *mut DevicePointer,
    bytes: *mut usize,
    module: Handle,
    name: *const c_char,
) -> Status {
    call(Kind::Queue, |driver| {
        // SAFETY: the caller's text, as the manual demands.
        let name = unsafe { text(name) }?;
        let Object::Module(id) = driver.object(module)? else {
            return Err(Code::InvalidHandle);
        };
        let (at, size) = driver.machine.variable(*id, name).ok_or(Code::NotFound)?;
        // SAFETY: the caller's pointers, each of which may be null.
        unsafe {
            if !address.is_null() {
                put(address, at)?;
            }
            if bytes.is_null() { Ok(()) } else { put(bytes, size) }
        }
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuFuncGetAttribute(
    value: *mut c_int,
    attribute: c_uint,
    function: Handle,
) -> Status {
    call(Kind::Query, |driver| {
        let Object::Function { kernel, dynamic_shared, .. } = driver.object(function)? else {
            return Err(Code::InvalidHandle);
        };
        let found = attributes::function(&driver.machine.settings, kernel, *dynamic_shared, attribute)?;
        // SAFETY: the caller's pointer, as the manual demands.
        unsafe { put(value, found) }
    })
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuFuncSetAttribute(function: Handle, attribute: c_uint, value: c_int) -> Status {
    call(Kind::Query, |driver| {
        let most = attributes::shared_optin(&driver.machine.settings);
        let Object::Function { kernel, dynamic_shared, .. } = driver.object_mut(function)? else {
            return Err(Code::InvalidHandle);
        };
        match (attribute, usize::try_from(value)) {
            (8, Ok(bytes)) if bytes + kernel.shared_static <= most => *dynamic_shared = bytes,
            // How the cache is divided changes no result.
            (9, _) => {}
            _ => return Err(Code::InvalidValue),
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn cuFuncSetCacheConfig(function: Handle, _config: c_uint) -> Status {
    call(Kind::Query, |driver| driver.object(function).map(drop))
}
