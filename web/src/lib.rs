//! The wasm half of the npm package `hadal`.
//!
//! A page imports the TypeScript half (`web/package/src`), which starts a worker; only that worker loads this module. What is exported here is the
//! narrow interface between the two, and no person calls it:
//!
//! - [`Engine`](engine::Engine) is an open device.
//! - [`Assembly`](assembly::Assembly) takes a model file in pieces, as they arrive from the network, and their hash.
//! - [`Session`](session::Session) is a prepared model; it runs on tensors that come as a JSON header and one array of bytes each, and answers in
//!   the same form, so that bytes can be transferred between threads.
//! - [`devices`](devices::devices) says what there is and why something is not.
//!
//! Every refusal is a JavaScript `Error` with a `code` ([`error`]), which the other half turns into a `HadalError`.
//!
//! On other targets than wasm only [`digits`] is here, so that its numbers can be compared with the browser's.

#[cfg(target_arch = "wasm32")]
pub mod assembly;
#[cfg(target_arch = "wasm32")]
pub mod devices;
pub mod digits;
#[cfg(target_arch = "wasm32")]
pub mod engine;
#[cfg(target_arch = "wasm32")]
pub mod error;
#[cfg(target_arch = "wasm32")]
pub mod session;
#[cfg(target_arch = "wasm32")]
pub mod trainer;
