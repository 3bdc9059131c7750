//! The device interface of Hadal.
#![forbid(unsafe_code)]

mod backend;
mod buffer;
pub mod clock;
mod error;
mod info;
mod live;
mod maybe_send;
mod observer;
mod registry;
mod selector;
mod stream;
mod tuner;

pub use backend::{
    Arguments, Backend, Executable, ExecutableStats, MemoryStats, PlanReport, PlanStep, Results, StepClock,
    StepTime, Weights,
};
pub use buffer::{Buffer, Storage};
pub use error::DeviceError;
pub use info::{DeviceInfo, DeviceKind};
pub use live::LiveTensor;
pub use maybe_send::{DeviceFuture, MaybeSend, MaybeSync};
pub use observer::{MemoryObserver, MemoryUse};
pub use registry::{BackendFactory, Listing, Registry};
pub use selector::{Selector, SelectorError, Which};
pub use stream::{Arriving, WeightStream, gather};
pub use tuner::{Rejection, Tuner, Verdict};
