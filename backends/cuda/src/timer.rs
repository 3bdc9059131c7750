//! Events as marks in the device's work.

use crate::device::Stream;
use cudarc::driver::{result, sys};
use hadal_native::{Failure, Timer};
use std::sync::Arc;

/// Destroyed when they are dropped.
pub(crate) struct Events {
    stream: Arc<Stream>,
    events: Vec<sys::CUevent>,
}

// SAFETY: the driver's handles may be used by any thread.
unsafe impl Send for Events {}

impl Events {
    /// No marks yet.
    pub(crate) fn new(stream: Arc<Stream>) -> Events {
        Events { stream, events: Vec::new() }
    }
}

impl Timer for Events {
    fn mark(&mut self) -> Result<(), Failure> {
        let event = self
            .stream
            .call("cuEventCreate", |_| result::event::create(sys::CUevent_flags::CU_EVENT_DEFAULT))?;
        self.events.push(event);
        // SAFETY: event and stream live as long as `self`.
        self.stream.call("cuEventRecord", |stream| unsafe { result::event::record(event, stream) })
    }

    fn read(&mut self) -> Result<Vec<u64>, Failure> {
        self.stream.synchronize()?;
        let Some(&first) = self.events.first() else { return Ok(Vec::new()) };
        let since = |&event: &sys::CUevent| {
            // SAFETY: both events live as long as `self`, and all work is done.
            let elapsed = self
                .stream
                .call("cuEventElapsedTime", |_| unsafe { result::event::elapsed(first, event) })?;
            Ok((f64::from(elapsed) * 1e6) as u64)
        };
        self.events.iter().map(since).collect()
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        for &event in &self.events {
            // SAFETY: made by `mark`, and destroyed once.
            let _ = self.stream.release("cuEventDestroy", |_| unsafe { result::event::destroy(event) });
        }
    }
}
