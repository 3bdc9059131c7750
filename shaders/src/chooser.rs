//! Which variants a step gets, best first: plain rules on the class of device and the shape.

use crate::Capabilities;

/// Elements (or `vec4`s) that one thread of an elementwise kernel handles: a software device pays for every thread.
pub(crate) fn elements_per_thread(capabilities: &Capabilities) -> u32 {
    if capabilities.software { 4 } else { 1 }
}

/// Whole `vec4`s wherever the maps allow it.
pub(crate) fn pointwise() -> &'static [&'static str] {
    &["pointwise/vec4", "pointwise/scalar"]
}
