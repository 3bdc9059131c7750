//! Optimizers and schedules against traces that `make.py` beside this file made with PyTorch, on every device, eagerly and under `jit`; and
//! what is saved and restored.

#[path = "../reference/mod.rs"]
mod reference;

mod model;
mod registry;
mod resume;
mod schedules;
mod traces;
