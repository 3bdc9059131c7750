//! What a real driver does not have: the report, ordered failures, counts.

use super::state::Driver;
use super::{Status, driver};
use std::ffi::{c_char, c_uint};

/// The text of the last finding; empty if there was none. It is valid until the next call of the driver.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn hadal_standin_last_report() -> *const c_char {
    driver().report.as_ptr()
}

/// How many findings there were.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn hadal_standin_findings() -> u64 {
    driver().findings
}

/// Starts anew, as if the process had just begun: no context, no memory, no findings, no failure ordered.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn hadal_standin_clear() {
    *driver() = Driver::new();
}

/// Makes the `n`-th call from now fail with `code`; none for 0.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn hadal_standin_fail(n: u64, code: Status) {
    driver().order_failure(n, code);
}

/// Calls so far, those that name errors excepted.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn hadal_standin_calls() -> u64 {
    driver().calls()
}

/// Live allocations of device memory, and of page-locked memory of the host.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn hadal_standin_live_allocations() -> u64 {
    let driver = driver();
    (driver.machine.live() + driver.pinned.len()) as u64
}

/// Instructions of warps that all launches ran.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn hadal_standin_instructions() -> u64 {
    driver().machine.executed()
}

/// The device's compute capability and the number of its multiprocessors, for contexts made from now on.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn hadal_standin_device(major: c_uint, minor: c_uint, multiprocessors: c_uint) {
    let settings = &mut driver().machine.settings;
    settings.architecture = (major, minor);
    settings.multiprocessors = multiprocessors.max(1);
}
