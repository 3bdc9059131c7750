//! Adam, with decoupled weight decay.

use super::finish;
use crate::autograd::Gradients;
use crate::tensor::Tensor;
use crate::tensor::node::no_grad;
use crate::variable::Variable;
use crate::{Error, Result};
use hadal_graph::DType;

/// Constants of [`Adam`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamOptions {
    /// Decay of the mean of gradients.
    pub beta1: f64,
    /// Decay of the mean of their squares.
    pub beta2: f64,
    /// Added to the root of the latter.
    pub epsilon: f64,
    /// Decoupled weight decay (AdamW); 0 for none.
    pub weight_decay: f64,
}

impl Default for AdamOptions {
    fn default() -> AdamOptions {
        AdamOptions { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 }
    }
}

/// Adam (Kingma and Ba, 2015), with decoupled weight decay (Loshchilov and Hutter, 2019).
#[derive(Debug)]
pub struct Adam {
    options: AdamOptions,
    rate: Variable,
    /// `beta^t` of both betas after `t` steps, as running products: the step count in the form in which it is used.
    powers: [Variable; 2],
    parameters: Vec<Parameter>,
}

#[derive(Debug)]
struct Parameter {
    variable: Variable,
    mean: Variable,
    square: Variable,
}

impl Adam {
    /// An optimizer of `variables` with its state on their device. Variables that are not trainable are left out.
    ///
    /// Errors: no trainable variables; variables on different devices.
    #[track_caller]
    pub fn new(variables: &[&Variable], learning_rate: f64, options: AdamOptions) -> Result<Adam> {
        let trainable: Vec<&Variable> = variables.iter().copied().filter(|v| v.is_trainable()).collect();
        let Some(first) = trainable.first() else {
            return Err(Error::argument("an optimizer needs at least one trainable variable"));
        };
        let device = first.device().clone();
        if let Some(other) = trainable.iter().find(|v| *v.device() != device) {
            return Err(Error::devices("Adam", &device, other.device(), std::panic::Location::caller()));
        }
        let scalar = |name: &str, value: f64| Variable::state(name, &Tensor::scalar(&device, value as f32)?);
        let mut parameters = Vec::new();
        for variable in trainable {
            // Moments are as wide as sums: those of half-precision parameters are f32.
            let zeros = Tensor::zeros(&device, variable.shape().clone(), variable.dtype().accumulator())?;
            parameters.push(Parameter {
                variable: variable.clone(),
                mean: Variable::state(&format!("{}.mean", variable.name()), &zeros)?,
                square: Variable::state(&format!("{}.square", variable.name()), &zeros.zeros_like()?)?,
            });
        }
        let adam = Adam {
            options,
            rate: scalar("learning_rate", learning_rate)?,
            powers: [scalar("beta1_power", 1.0)?, scalar("beta2_power", 1.0)?],
            parameters,
        };
        finish(adam.rate.get()?, &adam.state())?;
        Ok(adam)
    }

    /// Sets the learning rate of the steps to come: run-time data.
    #[track_caller]
    pub fn set_learning_rate(&self, rate: f64) -> Result<()> {
        self.rate.set(&Tensor::scalar(self.rate.device(), rate as f32)?)
    }

    /// Moves the variables against their gradients. Takes the gradients, so that none is kept that nobody needs.
    ///
    /// Outside of traces this computes the loss, the gradients and the updates in one run. Variables without a gradient stay.
    #[track_caller]
    pub fn step(&self, mut gradients: Gradients) -> Result<()> {
        no_grad(|| self.record(&mut gradients))?;
        let loss = gradients.loss().clone();
        drop(gradients);
        finish(loss, &self.state())
    }

    /// The variables that it trains and those that it keeps for them.
    pub fn state(&self) -> Vec<&Variable> {
        let own = [&self.rate, &self.powers[0], &self.powers[1]];
        own.into_iter()
            .chain(self.parameters.iter().flat_map(|p| [&p.variable, &p.mean, &p.square]))
            .collect()
    }

    fn record(&self, gradients: &mut Gradients) -> Result<()> {
        let AdamOptions { beta1, beta2, epsilon, weight_decay } = self.options;
        let power1 = (self.powers[0].get()? * beta1)?;
        let power2 = (self.powers[1].get()? * beta2)?;
        self.powers[0].set(&power1)?;
        self.powers[1].set(&power2)?;
        let rate = self.rate.get()?;
        let correction1 = (1.0 - &power1)?;
        let correction2 = (1.0 - &power2)?.sqrt()?;
        for Parameter { variable, mean, square } in &self.parameters {
            let Some(gradient) = gradients.take(variable) else { continue };
            let dtype = mean.dtype();
            let [rate, correction1, correction2] = cast([&rate, &correction1, &correction2], dtype)?;
            let gradient = gradient.to_dtype(dtype)?;
            let m = ((mean.get()? * beta1)? + (&gradient * (1.0 - beta1))?)?;
            let v = ((square.get()? * beta2)? + (gradient.sqr()? * (1.0 - beta2))?)?;
            let denominator = ((v.sqrt()? / &correction2)? + epsilon)?;
            let mut update = ((&m / &correction1)? / denominator)?;
            let value = variable.get()?.detach().to_dtype(dtype)?;
            if weight_decay != 0.0 {
                update = (update + (&value * weight_decay)?)?;
            }
            let next = (value - (update * &rate)?)?;
            mean.set(&m)?;
            square.set(&v)?;
            variable.set(&next.to_dtype(variable.dtype())?)?;
        }
        Ok(())
    }
}

fn cast<const N: usize>(tensors: [&Tensor; N], dtype: DType) -> Result<[Tensor; N]> {
    let mut result = tensors.map(Clone::clone);
    for tensor in &mut result {
        *tensor = tensor.to_dtype(dtype)?;
    }
    Ok(result)
}
