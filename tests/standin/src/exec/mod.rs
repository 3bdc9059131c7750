//! The interpreter: blocks of warps of 32 lanes.
//!
//! **Lanes.** The lanes of a warp that stand at the same instruction are a *group*. A branch that only some lanes take splits a group; groups that meet are merged. The group
//! that stands lowest in the program runs first, which brings lanes together where a structured program joins its branches. A group that keeps jumping backwards while others
//! could run has to let them: so lanes that wait for each other in a loop make progress, as on devices since Volta.
//!
//! **Warps and blocks.** A warp runs until all of its groups wait or are done, or until its share of instructions is used up; then the next one runs. Blocks run one after the
//! other. A block whose share is used up is laid aside while the next ones run, so blocks may wait for others of the same grid as long as all fit on the device. One thread of
//! the host does it all: the same launch gives the same findings each time.
//!
//! **Undefined values.** Each register knows which of its lanes hold a value. Arithmetic with undefined operands gives undefined results, and using one as an address, as a
//! condition of a branch, or in an atomic is a finding; storing one makes the memory undefined. Reading memory that is undefined is a finding at once.

mod access;
mod asynchronous;
mod atomic;
mod block;
mod collective;
mod launch;
pub(crate) mod matrix;
mod print;
mod race;
mod step;
mod warp;

pub(crate) use launch::{Launch, Limits};
pub(crate) use warp::Place;

/// Lanes of a warp.
pub(crate) const LANES: usize = 32;
