//! WGSL kernels and their specialisation.
#![forbid(unsafe_code)]

mod attention;
mod candidates;
mod chooser;
mod combine;
mod contract;
mod domain;
mod evaluate;
mod launch;
mod library;
mod module;
mod operators;
mod pointwise;
mod reduce;
mod scan;
mod scatter;
mod sort;
mod template;
mod types;
mod vector;

pub use candidates::candidates;
pub use launch::{Binding, Candidate, Capabilities, Launch, ShaderError, Source, Storage};
