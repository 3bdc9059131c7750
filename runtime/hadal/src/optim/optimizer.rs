//! What all optimizers do.

use super::state::Stateful;
use crate::Result;
use crate::amp::without_autocast;
use crate::autograd::Gradients;
use crate::tensor::Tensor;
use crate::tensor::node::no_grad;
use crate::variable::Variable;
use std::fmt;

/// Moves variables against their gradients. The trait is object-safe: a trainer holds a `Box<dyn Optimizer>`.
pub trait Optimizer: Stateful + fmt::Debug {
    /// Records new values of the variables and of the state; nothing runs. Takes out the gradients that it uses.
    ///
    /// [`Optimizer::step`] is what a training loop calls; this is for what wraps an optimizer.
    fn record(&self, gradients: &mut Gradients) -> Result<()>;

    /// The variables that it trains.
    fn parameters(&self) -> Vec<&Variable>;

    /// Sets the learning rate of the steps to come: run-time data, also for functions of `jit` that are traced already.
    fn set_learning_rate(&self, rate: f64) -> Result<()>;

    /// Moves the variables against their gradients. Takes the gradients, so that none is kept that nobody needs.
    ///
    /// Outside of traces this computes the loss, the gradients and the updates in one run. Variables without a gradient stay.
    fn step(&self, mut gradients: Gradients) -> Result<()> {
        plainly(|| self.record(&mut gradients))?;
        let loss = gradients.loss().clone();
        drop(gradients);
        finish(loss)
    }
}

/// Runs `f` with neither history nor autocast: how updates are recorded.
pub(crate) fn plainly<T>(f: impl FnOnce() -> T) -> T {
    no_grad(|| without_autocast(f))
}

/// Runs a tensor, and with it all that variables were set to, unless a trace is under way.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn finish(tensor: Tensor) -> Result<()> {
    if crate::trace::scope() != 0 {
        return Ok(());
    }
    // Versions that are pending run even where the tensor has a value already.
    let mut wanted = tensor.device().effects().take();
    wanted.push(tensor);
    crate::device::block_on(crate::tensor::materialise(wanted))
}

/// In a browser, which cannot wait, updates run with whatever is awaited next.
#[cfg(target_arch = "wasm32")]
pub(crate) fn finish(_tensor: Tensor) -> Result<()> {
    Ok(())
}
