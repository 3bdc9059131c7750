//! The wasm half of the npm package `hadal`.
//!
//! A page imports the TypeScript half (`web/package/src`), which starts a worker; only that worker loads this module. What is exported here is the
//! narrow interface between the two, and no person calls it:
//!
//! - [`Engine`](engine::Engine) is an open device.
//! - [`Assembly`](assembly::Assembly) takes a model file in pieces, as they arrive from the network; [`Header`](header::Header) is the beginning of one
//!   whose weights need not be held, since they go to a GPU as they arrive; [`Sieve`](sieve::Sieve) makes one of an ONNX file;
//!   [`Digest`](digest::Digest) is the hash of any.
//! - [`Session`](session::Session) is a prepared model; it runs on tensors that come as a JSON header and one array of bytes each, and answers in
//!   the same form, so that bytes can be transferred between threads.
//! - [`use_relaxed`](relaxed::use_relaxed) takes a kernel of matrix products from a module beside this one.
//! - `team`, where the module was compiled for shared memory, takes in threads.
//! - [`devices`](devices::devices) says what there is and why something is not.
//!
//! Every refusal is a JavaScript `Error` with a `code` ([`error`]), which the other half turns into a `HadalError`.
//!
//! On other targets than wasm only [`digits`] is here, so that its numbers can be compared with the browser's.

#[cfg(target_arch = "wasm32")]
pub mod assembly;
#[cfg(target_arch = "wasm32")]
pub mod devices;
#[cfg(target_arch = "wasm32")]
pub mod digest;
pub mod digits;
#[cfg(target_arch = "wasm32")]
pub mod engine;
#[cfg(target_arch = "wasm32")]
pub mod error;
#[cfg(target_arch = "wasm32")]
pub mod header;
#[cfg(target_arch = "wasm32")]
mod profile;
#[cfg(target_arch = "wasm32")]
pub mod relaxed;
#[cfg(target_arch = "wasm32")]
pub mod session;
#[cfg(target_arch = "wasm32")]
pub mod sieve;
#[cfg(all(target_arch = "wasm32", target_feature = "atomics"))]
pub mod team;
#[cfg(target_arch = "wasm32")]
pub mod trainer;
