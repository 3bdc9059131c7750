//! The test build of the npm package's module: all of `hadal-web`, and what only tests need.
//!
//! [`cases`] states a handful of fused graphs; a native test runs them on the cpu backend. For wasm the crate is the package's module with a
//! function more, `check`, which runs them, or the op cases of `tests/suite`, on the backend that the page names and answers with JSON. `cargo xtask browser`
//! builds the module once, puts it where the package has its own, and drives a headless Chromium over it with `run.mjs`.
//!
//! The browser compiles WGSL itself, so naga has no place in the module: `tests/dependencies.rs` looks.

pub mod cases;
#[cfg(target_arch = "wasm32")]
mod check;

// Linked, so that the module exports all that the package's own does.
#[cfg(target_arch = "wasm32")]
pub use hadal_web::*;
