//! [`Driver`] for any vendor's [`Calls`]: what is done with them, and what has to be given back.

use crate::calls::{Calls, Handle};
use crate::driver::{Driver, Facts, Failure, Kernel, LaunchArguments, Pinned, Timer};
use crate::pinned::PinnedMemory;
use std::ffi::{CString, c_void};
use std::sync::Arc;

/// Parameters that a kernel may have: each of its bindings, and the lengths.
const MAX_PARAMETERS: usize = 64;

/// An open device.
#[derive(Debug)]
pub struct Device<C> {
    calls: Arc<C>,
    facts: Facts,
}

impl<C: Calls> Device<C> {
    /// The device behind `calls`.
    pub fn new(calls: C, facts: Facts) -> Device<C> {
        Device { calls: Arc::new(calls), facts }
    }
}

fn size(bytes: u64) -> Result<usize, Failure> {
    usize::try_from(bytes).map_err(|_| Failure::OutOfMemory)
}

impl<C: Calls> Driver for Device<C> {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn allocate(&self, bytes: u64) -> Result<u64, Failure> {
        self.calls.allocate(size(bytes)?)
    }

    fn free(&self, address: u64) -> Result<(), Failure> {
        self.calls.free(address)
    }

    fn pinned(&self, bytes: usize) -> Result<Box<dyn Pinned>, Failure> {
        Ok(Box::new(PinnedMemory::new(self.calls.clone(), bytes)?))
    }

    fn copy(&self, from: u64, to: u64, bytes: u64) -> Result<(), Failure> {
        self.calls.copy(from, to, size(bytes)?)
    }

    fn clear(&self, address: u64, bytes: u64) -> Result<(), Failure> {
        self.calls.clear(address, size(bytes)?)
    }

    fn compile(&self, source: &str, flags: &[&str]) -> Result<Vec<u8>, Failure> {
        self.calls.compile(&self.facts, source, flags)
    }

    fn load(&self, code: &[u8], entry: &str) -> Result<Box<dyn Kernel>, Failure> {
        Ok(Box::new(Module::load(self.calls.clone(), code, entry)?))
    }

    fn timer(&self) -> Result<Box<dyn Timer>, Failure> {
        Ok(Box::new(Events { calls: self.calls.clone(), events: Vec::new() }))
    }

    fn synchronize(&self) -> Result<(), Failure> {
        self.calls.synchronize()
    }

    fn stream(&self) -> u64 {
        self.calls.stream().0.addr() as u64
    }
}

/// A loaded module with one kernel; unloaded when it is dropped.
#[derive(Debug)]
struct Module<C: Calls> {
    calls: Arc<C>,
    module: Handle,
    function: Handle,
    /// The driver may read the code as long as the module is loaded.
    _code: Vec<u8>,
}

impl<C: Calls> Module<C> {
    fn load(calls: Arc<C>, code: &[u8], entry: &str) -> Result<Module<C>, Failure> {
        // PTX is text, which ends with a zero.
        let code: Vec<u8> = code.iter().copied().chain([0]).collect();
        let name =
            CString::new(entry).map_err(|_| Failure::Refused("the kernel's name has a zero".into()))?;
        // SAFETY: compiled code with a zero behind it, which the module keeps.
        let module = unsafe { calls.load(&code) }?;
        let mut loaded = Module { calls, module, function: Handle::NULL, _code: code };
        // SAFETY: the module was just loaded.
        let found = unsafe { loaded.calls.function(module, &name) };
        loaded.function = found.map_err(|failure| match failure {
            Failure::Refused(reason) => {
                Failure::Refused(format!("looking for the kernel `{entry}`: {reason}"))
            }
            other => other,
        })?;
        Ok(loaded)
    }
}

impl<C: Calls> Kernel for Module<C> {
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
        unsafe { self.calls.launch(self.function, groups, threads, &mut pointers[..count]) }
    }
}

impl<C: Calls> Drop for Module<C> {
    fn drop(&mut self) {
        // SAFETY: loaded by `load`, and unloaded once.
        let _ = unsafe { self.calls.unload(self.module) };
    }
}

/// Events as marks in the device's work; destroyed when they are dropped.
struct Events<C: Calls> {
    calls: Arc<C>,
    events: Vec<Handle>,
}

impl<C: Calls> Timer for Events<C> {
    fn mark(&mut self) -> Result<(), Failure> {
        let event = self.calls.event(true)?;
        self.events.push(event);
        // SAFETY: the event lives as long as `self`.
        unsafe { self.calls.record(event) }
    }

    fn read(&mut self) -> Result<Vec<u64>, Failure> {
        self.calls.synchronize()?;
        let Some(&first) = self.events.first() else { return Ok(Vec::new()) };
        let since = |&event: &Handle| {
            // SAFETY: both events live as long as `self`.
            let elapsed = unsafe { self.calls.elapsed(first, event) }?;
            Ok((f64::from(elapsed) * 1e6) as u64)
        };
        self.events.iter().map(since).collect()
    }
}

impl<C: Calls> Drop for Events<C> {
    fn drop(&mut self) {
        for &event in &self.events {
            // SAFETY: made by `mark`, and destroyed once.
            let _ = unsafe { self.calls.destroy_event(event) };
        }
    }
}
