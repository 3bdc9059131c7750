//! Looking at devices, and opening one.

use crate::child::Child;
use crate::compiler;
use crate::library::Libraries;
use crate::opened::Opened;
use crate::table::{AnyProperties, Hip};
use hadal_device::{DeviceInfo, DeviceKind};
use hadal_native::{Device, Facts, Failure};
use hadal_simt::{Dialect, Wave};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::Arc;

// `hipDeviceAttribute_t`, with its numbers since ROCm 5.
pub(crate) const INTEGRATED: u32 = 16;
pub(crate) const MAX_THREADS_PER_BLOCK: u32 = 56;
pub(crate) const MAX_SHARED_MEMORY_PER_BLOCK: u32 = 74;
pub(crate) const WARP_SIZE: u32 = 87;

/// Every device.
pub(crate) fn list(libraries: &Libraries) -> Result<Vec<DeviceInfo>, Failure> {
    let hip = &libraries.hip;
    // SAFETY: it takes no pointers.
    hip.check("hipInit", unsafe { (hip.hipInit)(0) })?;
    let mut count = 0;
    // SAFETY: writes one number.
    hip.check("hipGetDeviceCount", unsafe { (hip.hipGetDeviceCount)(&mut count) })?;
    (0..count).map(|device| describe(hip, device)).collect()
}

fn describe(hip: &Hip, device: c_int) -> Result<DeviceInfo, Failure> {
    let mut name = [0 as c_char; 256];
    // SAFETY: so many bytes are there.
    let named = unsafe { (hip.hipDeviceGetName)(name.as_mut_ptr(), name.len() as c_int, device) };
    hip.check("hipDeviceGetName", named)?;
    let mut memory = 0usize;
    // SAFETY: writes one number.
    hip.check("hipDeviceTotalMem", unsafe { (hip.hipDeviceTotalMem)(&mut memory, device) })?;
    let version = version(hip)?;
    let name: Vec<u8> = name.iter().take_while(|&&c| c != 0).map(|&c| c as u8).collect();
    Ok(DeviceInfo {
        backend: "rocm".into(),
        index: usize::try_from(device).unwrap_or_default(),
        name: String::from_utf8_lossy(&name).into_owned(),
        driver: format!("HIP {}.{}", version / 10_000_000, version / 100_000 % 100),
        kind: match attribute(hip, INTEGRATED, device)? {
            0 => DeviceKind::DiscreteGpu,
            _ => DeviceKind::IntegratedGpu,
        },
        memory: Some(memory as u64),
        features: ["f16", "int64", "subgroups", "timestamps"].map(String::from).to_vec(),
    })
}

fn version(hip: &Hip) -> Result<c_int, Failure> {
    let mut version = 0;
    // SAFETY: writes one number.
    hip.check("hipRuntimeGetVersion", unsafe { (hip.hipRuntimeGetVersion)(&mut version) })?;
    Ok(version)
}

fn attribute(hip: &Hip, which: u32, device: c_int) -> Result<c_int, Failure> {
    let mut value = 0;
    // SAFETY: writes one number.
    let got = unsafe { (hip.hipDeviceGetAttribute)(&mut value, which, device) };
    hip.check("hipDeviceGetAttribute", got)?;
    Ok(value)
}

/// `gfx90a:sramecc+:xnack-`.
fn architecture(libraries: &Libraries, device: c_int) -> Result<String, Failure> {
    let mut properties: AnyProperties = [0; _];
    let (get, at) = (libraries.properties.get, libraries.properties.architecture);
    // SAFETY: so many bytes are there.
    let got = unsafe { get(properties.as_mut_ptr().cast::<c_void>(), device) };
    libraries.hip.check("hipGetDeviceProperties", got)?;
    let bytes: Vec<u8> = properties.iter().flat_map(|word| word.to_ne_bytes()).skip(at).take(256).collect();
    let name = CStr::from_bytes_until_nul(&bytes).map(|name| name.to_string_lossy().into_owned());
    match name {
        Ok(name) if name.starts_with("gfx") => Ok(name),
        _ => {
            Err(Failure::Refused(format!("hipGetDeviceProperties names no architecture for device {device}")))
        }
    }
}

/// Opens the device `index`.
pub(crate) fn open(libraries: Arc<Libraries>, index: usize) -> Result<Device<Opened>, Failure> {
    let hip = &libraries.hip;
    // SAFETY: it takes no pointers.
    hip.check("hipInit", unsafe { (hip.hipInit)(0) })?;
    let device = c_int::try_from(index).map_err(|_| Failure::Refused(format!("no device {index}")))?;
    let info = describe(hip, device)?;
    let architecture = architecture(&libraries, device)?;
    let child = Child::find(libraries.folder.as_deref());
    let child = compiler::place(&architecture, version(hip)?, child)?;
    let threads = attribute(hip, MAX_THREADS_PER_BLOCK, device)?;
    let shared = attribute(hip, MAX_SHARED_MEMORY_PER_BLOCK, device)?;
    let wave = match attribute(hip, WARP_SIZE, device)? {
        64 => Wave::Lanes64,
        32 => Wave::Lanes32,
        other => return Err(Failure::Refused(format!("wavefronts of {other} lanes are not known"))),
    };
    let (major, minor) = libraries.rtc.version()?;
    let facts = Facts {
        dialect: Dialect::Hip { wave },
        architecture,
        max_threads: u32::try_from(threads).unwrap_or(256),
        shared_memory: u32::try_from(shared).unwrap_or(16 << 10),
        memory: info.memory.unwrap_or_default(),
        compiler: format!("hipRTC {major}.{minor}"),
        info,
    };
    Device::open(Opened::new(libraries, device, child), facts)
}
