//! Modules and launches. Code objects are the PTX text that the stand-in's hipRTC hands out.
#![allow(non_snake_case, reason = "names of C")]

use super::memory::forward;
use super::{driver, remember};
use crate::driver::exports::*;
use crate::driver::{DevicePointer, Handle, Status};
use std::ffi::{c_char, c_int, c_uint, c_void};

forward! {
    hipModuleLoadData(module: *mut Handle, image: *const c_void) = cuModuleLoadData(module, image);
    hipModuleLoadDataEx(module: *mut Handle, image: *const c_void, count: c_uint, names: *mut c_uint, values: *mut *mut c_void)
        = cuModuleLoadDataEx(module, image, count, names, values);
    hipModuleUnload(module: Handle) = cuModuleUnload(module);
    hipModuleGetFunction(function: *mut Handle, module: Handle, name: *const c_char) = cuModuleGetFunction(function, module, name);
    hipModuleGetGlobal(address: *mut DevicePointer, bytes: *mut usize, module: Handle, name: *const c_char)
        = cuModuleGetGlobal_v2(address, bytes, module, name);
    hipFuncSetAttribute(function: Handle, attribute: c_uint, value: c_int) = cuFuncSetAttribute(function, attribute, value);
    hipFuncGetAttribute(value: *mut c_int, attribute: c_uint, function: Handle) = cuFuncGetAttribute(value, attribute, function);
    hipModuleLaunchKernel(kernel: Handle, grid_x: c_uint, grid_y: c_uint, grid_z: c_uint, block_x: c_uint, block_y: c_uint, block_z: c_uint,
        shared: c_uint, stream: Handle, params: *mut *mut c_void, extra: *mut *mut c_void)
        = cuLaunchKernel(kernel, grid_x, grid_y, grid_z, block_x, block_y, block_z, shared, stream, params, extra);
    hipModuleOccupancyMaxActiveBlocksPerMultiprocessor(blocks: *mut c_int, kernel: Handle, threads: c_int, shared: usize)
        = cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks, kernel, threads, shared);
}
