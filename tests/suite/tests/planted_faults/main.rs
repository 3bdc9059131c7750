//! Faults planted on purpose, each of which has to be caught: by the rules of programs, by comparing numbers with the reference, by the
//! tuner's check, or by the keys of caches.
//!
//! A fault that nobody catches fails its test, and so does a check that cannot tell the right program from the wrong one: everything is shown to
//! pass first. Kernels with wrong text are planted beside the tuner of the wgpu backend, which alone can see them.

mod caches;
mod plant;
mod programs;
mod tuning;
