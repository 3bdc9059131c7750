//! The browser's smoke test: a handful of graphs, on WebGPU and on the cpu backend in wasm, against the reference.
//!
//! [`cases`] states the graphs; a native test runs them on the cpu backend. For wasm the crate is a module with one function, `smoke`, which
//! runs all of them on the backend that the page names and answers with JSON. `cargo xtask browser` builds the module, lets `bindgen` write its
//! JavaScript side, and drives a headless Chromium over it with `run.mjs`.
//!
//! The browser compiles WGSL itself, so naga has no place in the module: `tests/dependencies.rs` looks.

pub mod cases;
#[cfg(target_arch = "wasm32")]
mod smoke;
