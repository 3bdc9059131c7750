//! Page-locked memory of the host.

use crate::device::Stream;
use cudarc::driver::{result, sys};
use hadal_native::{Failure, Pinned};
use std::sync::Arc;

/// Given back when it is dropped.
#[derive(Debug)]
pub(crate) struct PinnedMemory {
    stream: Arc<Stream>,
    memory: *mut u8,
    bytes: usize,
    /// Recorded after each copy.
    event: sys::CUevent,
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

// SAFETY: the memory is the host's and has one owner; the driver's handles may be used by any thread.
unsafe impl Send for PinnedMemory {}

impl PinnedMemory {
    /// `bytes` bytes, which are zero.
    pub(crate) fn new(stream: Arc<Stream>, bytes: usize) -> Result<PinnedMemory, Failure> {
        // SAFETY: given back when it is dropped.
        let memory =
            stream.call("cuMemHostAlloc", |_| unsafe { result::malloc_host(bytes, 0) })?.cast::<u8>();
        // SAFETY: so many bytes were just reserved.
        unsafe { memory.write_bytes(0, bytes) };
        let event = std::ptr::null_mut();
        let mut pinned = PinnedMemory { stream, memory, bytes, event, copies: Copies::None };
        pinned.event = pinned
            .stream
            .call("cuEventCreate", |_| result::event::create(sys::CUevent_flags::CU_EVENT_DISABLE_TIMING))?;
        Ok(pinned)
    }

    fn wait(&mut self) -> Result<(), Failure> {
        match self.copies {
            Copies::None => {}
            Copies::Marked => self.stream.call("cuEventSynchronize", |_| {
                // SAFETY: the event lives as long as `self`.
                unsafe { result::event::synchronize(self.event) }
            })?,
            Copies::Unmarked => self.stream.synchronize()?,
        }
        self.copies = Copies::None;
        Ok(())
    }

    fn mark(&mut self) -> Result<(), Failure> {
        // SAFETY: event and stream live as long as `self`.
        self.stream.call("cuEventRecord", |stream| unsafe { result::event::record(self.event, stream) })?;
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
        // SAFETY: so many bytes are there, and nobody touches them before the copy is done.
        let from = unsafe { std::slice::from_raw_parts(self.memory, bytes) };
        self.stream.call("cuMemcpyHtoDAsync", |stream| {
            // SAFETY: as above.
            unsafe { result::memcpy_htod_async(to, from, stream) }
        })?;
        self.mark()
    }

    fn download(&mut self, from: u64, at: usize, bytes: usize) -> Result<(), Failure> {
        self.check(at, bytes)?;
        self.copies = Copies::Unmarked;
        // SAFETY: so many bytes are there, and nobody touches them before the copy is done.
        let to = unsafe { std::slice::from_raw_parts_mut(self.memory.add(at), bytes) };
        self.stream.call("cuMemcpyDtoHAsync", |stream| {
            // SAFETY: as above.
            unsafe { result::memcpy_dtoh_async(to, from, stream) }
        })?;
        self.mark()
    }
}

impl Drop for PinnedMemory {
    fn drop(&mut self) {
        // A copy that could not be waited for is not under way: the context is lost.
        let _ = self.wait();
        if !self.event.is_null() {
            // SAFETY: made by `new`, and destroyed once.
            let _ = self.stream.release("cuEventDestroy", |_| unsafe { result::event::destroy(self.event) });
        }
        // SAFETY: made by `new`, and given back once.
        let _ = self.stream.release("cuMemFreeHost", |_| unsafe { result::free_host(self.memory.cast()) });
    }
}
