//! The CPU backend of Hadal.
//!
//! [`CpuBackend`] runs [`Program`](hadal_graph::program::Program)s on the processor. It is what Hadal falls back on where there is no GPU,
//! and what `--backend cpu` names.
//!
//! # How a run happens
//!
//! `prepare` checks the program, binds its parameters where they lie (a memory map costs no memory of its own) and runs its `once`
//! steps. The first run with a set of sizes makes a [plan](plan): every step is compiled for these sizes by its [kernel](kernel), and
//! intermediates are placed in an arena by their lifetimes. A bounded number of plans is kept. A run then takes an arena from
//! the pool, resolves every value to an address, and walks the steps. Nothing is shared between runs but weights, so any number of threads may
//! run one executable.
//!
//! # Where numbers come from
//!
//! All fused arithmetic (a step's operands, its epilogue) is a pointwise program, and there is one evaluator for it: [`eval`]. It
//! turns instructions into loops over register blocks of 256 to 1024 lanes ([`ops`]), compiled for several instruction sets and
//! vectorised by the compiler ([`simd`], [`math`]). Kernels differ in which ranges of positions they evaluate and what they do with
//! the registers: store them, reduce them, multiply them ([`kernel::contract`]).
//!
//! `F16` and `BF16` are computed in `f32` and rounded where they are stored or cast. Sums of `f32` keep `f64` totals. Results do
//! not depend on the order in which threads finish: work is cut before it starts. (The cut of a matrix product may depend on their number.)
//!
//! # Threads
//!
//! A run moves to the pool if some step is worth it, and each step cuts itself into tasks ([`parallel`]), one level deep. Small
//! steps and small programs stay on their thread. In a browser everything does, unless the page may have threads and started some ([`team`]).
//!
//! # Memory
//!
//! Everything the backend holds of its own is a 64-byte aligned block of [`memory`], counted, limited and pooled. [`storage`] states who
//! may touch a buffer's bytes, and when; `unsafe` in this crate is about two things only: those rules, and addresses, which [`eval`] proves.

#![allow(rustdoc::private_intra_doc_links, reason = "the page is for those who read the source")]

mod backend;
mod bind;
mod control;
mod eval;
mod executable;
mod info;
mod kernel;
mod math;
mod memory;
mod ops;
mod parallel;
mod philox;
mod plan;
mod report;
mod simd;
mod storage;
#[cfg(any(test, all(target_arch = "wasm32", target_feature = "atomics")))]
mod team;

pub use backend::{CpuBackend, CpuFactory};
#[cfg(target_arch = "wasm32")]
pub use kernel::{Product, ProductKernel, set_product_kernel};
#[cfg(all(target_arch = "wasm32", target_feature = "atomics"))]
pub use parallel::{help, join, leave};
