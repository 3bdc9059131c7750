//! [`Driver`] for any vendor's [`Stream`]: what is done with it, and what has to be given back.

use crate::driver::{Driver, Facts, Failure, Kernel, LaunchArguments, Pinned, Timer};
use crate::pinned::PinnedMemory;
use crate::stream::{Handle, Stream, Vendor};
use std::ffi::{CString, c_void};
use std::sync::Arc;

/// Parameters that a kernel may have: each of its bindings, and the lengths.
const MAX_PARAMETERS: usize = 64;

/// An open device.
#[derive(Debug)]
pub struct Device<V: Vendor> {
    stream: Arc<Stream<V>>,
    facts: Facts,
}

impl<V: Vendor> Device<V> {
    /// The device, with a stream on it.
    pub fn open(vendor: V, facts: Facts) -> Result<Device<V>, Failure> {
        Ok(Device { stream: Arc::new(Stream::open(vendor)?), facts })
    }
}

fn size(bytes: u64) -> Result<usize, Failure> {
    usize::try_from(bytes).map_err(|_| Failure::OutOfMemory)
}

impl<V: Vendor> Driver for Device<V> {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn allocate(&self, bytes: u64) -> Result<u64, Failure> {
        self.stream.allocate(size(bytes)?)
    }

    fn free(&self, address: u64) -> Result<(), Failure> {
        self.stream.free(address)
    }

    fn pinned(&self, bytes: usize) -> Result<Box<dyn Pinned>, Failure> {
        Ok(Box::new(PinnedMemory::new(self.stream.clone(), bytes)?))
    }

    fn copy(&self, from: u64, to: u64, bytes: u64) -> Result<(), Failure> {
        self.stream.copy(from, to, size(bytes)?)
    }

    fn clear(&self, address: u64, bytes: u64) -> Result<(), Failure> {
        self.stream.clear(address, size(bytes)?)
    }

    fn compile(&self, source: &str, flags: &[&str]) -> Result<Vec<u8>, Failure> {
        self.stream.compile(&self.facts, source, flags)
    }

    fn load(&self, code: &[u8], entry: &str) -> Result<Box<dyn Kernel>, Failure> {
        Ok(Box::new(Module::load(self.stream.clone(), code, entry)?))
    }

    fn timer(&self) -> Result<Box<dyn Timer>, Failure> {
        Ok(Box::new(Events { stream: self.stream.clone(), events: Vec::new() }))
    }

    fn synchronize(&self) -> Result<(), Failure> {
        self.stream.synchronize()
    }

    fn stream(&self) -> u64 {
        self.stream.handle().0.addr() as u64
    }
}

/// A loaded module with one kernel; unloaded when it is dropped.
#[derive(Debug)]
struct Module<V: Vendor> {
    stream: Arc<Stream<V>>,
    module: Handle,
    function: Handle,
    /// The driver may read the code as long as the module is loaded.
    _code: Vec<u8>,
}

impl<V: Vendor> Module<V> {
    fn load(stream: Arc<Stream<V>>, code: &[u8], entry: &str) -> Result<Module<V>, Failure> {
        // PTX is text, which ends with a zero.
        let code: Vec<u8> = code.iter().copied().chain([0]).collect();
        let name =
            CString::new(entry).map_err(|_| Failure::Refused("the kernel's name has a zero".into()))?;
        // SAFETY: compiled code with a zero behind it, which the module keeps.
        let module = unsafe { stream.load(&code) }?;
        let mut loaded = Module { stream, module, function: Handle::NULL, _code: code };
        // SAFETY: the module was just loaded.
        let found = unsafe { loaded.stream.function(module, &name) };
        loaded.function = found.map_err(|failure| match failure {
            Failure::Refused(reason) => {
                Failure::Refused(format!("looking for the kernel `{entry}`: {reason}"))
            }
            other => other,
        })?;
        Ok(loaded)
    }
}

impl<V: Vendor> Kernel for Module<V> {
    fn launch(
        &self,
        groups: [u32; 3],
        threads: [u32; 3],
        arguments: &LaunchArguments,
    ) -> Result<(), Failure> {
        let mut pointers = [std::ptr::null_mut::<c_void>(); MAX_PARAMETERS];
        let mut count = 0;
        for words in arguments.each() {
            let place = pointers.get_mut(count).ok_or_else(|| {
                Failure::Refused(format!("a kernel has more than {MAX_PARAMETERS} parameters"))
            })?;
            *place = words.as_ptr().cast_mut().cast();
            count += 1;
        }
        // SAFETY: the function lives as long as `self`; number and sizes of the arguments are those that the kernel was written with, and the driver only reads them.
        unsafe { self.stream.launch(self.function, groups, threads, &mut pointers[..count]) }
    }
}

impl<V: Vendor> Drop for Module<V> {
    fn drop(&mut self) {
        // SAFETY: loaded by `load`, and unloaded once.
        let _ = unsafe { self.stream.unload(self.module) };
    }
}

/// Events as marks in the device's work; destroyed when they are dropped.
struct Events<V: Vendor> {
    stream: Arc<Stream<V>>,
    events: Vec<Handle>,
}

impl<V: Vendor> Timer for Events<V> {
    fn mark(&mut self) -> Result<(), Failure> {
        let event = self.stream.event(true)?;
        self.events.push(event);
        // SAFETY: the event lives as long as `self`.
        unsafe { self.stream.record(event) }
    }

    fn read(&mut self) -> Result<Vec<u64>, Failure> {
        self.stream.synchronize()?;
        let Some(&first) = self.events.first() else { return Ok(Vec::new()) };
        let since = |&event: &Handle| {
            // SAFETY: both events live as long as `self`.
            let elapsed = unsafe { self.stream.elapsed(first, event) }?;
            Ok((f64::from(elapsed) * 1e6) as u64)
        };
        self.events.iter().map(since).collect()
    }
}

impl<V: Vendor> Drop for Events<V> {
    fn drop(&mut self) {
        for &event in &self.events {
            // SAFETY: made by `mark`, and destroyed once.
            let _ = unsafe { self.stream.destroy_event(event) };
        }
    }
}
