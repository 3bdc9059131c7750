//! Events as marks in the device's work.

use crate::device::Stream;
use crate::table::Handle;
use hadal_native::{Failure, Timer};
use std::sync::Arc;

/// Destroyed when they are dropped.
pub(crate) struct Events {
    stream: Arc<Stream>,
    events: Vec<Handle>,
}

// SAFETY: HIP's handles may be used by any thread.
unsafe impl Send for Events {}

impl Events {
    /// No marks yet.
    pub(crate) fn new(stream: Arc<Stream>) -> Events {
        Events { stream, events: Vec::new() }
    }
}

impl Timer for Events {
    fn mark(&mut self) -> Result<(), Failure> {
        let mut event = std::ptr::null_mut();
        self.stream.call("hipEventCreateWithFlags", |hip, _| {
            // SAFETY: writes one handle, which is destroyed with `self`.
            unsafe { (hip.hipEventCreateWithFlags)(&mut event, 0) }
        })?;
        self.events.push(event);
        self.stream.call("hipEventRecord", |hip, stream| {
            // SAFETY: event and stream live as long as `self`.
            unsafe { (hip.hipEventRecord)(event, stream) }
        })
    }

    fn read(&mut self) -> Result<Vec<u64>, Failure> {
        self.stream.synchronize()?;
        let Some(&first) = self.events.first() else { return Ok(Vec::new()) };
        let since = |&event: &Handle| {
            let mut elapsed = 0f32;
            self.stream.call("hipEventElapsedTime", |hip, _| {
                // SAFETY: writes one number; both events live as long as `self`, and all work is done.
                unsafe { (hip.hipEventElapsedTime)(&mut elapsed, first, event) }
            })?;
            Ok((f64::from(elapsed) * 1e6) as u64)
        };
        self.events.iter().map(since).collect()
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        for &event in &self.events {
            let _ = self.stream.release("hipEventDestroy", |hip, _| {
                // SAFETY: made by `mark`, and destroyed once.
                unsafe { (hip.hipEventDestroy)(event) }
            });
        }
    }
}
