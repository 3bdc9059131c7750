//! Evaluation of pointwise programs, block by block.
//!
//! A [`Body`] or [`Operand`](hadal_graph::program::Operand) is [compiled](Compiled::new) for one set of sizes: dims become numbers, axes
//! merge, every instruction becomes a loop over a register block, dead instructions go. A [`Frame`] holds the register blocks of one
//! worker. [`Compiled::eval`] then evaluates any range of linear positions of the domain (row-major) and leaves registers as vectors
//! and results in memory.
//!
//! Instructions that are the same over the whole domain are evaluated once per frame, those that are the same along the innermost axis once
//! per row. Loads of contiguous memory are not copied: the register points there. A register that is stored contiguously is computed in
//! place of its result.
//!
//! # Safety
//!
//! Every address is proven in range when the program is compiled (an affine map's extremes over the domain, plus those of its clamped
//! run-time indices), or, where guards cut the domain, tested as it is formed. So a malformed program is an error, not a wild access.

mod compile;
mod frame;
mod load;
pub(crate) mod map;

pub(crate) use compile::{Compiled, Source, Stepped};
pub(crate) use frame::{Frame, Operands, read_index};
