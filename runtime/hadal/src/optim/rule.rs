//! What one optimizer does differently from the others.

use crate::tensor::Tensor;
use crate::variable::Variable;
use crate::{Error, Result};
use hadal_graph::DType;
use std::cell::RefCell;
use std::fmt;

/// The rule of an optimizer: what it keeps for each parameter, and how a parameter moves. Its fields are the optimizer's options.
///
/// ```
/// use hadal::{Result, Tensor};
/// use hadal::optim::{Descent, Point, Rule, Slot};
///
/// /// Moves by the sign of the gradient alone (Riedmiller and Braun, 1993, without its step sizes).
/// #[derive(Debug)]
/// struct SignOptions;
/// type SignDescent = Descent<SignOptions>;
///
/// impl Rule for SignOptions {
///     fn slots(&self, _shape: &[usize]) -> Vec<Slot> {
///         Vec::new()
///     }
///     fn next(&self, at: &Point) -> Result<Tensor> {
///         at.moved(&at.gradient.sign()?)
///     }
/// }
/// ```
pub trait Rule: fmt::Debug {
    /// What is kept for a parameter of this shape, in its accumulator dtype (`F32`; `F64` for parameters in `F64`).
    fn slots(&self, shape: &[usize]) -> Vec<Slot>;

    /// Records the parameter's next value, and sets its slots.
    fn next(&self, at: &Point) -> Result<Tensor>;

    /// The weight decay of groups that do not state their own; 0 for none. What it means is the rule's affair.
    fn weight_decay(&self) -> f64 {
        0.0
    }

    /// Errors: options that make no sense.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// State that a rule keeps for a parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// Its name; saved as `parameter.name`.
    pub name: &'static str,
    /// Its extents.
    pub shape: Vec<usize>,
    /// What it is before the first step, everywhere.
    pub initial: f64,
}

impl Slot {
    /// Zeros.
    pub fn zeros(name: &'static str, shape: &[usize]) -> Slot {
        Slot { name, shape: shape.to_vec(), initial: 0.0 }
    }
}

/// One parameter in one step. All tensors are of the parameter's accumulator dtype.
#[derive(Debug)]
pub struct Point<'a> {
    /// The current value, without history.
    pub value: Tensor,
    /// The gradient.
    pub gradient: Tensor,
    /// The learning rate, a scalar; the group's factor is in it.
    pub rate: Tensor,
    /// The group's weight decay, or the rule's.
    pub weight_decay: f64,
    pub(super) clock: &'a Clock,
    pub(super) slots: &'a [(&'static str, Variable)],
}

impl Point<'_> {
    /// The value of a slot before the step. Errors: a slot that the rule did not ask for.
    #[track_caller]
    pub fn slot(&self, name: &str) -> Result<Tensor> {
        self.variable(name)?.get()
    }

    /// Sets a slot. Errors: as [`Point::slot`]; another type.
    #[track_caller]
    pub fn set(&self, name: &str, value: &Tensor) -> Result<()> {
        self.variable(name)?.set(value)
    }

    /// The number of the step, a scalar; 1 in the first one.
    pub fn step(&self) -> &Tensor {
        &self.clock.step
    }

    /// `1 - beta^t` in step `t`, a scalar: what an average that began at zero has to be divided by.
    #[track_caller]
    pub fn bias_correction(&self, beta: f64) -> Result<Tensor> {
        self.clock.bias_correction(beta)
    }

    /// The gradient of the loss and of `weight_decay / 2 · value²`: weight decay that passes through the moments (L2).
    #[track_caller]
    pub fn decayed_gradient(&self) -> Result<Tensor> {
        if self.weight_decay == 0.0 {
            return Ok(self.gradient.clone());
        }
        self.gradient.add((&self.value * self.weight_decay)?)
    }

    /// `direction + weight_decay · value`: weight decay that passes the moments by (decoupled; Loshchilov and Hutter, 2019).
    #[track_caller]
    pub fn decayed(&self, direction: Tensor) -> Result<Tensor> {
        if self.weight_decay == 0.0 {
            return Ok(direction);
        }
        direction.add((&self.value * self.weight_decay)?)
    }

    /// `value - rate · direction`.
    #[track_caller]
    pub fn moved(&self, direction: &Tensor) -> Result<Tensor> {
        self.value.sub((direction * &self.rate)?)
    }

    #[track_caller]
    fn variable(&self, name: &str) -> Result<&Variable> {
        match self.slots.iter().find(|(slot, _)| *slot == name) {
            Some((_, variable)) => Ok(variable),
            None => Err(Error::argument(format!(
                "the rule has no slot `{name}`\n  hint: name it in `Rule::slots` for the parameter's shape"
            ))),
        }
    }
}

/// The step's scalars in one dtype, recorded once for all parameters.
#[derive(Debug)]
pub(super) struct Clock {
    pub(super) dtype: DType,
    pub(super) rate: Tensor,
    pub(super) step: Tensor,
    corrections: RefCell<Vec<(f64, Tensor)>>,
}

impl Clock {
    pub(super) fn new(rate: &Tensor, step: &Tensor, dtype: DType) -> Result<Clock> {
        let (rate, step) = (rate.to_dtype(dtype)?, step.to_dtype(dtype)?);
        Ok(Clock { dtype, rate, step, corrections: RefCell::default() })
    }

    fn bias_correction(&self, beta: f64) -> Result<Tensor> {
        let mut corrections = self.corrections.borrow_mut();
        if let Some((_, known)) = corrections.iter().find(|(b, _)| *b == beta) {
            return Ok(known.clone());
        }
        // 1 - exp(t ln beta) without the cancellation.
        let correction = match beta {
            0.0 => self.step.ones_like()?,
            _ => (&self.step * beta.ln())?.expm1()?.neg()?,
        };
        corrections.push((beta, correction.clone()));
        Ok(correction)
    }
}

/// Errors: a decay outside of `0..1`.
#[track_caller]
pub(super) fn check_decay(name: &str, value: f64) -> Result<()> {
    if (0.0..1.0).contains(&value) {
        return Ok(());
    }
    Err(Error::argument(format!("{name} is the decay of an average and must be in 0..1, but is {value}")))
}
