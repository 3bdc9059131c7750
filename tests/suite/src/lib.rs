//! Cross-backend suites.
//!
//! A [`Case`] states a graph and its inputs once. [`run`] executes it on any open [`Backend`](hadal_device::Backend) and compares every output with the
//! reference interpreter within the one table of [tolerances](tolerance::tolerance). The runner is asynchronous, so a browser can drive it too.
//!
//! - [`cases`] is the library of op cases: dtypes, ranks, empty tensors, views, odd sizes.
//! - [`gradients`] is the library of gradients: every differentiable op against central differences, and on every backend.
//! - [`random`] makes graphs of many mixed ops from a seed.
//! - [`coverage`] counts what programs exercised, so that a suite that misses an archetype or a primitive fails.
#![forbid(unsafe_code)]

mod case;
pub mod cases;
pub mod coverage;
pub mod gradients;
pub mod random;
mod runner;
pub mod tolerance;

pub use case::{Case, Random, fill};
pub use runner::{Failure, check_compiled, check_program, run, run_compiled};
