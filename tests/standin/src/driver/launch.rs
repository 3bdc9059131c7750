//! Launches and occupancy.
#![allow(non_snake_case, reason = "names of C")]

use super::codes::Code;
use super::state::{Driver, Object};
use super::{Handle, Kind, Status, attributes, call, put};
use crate::compile::code::Code as Kernel;
use crate::machine::blocks_per_multiprocessor;
use std::ffi::{c_int, c_uint, c_void};
use std::sync::Arc;

fn function(driver: &Driver, handle: Handle) -> Result<(Arc<Kernel>, usize), Code> {
    match driver.object(handle)? {
        Object::Function { kernel, module, dynamic_shared } => {
            // A kernel ends with its module.
            driver.object(*module as Handle)?;
            Ok((kernel.clone(), *dynamic_shared))
        }
        _ => Err(Code::InvalidHandle),
    }
}

/// The parameters' bytes, from an array of pointers or from a buffer.
///
/// # Safety
///
/// `given` and `extra` are as the manual of `cuLaunchKernel` demands.
unsafe fn parameters(
    kernel: &Kernel,
    given: *mut *mut c_void,
    extra: *mut *mut c_void,
) -> Result<Vec<u8>, Code> {
    let mut bytes = vec![0u8; kernel.params_size];
    if !given.is_null() {
        for (i, &(at, size)) in kernel.params.iter().enumerate() {
            // SAFETY: one pointer a parameter, each to as many bytes as the parameter has.
            unsafe {
                let from = given.add(i).read().cast::<u8>();
                if from.is_null() {
                    return Err(Code::InvalidValue);
                }
                bytes[at..at + size].copy_from_slice(std::slice::from_raw_parts(from, size));
            }
        }
        return Ok(bytes);
    }
    if extra.is_null() {
        return if kernel.params.is_empty() { Ok(bytes) } else { Err(Code::InvalidValue) };
    }
    let (mut buffer, mut size) = (std::ptr::null::<u8>(), 0usize);
    let mut i = 0;
    loop {
        // SAFETY: pairs of a name and a pointer, ended by a zero.
        let (name, value) = unsafe { (extra.add(i).read() as usize, extra.add(i + 1)) };
        match name {
            // The end is 3 in HIP.
            0 | 3 => break,
            // SAFETY: the buffer's address, and the address of its size.
            1 => buffer = unsafe { value.read() }.cast::<u8>(),
            // SAFETY: as above.
            2 => size = unsafe { value.read().cast::<usize>().read() },
            _ => return Err(Code::InvalidValue),
        }
        i += 2;
    }
    if buffer.is_null() || size < bytes.len() {
        return Err(Code::InvalidValue);
    }
    // SAFETY: the caller says that the buffer has `size` bytes.
    bytes.copy_from_slice(unsafe { std::slice::from_raw_parts(buffer, kernel.params_size) });
    Ok(bytes)
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuLaunchKernel(
    kernel: Handle,
    grid_x: c_uint,
    grid_y: c_uint,
    grid_z: c_uint,
    block_x: c_uint,
    block_y: c_uint,
    block_z: c_uint,
    shared: c_uint,
    stream: Handle,
    params: *mut *mut c_void,
    extra: *mut *mut c_void,
) -> Status {
    call(Kind::Queue, |driver| {
        driver.stream(stream)?;
        let (kernel, dynamic_shared) = function(driver, kernel)?;
        // SAFETY: the caller's arrays, as the manual demands.
        let bytes = unsafe { parameters(&kernel, params, extra) }?;
        if shared as usize > dynamic_shared {
            let text = format!(
                "launch of `{}`: {shared} bytes of dynamic shared memory, {dynamic_shared} are allowed (cuFuncSetAttribute)",
                kernel.name
            );
            return Err(driver.host_fault(&text, Code::InvalidValue));
        }
        if driver.is_broken() {
            return Ok(());
        }
        let (grid, block) = ([grid_x, grid_y, grid_z], [block_x, block_y, block_z]);
        let done = driver.machine.run(&kernel, grid, block, shared as usize, &bytes);
        print!("{}", driver.machine.printed());
        match done {
            Ok(()) => Ok(()),
            Err(error) => match driver.launch_failed(&error) {
                Code::InvalidValue => Err(Code::InvalidValue),
                // Told by the next call that waits.
                _ => Ok(()),
            },
        }
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuLaunchCooperativeKernel(
    kernel: Handle,
    grid_x: c_uint,
    grid_y: c_uint,
    grid_z: c_uint,
    block_x: c_uint,
    block_y: c_uint,
    block_z: c_uint,
    shared: c_uint,
    stream: Handle,
    params: *mut *mut c_void,
) -> Status {
    let fits = call(Kind::Query, |driver| {
        let (found, _) = function(driver, kernel)?;
        let threads = block_x * block_y * block_z;
        let most = blocks_per_multiprocessor(&found, threads, shared as usize)
            * driver.machine.settings.multiprocessors;
        if grid_x * grid_y * grid_z > most { Err(Code::CooperativeLaunchTooLarge) } else { Ok(()) }
    });
    if fits != 0 {
        return fits;
    }
    let none = std::ptr::null_mut();
    // SAFETY: the same arguments.
    unsafe {
        cuLaunchKernel(
            kernel, grid_x, grid_y, grid_z, block_x, block_y, block_z, shared, stream, params, none,
        )
    }
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuOccupancyMaxActiveBlocksPerMultiprocessor(
    blocks: *mut c_int,
    kernel: Handle,
    threads: c_int,
    shared: usize,
) -> Status {
    call(Kind::Query, |driver| {
        let (kernel, _) = function(driver, kernel)?;
        let threads = u32::try_from(threads).ok().filter(|&n| n > 0).ok_or(Code::InvalidValue)?;
        // SAFETY: the caller's pointer, as the manual demands.
        unsafe { put(blocks, blocks_per_multiprocessor(&kernel, threads, shared) as c_int) }
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
    blocks: *mut c_int,
    kernel: Handle,
    threads: c_int,
    shared: usize,
    _flags: c_uint,
) -> Status {
    // SAFETY: the same but for flags that concern caching.
    unsafe { cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks, kernel, threads, shared) }
}

/// Shared memory as a function of the block's size.
type SharedOfBlock = Option<unsafe extern "C" fn(c_int) -> usize>;

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuOccupancyMaxPotentialBlockSize(
    smallest_grid: *mut c_int,
    block: *mut c_int,
    kernel: Handle,
    shared_of_block: SharedOfBlock,
    shared: usize,
    limit: c_int,
) -> Status {
    call(Kind::Query, |driver| {
        let (kernel, _) = function(driver, kernel)?;
        let most = kernel.max_threads.unwrap_or(1024).min(1024);
        let most = if limit > 0 { most.min(limit as u32) } else { most };
        let optin = attributes::shared_optin(&driver.machine.settings);
        let mut best = (0, 0, 0);
        for threads in (1..=most / 32).map(|warps| warps * 32) {
            // SAFETY: the caller's function, as the manual demands.
            let shared = shared_of_block.map_or(shared, |of| unsafe { of(threads as c_int) });
            if kernel.shared_static + shared <= optin {
                let blocks = blocks_per_multiprocessor(&kernel, threads, shared);
                best = best.max((blocks * threads, threads, blocks));
            }
        }
        let grid = best.2 * driver.machine.settings.multiprocessors;
        // SAFETY: the caller's pointers, as the manual demands.
        unsafe {
            put(smallest_grid, grid as c_int)?;
            put(block, best.1 as c_int)
        }
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn cuOccupancyAvailableDynamicSMemPerBlock(
    bytes: *mut usize,
    kernel: Handle,
    blocks: c_int,
    _threads: c_int,
) -> Status {
    call(Kind::Query, |driver| {
        let (kernel, _) = function(driver, kernel)?;
        let blocks = usize::try_from(blocks).ok().filter(|&n| n > 0).ok_or(Code::InvalidValue)?;
        let each = attributes::shared_optin(&driver.machine.settings) / blocks;
        // SAFETY: the caller's pointer, as the manual demands.
        unsafe { put(bytes, each.saturating_sub(kernel.shared_static)) }
    })
}
