//! Optimizers: functions on variables, and learning-rate schedules.
//!
//! An optimizer's state (moments, the step count, the learning rate) lies in [`Variable`]s. So it works the same eagerly and within a
//! function of `jit`, and a new learning rate plans nothing anew.
//!
//! Eagerly, a step computes the loss, the gradients and the updates in one run.

mod adam;
mod schedule;
mod sgd;

pub use adam::{Adam, AdamOptions};
pub use schedule::CosineSchedule;
pub use sgd::Sgd;

use crate::Result;
use crate::tensor::Tensor;
use crate::variable::Variable;

/// Runs what a step has set, together with the loss, unless a trace is under way.
#[cfg(not(target_arch = "wasm32"))]
fn finish(loss: Tensor, variables: &[&Variable]) -> Result<()> {
    if crate::trace::scope() != 0 {
        return Ok(());
    }
    let mut wanted = vec![loss];
    for variable in variables {
        wanted.push(variable.held()?);
    }
    crate::device::block_on(crate::tensor::materialise(wanted))
}

/// In a browser, which cannot wait, updates run with whatever is awaited next.
#[cfg(target_arch = "wasm32")]
fn finish(_loss: Tensor, _variables: &[&Variable]) -> Result<()> {
    Ok(())
}
