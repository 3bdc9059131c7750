//! WGSL kernels and their specialisation.
#![forbid(unsafe_code)]

mod candidates;
mod launch;

pub use candidates::candidates;
pub use launch::{Binding, Candidate, Capabilities, Launch, ShaderError, Source, Storage};
