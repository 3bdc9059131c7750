//! Programs built by hand, run on the CPU backend, compared with plain loops.

mod attention;
mod build;
mod contract;
mod control;
mod order;
mod pointwise;
mod reduce;
mod run;
mod scatter;
