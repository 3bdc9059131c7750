//! A stand-in for an NVIDIA GPU and its driver, for tests on machines that have none.
//!
//! Real NVRTC needs no GPU, and emits PTX. This crate runs that PTX on the CPU, and exports the functions of the CUDA driver, so that host code runs unchanged: as a C library
//! it is what `cudarc` finds as `libcuda.so`. (NVRTC opens `libcuda.so.1` by itself and wants more of it than is here; that name must stay free.) What it shows is that kernels
//! and host code are *right*, as far as PTX defines it; it says nothing of speed, nor of what only hardware decides: the order in which blocks run, the last bits of
//! approximate functions, the memory model's weaker orders.
//!
//! | folder | job |
//! |---|---|
//! | `ptx` | text to a module: declarations, functions, statements |
//! | `compile` | a kernel to decoded instructions; **an opcode or modifier that is not known is an error that names it** |
//! | `numeric` | arithmetic and conversions with PTX's roundings |
//! | `memory` | the allocation table, and which bytes were ever written |
//! | `exec` | warps, divergence, barriers, collectives, matrices; races |
//! | `hip` | HIP's runtime and hipRTC on the driver and NVRTC |
//! | `driver` | devices, contexts, modules, streams, events, pools: the exported functions |
//! | `blas` | the matrix products of cuBLAS and hipBLAS that the hardware kit calls |
//!
//! **Checks.** Each finding stops the kernel and names kernel, block, thread and PTX line ([`Finding`]): races in shared memory between barriers and in global memory
//! between threads and blocks, barriers that not all threads reach, addresses out of bounds or not aligned, reads of what nobody wrote, use after free, hangs; and what is still
//! allocated when a context is destroyed. To the host it is the error code that a driver would give, at the next call that waits; the text is got with
//! `hadal_standin_last_report`.
//!
//! **Use.** A test of kernels talks to a [`Machine`]: it loads PTX text, writes memory, launches, reads. A test of a host opens the library with [`Loaded`] or as [`place`] says, runs the host, and
//! asks the library's own functions what it saw: `hadal_standin_last_report`, `_findings`, `_live_allocations`, `_calls`, `_instructions`; `_fail(n, code)` makes the n-th call
//! from now fail, `_clear` starts anew. Settings come from the environment, see [`Settings::from_environment`].
//!
//! **What is missing**, and refused by name: clusters, `mbarrier` and bulk copies, `wgmma` and `tcgen05`, textures, indirect calls and recursion, `brx.idx`, `mma` of `m8n8k4`
//! halves and of fewer than 8 bits, graphs, managed memory, machine code. What is computed more exactly than on a device: approximate functions and the sums of matrix products.
//! What is not looked for: races between streams, since work is done when it is given, and hosts that read a pinned buffer too early.
//!
//! **Decisions.** One thread of the host runs everything, at the moment of the launch: findings are the same each time, and a test suite uses its cores by running tests
//! beside each other. Addresses are numbers that the host cannot dereference, and are never given out twice.

mod blas;
mod compile;
mod driver;
mod exec;
mod hip;
mod loaded;
mod machine;
mod memory;
mod numeric;
pub mod place;
mod ptx;
mod report;

pub use compile::CompileError;
pub use loaded::Loaded;
pub use machine::{LaunchError, LoadError, Machine, ModuleId, Settings};
pub use ptx::ParseError;
pub use report::{Finding, FindingKind};
