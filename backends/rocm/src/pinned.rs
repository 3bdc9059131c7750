//! Page-locked memory of the host.

use crate::device::Stream;
use crate::table::Handle;
use hadal_native::{Failure, Pinned};
use std::ffi::c_void;
use std::sync::Arc;

/// `hipEventDisableTiming`.
pub(crate) const DISABLE_TIMING: u32 = 2;

/// Given back when it is dropped.
#[derive(Debug)]
pub(crate) struct PinnedMemory {
    stream: Arc<Stream>,
    memory: *mut u8,
    bytes: usize,
    /// Recorded after each copy.
    event: Handle,
    copies: Copies,
}

/// Copies that may be under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Copies {
    None,
    /// The event comes after them.
    Marked,
    /// The event could not be recorded.
    Unmarked,
}

// SAFETY: the memory is the host's and has one owner; HIP's handles may be used by any thread.
unsafe impl Send for PinnedMemory {}

impl PinnedMemory {
    /// `bytes` bytes, which are zero.
    pub(crate) fn new(stream: Arc<Stream>, bytes: usize) -> Result<PinnedMemory, Failure> {
        let (mut memory, mut event): (*mut c_void, Handle) = (std::ptr::null_mut(), std::ptr::null_mut());
        stream.call("hipHostMalloc", |hip, _| {
            // SAFETY: writes one address, which is given back when `pinned` is dropped.
            unsafe { (hip.hipHostMalloc)(&mut memory, bytes, 0) }
        })?;
        let memory = memory.cast::<u8>();
        // SAFETY: so many bytes were just reserved.
        unsafe { memory.write_bytes(0, bytes) };
        let mut pinned = PinnedMemory { stream, memory, bytes, event, copies: Copies::None };
        pinned.stream.call("hipEventCreateWithFlags", |hip, _| {
            // SAFETY: writes one handle, which is destroyed with `pinned`.
            unsafe { (hip.hipEventCreateWithFlags)(&mut event, DISABLE_TIMING) }
        })?;
        pinned.event = event;
        Ok(pinned)
    }

    fn wait(&mut self) -> Result<(), Failure> {
        match self.copies {
            Copies::None => {}
            Copies::Marked => self.stream.call("hipEventSynchronize", |hip, _| {
                // SAFETY: the event lives as long as `self`.
                unsafe { (hip.hipEventSynchronize)(self.event) }
            })?,
            Copies::Unmarked => self.stream.synchronize()?,
        }
        self.copies = Copies::None;
        Ok(())
    }

    fn mark(&mut self) -> Result<(), Failure> {
        self.stream.call("hipEventRecord", |hip, stream| {
            // SAFETY: event and stream live as long as `self`.
            unsafe { (hip.hipEventRecord)(self.event, stream) }
        })?;
        self.copies = Copies::Marked;
        Ok(())
    }

    fn check(&self, at: usize, bytes: usize) -> Result<(), Failure> {
        match at.checked_add(bytes) {
            Some(end) if end <= self.bytes => Ok(()),
            _ => Err(Failure::Refused(format!(
                "{bytes} bytes at {at} are outside of {} page-locked bytes",
                self.bytes
            ))),
        }
    }
}

impl Pinned for PinnedMemory {
    fn bytes(&mut self) -> Result<&mut [u8], Failure> {
        self.wait()?;
        // SAFETY: so many initialised bytes, which no copy uses and which only `self` owns.
        Ok(unsafe { std::slice::from_raw_parts_mut(self.memory, self.bytes) })
    }

    fn upload(&mut self, to: u64, bytes: usize) -> Result<(), Failure> {
        self.check(0, bytes)?;
        self.wait()?;
        self.copies = Copies::Unmarked;
        self.stream.call("hipMemcpyHtoDAsync", |hip, stream| {
            // SAFETY: so many bytes are there, and nobody touches them before the copy is done.
            unsafe { (hip.hipMemcpyHtoDAsync)(to as usize as *mut c_void, self.memory.cast(), bytes, stream) }
        })?;
        self.mark()
    }

    fn download(&mut self, from: u64, at: usize, bytes: usize) -> Result<(), Failure> {
        self.check(at, bytes)?;
        self.copies = Copies::Unmarked;
        self.stream.call("hipMemcpyDtoHAsync", |hip, stream| {
            // SAFETY: so many bytes are there, and nobody touches them before the copy is done.
            unsafe {
                let to = self.memory.add(at).cast::<c_void>();
                (hip.hipMemcpyDtoHAsync)(to, from as usize as *mut c_void, bytes, stream)
            }
        })?;
        self.mark()
    }
}

impl Drop for PinnedMemory {
    fn drop(&mut self) {
        // A copy that could not be waited for is not under way: the device is lost.
        let _ = self.wait();
        if !self.event.is_null() {
            let _ = self.stream.release("hipEventDestroy", |hip, _| {
                // SAFETY: made by `new`, and destroyed once.
                unsafe { (hip.hipEventDestroy)(self.event) }
            });
        }
        let _ = self.stream.release("hipHostFree", |hip, _| {
            // SAFETY: made by `new`, and given back once.
            unsafe { (hip.hipHostFree)(self.memory.cast()) }
        });
    }
}
