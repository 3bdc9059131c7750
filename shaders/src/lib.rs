//! WGSL kernels and their specialisation.
#![forbid(unsafe_code)]

mod launch;

pub use launch::{Binding, Capabilities, Launch, ShaderError, Storage};
