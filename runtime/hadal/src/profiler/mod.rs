//! Where time and memory go.
//!
//! ```
//! use hadal::profiler::{By, profile};
//! use hadal::{Device, Tensor};
//!
//! let device = Device::open("cpu")?;
//! let x = Tensor::randn(&device, [64, 64], 1)?;
//! let (y, profile) = profile(&device, || x.matmul(&x)?.relu()?.to_vec::<f32>())?;
//! assert_eq!(y.len(), 64 * 64);
//! println!("{}", profile.table(By::Op, 20));                    // where device time goes
//! # let folder = std::env::temp_dir().join("hadal-profiler-example");
//! profile.write(&folder)?;                                      // trace.json opens in https://ui.perfetto.dev
//! # Ok::<(), hadal::Error>(())
//! ```
//!
//! # What is recorded
//!
//! While a [`Profiler`] is at work on a device, every run of a plan is timed launch by launch, by the host's clock on cpu and by timestamps on
//! wgpu. On the host, what is not the device's work is timed: tracing, planning, preparing, copies to and fro. Of memory, every block that is
//! handed out or given back is noted with what was going on then. [`range`] names parts of a program, as `torch.profiler.record_function` does.
//!
//! Launches have the line that asked for their result; those of a backward pass that is recorded within the scope have the line of the forward op.
//! Values are lazy: what nobody asks for within the scope does not run in it.
//!
//! # What it costs
//!
//! Nothing when it is off: one look at a flag for each run. While it is on, a run waits until its launches are over, since they are timed one by
//! one and do not overlap: a profile says where time goes, not how fast the program is without it. Numbers do not change. A device without
//! timestamps runs as ever; its runs are then known as a whole only.
//!
//! Waiting is awaiting, so a browser is served as well, where the program gives the page's clock ([`hadal_device::clock`]).

mod memory;
mod recording;
mod report;
mod table;
mod trace;

pub use memory::{Live, MemoryPoint, MemoryTimeline};
pub use report::{By, HostEvent, HostWork, Launch, Profile, Row, RunEvent};

pub(crate) use recording::Slot;
use recording::{Recording, Span};

use crate::device::Device;
use crate::{Error, Result};
use std::sync::Arc;

/// Profiles what `f` does on a device: `torch.profiler.profile`. Gives what `f` returned, and the profile.
///
/// Errors: those of `f`; a device that computes nothing, or that is being profiled already.
pub fn profile<R>(device: &Device, f: impl FnOnce() -> Result<R>) -> Result<(R, Profile)> {
    let profiler = Profiler::start(device)?;
    let result = f()?;
    Ok((result, profiler.stop()))
}

/// Names what `f` does in the profile of a device; without one, it only runs `f`: `torch.profiler.record_function`.
pub fn range<R>(device: &Device, name: &str, f: impl FnOnce() -> R) -> R {
    let _span = device.book().profiler.span(HostWork::Range, || name.to_string());
    f()
}

/// Profiles a device until it is stopped or dropped: for scopes that a closure cannot have, such as those that await.
#[derive(Debug)]
pub struct Profiler {
    device: Device,
    recording: Arc<Recording>,
}

impl Profiler {
    /// Begins. Errors: a device that computes nothing, or that is being profiled already.
    pub fn start(device: &Device) -> Result<Profiler> {
        let backend = device.backend()?;
        let recording = Arc::new(Recording::new());
        if !device.book().profiler.begin(&recording) {
            return Err(Error::argument(format!(
                "{device} is being profiled already\n  hint: stop the first profile before a second one begins"
            )));
        }
        let before = backend.observe_memory(Some(recording.clone()));
        recording.memory_before(before);
        Ok(Profiler { device: device.clone(), recording })
    }

    /// Ends, and gives what was recorded.
    pub fn stop(self) -> Profile {
        let name = match self.device.info() {
            Some(info) => format!("{} {}", info.id(), info.name),
            None => self.device.to_string(),
        };
        let recording = self.recording.clone();
        drop(self);
        recording.finish(name)
    }
}

impl Drop for Profiler {
    fn drop(&mut self) {
        if let Ok(backend) = self.device.backend() {
            backend.observe_memory(None);
        }
        self.device.book().profiler.end();
        self.recording.end();
    }
}

/// Notes a piece of the host's work until it is dropped; `None` where nobody looks on.
pub(crate) fn span(device: &Device, work: HostWork, name: impl FnOnce() -> String) -> Option<Span> {
    device.book().profiler.span(work, name)
}
