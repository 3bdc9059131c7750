//! Page-locked memory of the host.

use crate::driver::{Failure, Pinned};
use crate::stream::{Handle, Stream, Vendor};
use std::sync::Arc;

/// Given back when it is dropped.
#[derive(Debug)]
pub(crate) struct PinnedMemory<V: Vendor> {
    stream: Arc<Stream<V>>,
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

// SAFETY: the memory is the host's and has one owner.
unsafe impl<V: Vendor> Send for PinnedMemory<V> {}

impl<V: Vendor> PinnedMemory<V> {
    /// `bytes` bytes, which are zero.
    pub(crate) fn new(stream: Arc<Stream<V>>, bytes: usize) -> Result<PinnedMemory<V>, Failure> {
        let memory = stream.lock(bytes)?;
        // SAFETY: so many bytes were just reserved.
        unsafe { memory.write_bytes(0, bytes) };
        let mut pinned = PinnedMemory { stream, memory, bytes, event: Handle::NULL, copies: Copies::None };
        pinned.event = pinned.stream.event(false)?;
        Ok(pinned)
    }

    fn wait(&mut self) -> Result<(), Failure> {
        match self.copies {
            Copies::None => {}
            // SAFETY: the event lives as long as `self`.
            Copies::Marked => unsafe { self.stream.wait(self.event) }?,
            Copies::Unmarked => self.stream.synchronize()?,
        }
        self.copies = Copies::None;
        Ok(())
    }

    fn mark(&mut self) -> Result<(), Failure> {
        // SAFETY: the event lives as long as `self`.
        unsafe { self.stream.record(self.event) }?;
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

impl<V: Vendor> Pinned for PinnedMemory<V> {
    fn bytes(&mut self) -> Result<&mut [u8], Failure> {
        self.wait()?;
        // SAFETY: so many initialised bytes, which no copy uses and which only `self` owns.
        Ok(unsafe { std::slice::from_raw_parts_mut(self.memory, self.bytes) })
    }

    fn upload(&mut self, to: u64, bytes: usize) -> Result<(), Failure> {
        self.check(0, bytes)?;
        self.wait()?;
        self.copies = Copies::Unmarked;
        // SAFETY: so many bytes are there, and `bytes` waits for the copy.
        unsafe { self.stream.upload(self.memory, to, bytes) }?;
        self.mark()
    }

    fn download(&mut self, from: u64, at: usize, bytes: usize) -> Result<(), Failure> {
        self.check(at, bytes)?;
        self.copies = Copies::Unmarked;
        // SAFETY: so many bytes are there, and `bytes` waits for the copy.
        unsafe { self.stream.download(from, self.memory.add(at), bytes) }?;
        self.mark()
    }
}

impl<V: Vendor> Drop for PinnedMemory<V> {
    fn drop(&mut self) {
        // A copy that could not be waited for is not under way: the device is lost.
        let _ = self.wait();
        if !self.event.is_null() {
            // SAFETY: made by `new`, and destroyed once.
            let _ = unsafe { self.stream.destroy_event(self.event) };
        }
        // SAFETY: made by `new`, and given back once.
        let _ = unsafe { self.stream.unlock(self.memory) };
    }
}
