//! Programs built by hand, run on the CPU backend, compared with plain loops.

mod build;
mod contract;
mod control;
mod pointwise;
mod reduce;
mod run;
