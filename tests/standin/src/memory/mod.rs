//! Device memory: an allocation table, and for each byte whether it was ever written.

mod defined;
mod global;

pub(crate) use defined::Defined;
pub(crate) use global::GlobalMemory;

/// Where generic addresses of shared memory begin.
pub(crate) const SHARED_WINDOW: u64 = 0x7000_0000_0000;
/// Where generic addresses of local memory begin.
pub(crate) const LOCAL_WINDOW: u64 = 0x7100_0000_0000;
/// Where generic addresses of kernel parameters begin.
pub(crate) const PARAM_WINDOW: u64 = 0x7200_0000_0000;
/// The length of each window.
pub(crate) const WINDOW: u64 = 0x0100_0000_0000;
/// Where allocations begin.
pub(crate) const GLOBAL_BASE: u64 = 0x7300_0000_0000;
