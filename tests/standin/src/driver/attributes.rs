//! What the device and its kernels say of themselves.

use super::codes::Code;
use crate::compile::code::Code as Kernel;
use crate::machine::Settings;

/// Shared memory of a block that opts in to more than 48 KiB.
pub(crate) fn shared_optin(settings: &Settings) -> usize {
    (match settings.architecture {
        (7, _) => 64 << 10,
        (8, 0 | 7) => 163 << 10,
        (8, _) | (12, _) => 99 << 10,
        _ => 227 << 10,
    }) as usize
}

/// `CUdevice_attribute`; those that this device lacks are 0.
pub(crate) fn device(settings: &Settings, attribute: u32) -> Result<i32, Code> {
    let optin = shared_optin(settings) as i32;
    Ok(match attribute {
        1..=3 => 1024,
        4 => 64,
        5 => i32::MAX,
        6 | 7 => 65_535,
        8 => 48 << 10,
        9 => 64 << 10,
        10 => 32,
        11 => i32::MAX,
        12 | 82 => 65_536,
        13 => 1_000_000,
        14 => 512,
        15 | 31 | 41 | 78 | 95 | 115 => 1,
        16 => settings.multiprocessors as i32,
        36 => 1_000_000,
        37 => 128,
        38 => 4 << 20,
        39 => 2048,
        40 => 2,
        75 => settings.architecture.0 as i32,
        76 => settings.architecture.1 as i32,
        81 => optin + 1024,
        97 => optin,
        106 => 32,
        111 => 1024,
        0 | 200.. => return Err(Code::InvalidValue),
        _ => 0,
    })
}

/// `CUfunction_attribute`.
pub(crate) fn function(
    settings: &Settings,
    kernel: &Kernel,
    dynamic_shared: usize,
    attribute: u32,
) -> Result<i32, Code> {
    let (major, minor) = settings.architecture;
    Ok(match attribute {
        0 => kernel.max_threads.unwrap_or(1024).min(1024) as i32,
        1 => kernel.shared_static as i32,
        2 => 0,
        3 => kernel.local_size as i32,
        4 => 32,
        5 | 6 => (major * 10 + minor) as i32,
        7 => 0,
        8 => dynamic_shared as i32,
        9 => -1,
        _ => return Err(Code::InvalidValue),
    })
}
