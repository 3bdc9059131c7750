//! Programs built by hand on the adapters of this machine, each with all features and with none.

mod control;
mod errors;
mod large;
mod programs;
mod run;
