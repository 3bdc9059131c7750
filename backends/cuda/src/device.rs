//! Looking at devices, and opening one.

use crate::context::Context;
use crate::library::Libraries;
use crate::table::{Driver, Ordinal};
use hadal_device::{DeviceInfo, DeviceKind};
use hadal_native::{Device, Facts, Failure};
use hadal_simt::Dialect;
use std::ffi::{c_char, c_int};
use std::sync::Arc;

// `CUdevice_attribute`.
pub(crate) const MAX_THREADS: u32 = 1;
pub(crate) const MAX_SHARED: u32 = 8;
pub(crate) const INTEGRATED: u32 = 18;
pub(crate) const MAJOR: u32 = 75;
pub(crate) const MINOR: u32 = 76;
pub(crate) const POOLS: u32 = 115;

/// Every device.
pub(crate) fn list(libraries: &Libraries) -> Result<Vec<DeviceInfo>, Failure> {
    let driver = &libraries.driver;
    // SAFETY: it takes no pointers.
    driver.check("cuInit", unsafe { (driver.cuInit)(0) })?;
    let mut count = 0;
    // SAFETY: writes one number.
    driver.check("cuDeviceGetCount", unsafe { (driver.cuDeviceGetCount)(&mut count) })?;
    (0..count).map(|ordinal| describe(driver, ordinal).map(|(_, info)| info)).collect()
}

fn describe(driver: &Driver, ordinal: c_int) -> Result<(Ordinal, DeviceInfo), Failure> {
    let mut device = 0;
    // SAFETY: writes one number.
    driver.check("cuDeviceGet", unsafe { (driver.cuDeviceGet)(&mut device, ordinal) })?;
    let mut name = [0 as c_char; 256];
    // SAFETY: so many bytes are there.
    let named = unsafe { (driver.cuDeviceGetName)(name.as_mut_ptr(), name.len() as c_int, device) };
    driver.check("cuDeviceGetName", named)?;
    let name: Vec<u8> = name.iter().take_while(|&&c| c != 0).map(|&c| c as u8).collect();
    let mut memory = 0usize;
    // SAFETY: writes one number.
    driver.check("cuDeviceTotalMem", unsafe { (driver.cuDeviceTotalMem_v2)(&mut memory, device) })?;
    let version = version(driver)?;
    let info = DeviceInfo {
        backend: "cuda".into(),
        index: usize::try_from(ordinal).unwrap_or_default(),
        name: String::from_utf8_lossy(&name).into_owned(),
        driver: format!("CUDA {}.{}", version / 1000, version % 1000 / 10),
        kind: match attribute(driver, INTEGRATED, device)? {
            0 => DeviceKind::DiscreteGpu,
            _ => DeviceKind::IntegratedGpu,
        },
        memory: Some(memory as u64),
        features: ["f16", "int64", "subgroups", "timestamps"].map(String::from).to_vec(),
    };
    Ok((device, info))
}

/// `12080` for CUDA 12.8. It may be asked for before anything else.
pub(crate) fn version(driver: &Driver) -> Result<c_int, Failure> {
    let mut version = 0;
    // SAFETY: writes one number.
    driver.check("cuDriverGetVersion", unsafe { (driver.cuDriverGetVersion)(&mut version) })?;
    Ok(version)
}

fn attribute(driver: &Driver, which: u32, device: Ordinal) -> Result<c_int, Failure> {
    let mut value = 0;
    // SAFETY: writes one number.
    let got = unsafe { (driver.cuDeviceGetAttribute)(&mut value, which, device) };
    driver.check("cuDeviceGetAttribute", got)?;
    Ok(value)
}

/// Opens the device `index`.
pub(crate) fn open(libraries: Arc<Libraries>, index: usize) -> Result<Device<Context>, Failure> {
    let driver = &libraries.driver;
    // SAFETY: it takes no pointers.
    driver.check("cuInit", unsafe { (driver.cuInit)(0) })?;
    let ordinal = c_int::try_from(index).map_err(|_| Failure::Refused(format!("no device {index}")))?;
    let (device, info) = describe(driver, ordinal)?;
    let attribute = |which| attribute(driver, which, device);
    let (major, minor, pools) = (attribute(MAJOR)?, attribute(MINOR)?, attribute(POOLS)? != 0);
    let (threads, shared) = (attribute(MAX_THREADS)?, attribute(MAX_SHARED)?);
    let (architecture, compiler) = libraries.compiler.describe(major, minor)?;
    let facts = Facts {
        dialect: Dialect::Cuda,
        architecture,
        max_threads: u32::try_from(threads).unwrap_or(256),
        shared_memory: u32::try_from(shared).unwrap_or(16 << 10),
        memory: info.memory.unwrap_or_default(),
        compiler,
        info,
    };
    Device::open(Context::retain(libraries, device, pools)?, facts)
}
