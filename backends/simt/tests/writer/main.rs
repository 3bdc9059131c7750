//! The writer's text: what it looks like, what real compilers say of it, and what it refuses.

mod clang;
mod kernels;
mod nvrtc;
mod refused;
mod snapshots;
