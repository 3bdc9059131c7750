//! An open device and its stream.

use crate::compiler;
use crate::library::Libraries;
use crate::module::Module;
use crate::pinned::PinnedMemory;
use crate::table::{AnyProperties, DevicePointer, Handle, Hip, Status};
use crate::timer::Events;
use hadal_device::{DeviceInfo, DeviceKind};
use hadal_native::{Driver, Facts, Failure, Kernel, Pinned, Timer};
use hadal_simt::{Dialect, Wave};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::Arc;

// `hipDeviceAttribute_t`, with its numbers since ROCm 5.
pub(crate) const INTEGRATED: u32 = 16;
pub(crate) const MAX_THREADS_PER_BLOCK: u32 = 56;
pub(crate) const MAX_SHARED_MEMORY_PER_BLOCK: u32 = 74;
pub(crate) const WARP_SIZE: u32 = 87;

/// `hipStreamNonBlocking`.
pub(crate) const NON_BLOCKING: u32 = 1;

/// The stream of a device, which everything that was made on it keeps alive.
#[derive(Debug)]
pub(crate) struct Stream {
    libraries: Arc<Libraries>,
    device: c_int,
    stream: Handle,
}

// SAFETY: HIP's handles may be used by any thread; its functions lock what they share.
unsafe impl Send for Stream {}
// SAFETY: as above.
unsafe impl Sync for Stream {}

/// An open device.
#[derive(Debug)]
pub(crate) struct Device {
    stream: Arc<Stream>,
    facts: Facts,
}

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

impl Device {
    /// Opens the device `index`.
    pub(crate) fn open(libraries: Arc<Libraries>, index: usize) -> Result<Device, Failure> {
        let hip = &libraries.hip;
        // SAFETY: it takes no pointers.
        hip.check("hipInit", unsafe { (hip.hipInit)(0) })?;
        let device = c_int::try_from(index).map_err(|_| Failure::Refused(format!("no device {index}")))?;
        let info = describe(hip, device)?;
        let architecture = architecture(&libraries, device)?;
        compiler::admit(&architecture, version(hip)?)?;
        let threads = attribute(hip, MAX_THREADS_PER_BLOCK, device)?;
        let shared = attribute(hip, MAX_SHARED_MEMORY_PER_BLOCK, device)?;
        let wave = match attribute(hip, WARP_SIZE, device)? {
            64 => Wave::Lanes64,
            32 => Wave::Lanes32,
            other => return Err(Failure::Refused(format!("wavefronts of {other} lanes are not known"))),
        };
        let compiler = compiler::describe(&libraries.rtc)?;
        let stream = Stream::open(libraries, device)?;
        let facts = Facts {
            dialect: Dialect::Hip { wave },
            architecture,
            max_threads: u32::try_from(threads).unwrap_or(256),
            shared_memory: u32::try_from(shared).unwrap_or(16 << 10),
            memory: info.memory.unwrap_or_default(),
            compiler,
            info,
        };
        Ok(Device { stream: Arc::new(stream), facts })
    }
}

impl Stream {
    fn open(libraries: Arc<Libraries>, device: c_int) -> Result<Stream, Failure> {
        let mut opened = Stream { libraries, device, stream: std::ptr::null_mut() };
        let mut stream = std::ptr::null_mut();
        opened.call("hipStreamCreateWithFlags", |hip, _| {
            // SAFETY: writes one handle, which is destroyed with `opened`.
            unsafe { (hip.hipStreamCreateWithFlags)(&mut stream, NON_BLOCKING) }
        })?;
        opened.stream = stream;
        Ok(opened)
    }

    /// Runs `call`, HIP's function `name`, on this thread with this device.
    pub(crate) fn call(&self, name: &str, call: impl FnOnce(&Hip, Handle) -> Status) -> Result<(), Failure> {
        let hip = &self.libraries.hip;
        // SAFETY: it takes no pointers.
        hip.check("hipSetDevice", unsafe { (hip.hipSetDevice)(self.device) })?;
        hip.check(name, call(hip, self.stream))
    }

    /// Runs HIP's function `call`, which gives something back: even where the device cannot be set.
    pub(crate) fn release(
        &self,
        name: &str,
        call: impl FnOnce(&Hip, Handle) -> Status,
    ) -> Result<(), Failure> {
        let hip = &self.libraries.hip;
        // SAFETY: it takes no pointers.
        let entered = hip.check("hipSetDevice", unsafe { (hip.hipSetDevice)(self.device) });
        hip.check(name, call(hip, self.stream))?;
        entered
    }

    /// Waits for everything queued.
    pub(crate) fn synchronize(&self) -> Result<(), Failure> {
        self.call("hipStreamSynchronize", |hip, stream| {
            // SAFETY: the stream lives as long as `self`.
            unsafe { (hip.hipStreamSynchronize)(stream) }
        })
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // What fails here concerns nobody any more.
        if !self.stream.is_null() {
            let _ = self.synchronize();
            let _ = self.release("hipStreamDestroy", |hip, stream| {
                // SAFETY: made by `open`, and destroyed once.
                unsafe { (hip.hipStreamDestroy)(stream) }
            });
        }
    }
}

/// A device's address as HIP takes it.
fn pointer(address: u64) -> DevicePointer {
    address as usize as DevicePointer
}

impl Driver for Device {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn allocate(&self, bytes: u64) -> Result<u64, Failure> {
        let bytes = usize::try_from(bytes).map_err(|_| Failure::OutOfMemory)?;
        let mut address = std::ptr::null_mut();
        self.stream.call("hipMalloc", |hip, _| {
            // SAFETY: writes one address, which is given back by `free`.
            unsafe { (hip.hipMalloc)(&mut address, bytes) }
        })?;
        Ok(address as usize as u64)
    }

    fn free(&self, address: u64) -> Result<(), Failure> {
        self.stream.release("hipFree", |hip, _| {
            // SAFETY: an address that is wrong is an error of the runtime; it waits for work that uses it.
            unsafe { (hip.hipFree)(pointer(address)) }
        })
    }

    fn pinned(&self, bytes: usize) -> Result<Box<dyn Pinned>, Failure> {
        Ok(Box::new(PinnedMemory::new(self.stream.clone(), bytes)?))
    }

    fn copy(&self, from: u64, to: u64, bytes: u64) -> Result<(), Failure> {
        self.stream.call("hipMemcpyDtoDAsync", |hip, stream| {
            // SAFETY: addresses of the device alone.
            unsafe { (hip.hipMemcpyDtoDAsync)(pointer(to), pointer(from), bytes as usize, stream) }
        })
    }

    fn clear(&self, address: u64, bytes: u64) -> Result<(), Failure> {
        self.stream.call("hipMemsetAsync", |hip, stream| {
            // SAFETY: an address of the device alone.
            unsafe { (hip.hipMemsetAsync)(pointer(address), 0, bytes as usize, stream) }
        })
    }

    fn compile(&self, source: &str, flags: &[&str]) -> Result<Vec<u8>, Failure> {
        compiler::compile(&self.stream.libraries.rtc, source, &self.facts.architecture, flags)
    }

    fn load(&self, code: &[u8], entry: &str) -> Result<Box<dyn Kernel>, Failure> {
        Ok(Box::new(Module::load(self.stream.clone(), code, entry)?))
    }

    fn timer(&self) -> Result<Box<dyn Timer>, Failure> {
        Ok(Box::new(Events::new(self.stream.clone())))
    }

    fn synchronize(&self) -> Result<(), Failure> {
        self.stream.synchronize()
    }
}
