//! WGSL kernels and their specialisation: text in, text out.
//!
//! A backend hands over one [`Step`](hadal_graph::program::Step) of a program and the [`Capabilities`] of its device;
//! [`candidates`] returns the ways to run it, best first, as WGSL modules with everything that it takes to launch them. Nothing here
//! knows a device, and the crate carries no WGSL parser: a browser compiles the text itself, and naga checks it in tests only.
//!
//! # Kernel files
//!
//! `kernels/` has one file per variant of an archetype. Each is valid WGSL as it stands, computing the plainest step of its kind on
//! `f32`. Regions between `//: hook NAME` and `//: end` are replaced by what the specialiser prints: bindings, type aliases,
//! constants, and the bodies of small functions such as `load_a(batch, m, k)` or `store(batch, m, n, sum)`. A region
//! `//: repeat NAME` is copied once per item (a reduction has several phases), with `_0` renumbered. So the control flow of a kernel
//! is always read, and edited, in its `.wgsl` file; Rust prints straight-line code and nothing else.
//!
//! `library/` holds functions that kernels call by name; the ones that a text uses, directly or not, are appended to it. They supply
//! what WGSL lacks (64-bit integers as two words, small integers that wrap, bf16, exact remainders, Philox) or has with too
//! little precision for a numerical library (`tanh`, `atan`, `log1p`, `pow`), and they recognise NaN and infinity by their bits, since a
//! WGSL compiler may assume that neither occurs.
//!
//! # From a step to its text
//!
//! 1. *Axes collapse* (`domain`): neighbouring axes that every index map walks as one become one, so contiguous work of any rank is
//!    rank 1 and needs no division.
//! 2. The *chooser* (`chooser`) names the variants that fit, by rules on the class of device and the shape.
//! 3. The archetype's module (`pointwise`, `reduce`, `contract`, `attention`, `scatter`, `scan`, `sort`) fills the hooks. Fused
//!    arithmetic is printed by `evaluate` and `operators`, one `let` per instruction.
//! 4. `module` declares the bindings and the parameters and assembles the [`Launch`].
//!
//! # What the text depends on
//!
//! On the fused program, dtypes, rank, storage and variant, **never on extents**: every size or stride other than 0 and 1 is a slot
//! of the uniform `params`, so a new sequence length compiles nothing. What may depend on sizes is which variants are offered and in
//! which order, and the size class of an attention head. Whether a stride is a multiple of four is decided on its polynomial, not on its value.
//!
//! # Values in buffers and in registers
//!
//! [`Storage`] says how elements lie in a buffer: small types are widened so that no two invocations write one word, except in frozen
//! parameters, which stay packed. In registers `f16` and `bf16` are `f32`, small integers are `i32` or `u32` kept wrapped, 64-bit
//! integers are `vec2<u32>`. Loads, stores and casts round.
//!
//! WebGPU tracks usage per buffer, so whatever may lie in an arena is bound `read_write`, and values that share storage are one binding.
//! Kernels read and write whole `vec4`s where they can; the padding that [`Storage::bytes`] adds makes that safe at the end of a buffer.
//!
//! An index that only the run knows is brought into range; where that is an error by the op's definition, the kernel reports a fault
//! (see [`Launch::faults`]) and the backend turns it into one.
//! Where a driver ends loops after so many rounds (Mesa's llvmpipe: 65,535 of an invocation, all loops together), every kernel ends with a look at whether that happened
//! ([`Capabilities::ends_loops`]).
#![forbid(unsafe_code)]

mod attention;
mod candidates;
mod chooser;
mod combine;
mod contract;
mod custom;
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
pub use launch::{
    Binding, Candidate, Capabilities, LOOPS_ENDED, Launch, NativeEntry, ShaderError, Source, Storage,
};
