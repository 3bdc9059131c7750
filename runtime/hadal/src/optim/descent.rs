//! The part that all optimizers share.

use super::group::Group;
use super::optimizer::{Optimizer, finish, plainly};
use super::rule::{Clock, Point, Rule, Slot};
use super::state::Stateful;
use crate::autograd::Gradients;
use crate::device::Device;
use crate::tensor::Tensor;
use crate::variable::Variable;
use crate::{Error, Result};
use hadal_graph::DType;
use std::panic::Location;

/// An optimizer that moves parameters by a [`Rule`].
///
/// State is kept in the accumulator dtype, `F32` for parameters in `F16` and `BF16`. Those also get *master weights*: their value in
/// `F32`, which small updates are added to and which the parameter is rounded from. Elements of a parameter that were set meanwhile,
/// for instance loaded from a file, win over their master.
#[derive(Debug)]
pub struct Descent<R> {
    rule: R,
    rate: Variable,
    /// Steps so far, `I32`.
    step: Variable,
    parameters: Vec<Parameter>,
}

#[derive(Debug)]
struct Parameter {
    variable: Variable,
    master: Option<Variable>,
    slots: Vec<(&'static str, Variable)>,
    rate_factor: f64,
    weight_decay: f64,
}

impl<R: Rule> Descent<R> {
    /// An optimizer of `variables` with its state on their device. Variables that are not trainable are left out.
    ///
    /// Errors: no trainable variables; variables on different devices; a variable twice; options that make no sense.
    #[track_caller]
    pub fn new(variables: &[&Variable], learning_rate: f64, options: R) -> Result<Descent<R>> {
        Descent::with_groups(&[Group::new(variables)], learning_rate, options)
    }

    /// An optimizer of parameter groups. Errors: as [`Descent::new`].
    #[track_caller]
    pub fn with_groups(groups: &[Group], learning_rate: f64, options: R) -> Result<Descent<R>> {
        options.check()?;
        let mut variables = groups.iter().flat_map(|g| &g.variables);
        let Some(first) = variables.next() else {
            return Err(Error::argument("an optimizer needs at least one trainable variable"));
        };
        let device = first.device().clone();
        if let Some(other) = variables.find(|v| *v.device() != device) {
            return Err(Error::devices("an optimizer", &device, other.device(), Location::caller()));
        }
        let mut parameters: Vec<Parameter> = Vec::new();
        for group in groups {
            for variable in &group.variables {
                if parameters.iter().any(|p| p.variable == *variable) {
                    return Err(Error::argument(format!(
                        "the variable `{}` was given to an optimizer twice\n  hint: name it in one group only",
                        variable.name()
                    )));
                }
                parameters.push(Parameter::new(&device, variable, group, &options)?);
            }
        }
        let rate = Variable::state("learning_rate", &Tensor::scalar(&device, learning_rate as f32)?)?;
        let step = Variable::state("step", &Tensor::scalar(&device, 0i32)?)?;
        let descent = Descent { rule: options, rate, step, parameters };
        finish(descent.step.get()?)?;
        Ok(descent)
    }

    /// Its options.
    pub fn options(&self) -> &R {
        &self.rule
    }

    /// Moves the variables against their gradients: see [`Optimizer::step`].
    pub fn step(&self, gradients: Gradients) -> Result<()> {
        Optimizer::step(self, gradients)
    }

    /// Sets the learning rate of the steps to come: see [`Optimizer::set_learning_rate`].
    #[track_caller]
    pub fn set_learning_rate(&self, rate: f64) -> Result<()> {
        self.rate.set(&Tensor::scalar(self.rate.device(), rate as f32)?)
    }
}

impl Parameter {
    fn new(device: &Device, variable: &Variable, group: &Group, rule: &impl Rule) -> Result<Parameter> {
        let dtype = variable.dtype().accumulator();
        let value = variable.get()?.detach();
        let shape = value.dims()?;
        let state =
            |name: &str, value: &Tensor| Variable::state(&format!("{}.{name}", variable.name()), value);
        let mut slots = Vec::new();
        for Slot { name, shape, initial } in rule.slots(&shape) {
            slots.push((name, state(name, &Tensor::full(device, shape.as_slice(), initial, dtype)?)?));
        }
        let master = match dtype == variable.dtype() {
            true => None,
            false => Some(state("master", &value.to_dtype(dtype)?)?),
        };
        Ok(Parameter {
            variable: variable.clone(),
            master,
            slots,
            rate_factor: group.rate_factor,
            weight_decay: group.weight_decay.unwrap_or(rule.weight_decay()),
        })
    }

    /// The value in the dtype of accumulators.
    fn value(&self, dtype: DType) -> Result<Tensor> {
        let rounded = self.variable.get()?.detach();
        let value = rounded.to_dtype(dtype)?;
        let Some(master) = &self.master else { return Ok(value) };
        let master = master.get()?;
        master.to_dtype(self.variable.dtype())?.eq(&rounded)?.where_(&master, &value)
    }

    fn record(&self, gradient: &Tensor, clock: &Clock, rule: &impl Rule) -> Result<()> {
        let rate = match self.rate_factor {
            1.0 => clock.rate.clone(),
            factor => (&clock.rate * factor)?,
        };
        let next = rule.next(&Point {
            value: self.value(clock.dtype)?,
            gradient: gradient.detach().to_dtype(clock.dtype)?,
            rate,
            weight_decay: self.weight_decay,
            clock,
            slots: &self.slots,
        })?;
        if let Some(master) = &self.master {
            master.set(&next)?;
        }
        self.variable.set(&next.to_dtype(self.variable.dtype())?)
    }
}

impl<R: Rule> Optimizer for Descent<R> {
    fn record(&self, gradients: &mut Gradients) -> Result<()> {
        plainly(|| {
            let step = (self.step.get()? + 1)?;
            self.step.set(&step)?;
            let rate = self.rate.get()?;
            let mut clocks: Vec<Clock> = Vec::new();
            for parameter in &self.parameters {
                let Some(gradient) = gradients.take(&parameter.variable) else { continue };
                let dtype = parameter.variable.dtype().accumulator();
                let known = clocks.iter().position(|c| c.dtype == dtype);
                let clock = match known {
                    Some(position) => &clocks[position],
                    None => {
                        clocks.push(Clock::new(&rate, &step, dtype)?);
                        &clocks[clocks.len() - 1]
                    }
                };
                parameter.record(&gradient, clock, &self.rule)?;
            }
            Ok(())
        })
    }

    fn parameters(&self) -> Vec<&Variable> {
        self.parameters.iter().map(|p| &p.variable).collect()
    }

    fn set_learning_rate(&self, rate: f64) -> Result<()> {
        Descent::set_learning_rate(self, rate)
    }
}

impl<R: Rule> Stateful for Descent<R> {
    fn state(&self) -> Vec<(String, &Variable)> {
        let slots = self.parameters.iter().flat_map(|p| p.slots.iter().map(|(_, v)| v).chain(&p.master));
        [&self.rate, &self.step].into_iter().chain(slots).map(|v| (v.name().to_string(), v)).collect()
    }
}
