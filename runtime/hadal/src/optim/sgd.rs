//! Stochastic gradient descent.

use super::finish;
use crate::autograd::Gradients;
use crate::tensor::Tensor;
use crate::tensor::node::no_grad;
use crate::variable::Variable;
use crate::{Error, Result};

/// Stochastic gradient descent, with momentum: `m = momentum · m + g`, `w -= rate · m`.
#[derive(Debug)]
pub struct Sgd {
    momentum: f64,
    rate: Variable,
    /// Each variable, and its momentum where there is some.
    parameters: Vec<(Variable, Option<Variable>)>,
}

impl Sgd {
    /// An optimizer of `variables`. Variables that are not trainable are left out. Errors: no trainable variables.
    #[track_caller]
    pub fn new(variables: &[&Variable], learning_rate: f64, momentum: f64) -> Result<Sgd> {
        let mut parameters = Vec::new();
        for &variable in variables.iter().filter(|v| v.is_trainable()) {
            let state = if momentum == 0.0 {
                None
            } else {
                let zeros = Tensor::zeros(variable.device(), variable.shape().clone(), variable.dtype())?;
                Some(Variable::state(&format!("{}.momentum", variable.name()), &zeros)?)
            };
            parameters.push((variable.clone(), state));
        }
        let Some((first, _)) = parameters.first() else {
            return Err(Error::argument("an optimizer needs at least one trainable variable"));
        };
        let rate = Variable::state("learning_rate", &Tensor::scalar(first.device(), learning_rate as f32)?)?;
        let sgd = Sgd { momentum, rate, parameters };
        finish(sgd.rate.get()?, &sgd.state())?;
        Ok(sgd)
    }

    /// Sets the learning rate of the steps to come: run-time data.
    #[track_caller]
    pub fn set_learning_rate(&self, rate: f64) -> Result<()> {
        self.rate.set(&Tensor::scalar(self.rate.device(), rate as f32)?)
    }

    /// Moves the variables against their gradients; otherwise as [`Adam::step`](super::Adam::step).
    #[track_caller]
    pub fn step(&self, mut gradients: Gradients) -> Result<()> {
        no_grad(|| self.record(&mut gradients))?;
        let loss = gradients.loss().clone();
        drop(gradients);
        finish(loss, &self.state())
    }

    /// The variables that it trains and those that it keeps for them.
    pub fn state(&self) -> Vec<&Variable> {
        let all = self.parameters.iter().flat_map(|(variable, momentum)| [Some(variable), momentum.as_ref()]);
        std::iter::once(&self.rate).chain(all.flatten()).collect()
    }

    fn record(&self, gradients: &mut Gradients) -> Result<()> {
        for (variable, momentum) in &self.parameters {
            let Some(gradient) = gradients.take(variable) else { continue };
            let direction = match momentum {
                Some(state) => {
                    let next = ((state.get()? * self.momentum)? + gradient)?;
                    state.set(&next)?;
                    next
                }
                None => gradient,
            };
            let rate = self.rate.get()?.to_dtype(variable.dtype())?;
            variable.set(&(variable.get()?.detach() - (direction * rate)?)?)?;
        }
        Ok(())
    }
}
