//! The precision of each parameter, chosen by the range of its gradient.

use super::autocast::{Policy, under};
use crate::autograd::Gradients;
use crate::optim::{Stateful, plainly, state_dict_async};
use crate::plan::lock;
use crate::tensor::Tensor;
use crate::trace;
use crate::variable::Variable;
use crate::{Error, Result};
use hadal_graph::DType;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::{Arc, Mutex};

/// The least exponent of a normal number in `F16`. Below it gradients lose bits, and below -24 they are zero.
const LEAST_EXPONENT: i32 = -14;
/// The greatest exponent in `F16`.
const GREATEST_EXPONENT: i32 = 15;

/// Watches the range of each parameter's gradient, and chooses `F16` for ops that read the parameter where that range fits, else `BF16`.
///
/// `F16` has 10 bits of fraction and 30 binades, `BF16` 7 bits and the range of `F32`. A parameter's gradient *fits* if its largest
/// element is well within `F16` and at most [`tolerance`](PrecisionSelector::with_tolerance) of its elements that are not zero lie below the normal numbers
/// of `F16`. What is shown to [`observe`](PrecisionSelector::observe) is the gradient that the backward pass computes, with the loss scale in it.
///
/// Observations stay on the device; [`choose`](PrecisionSelector::choose) reads them, at the end of an epoch. A function of [`jit`](crate::jit())
/// that records under [`autocast`](PrecisionSelector::autocast) is traced again when a choice has changed.
#[derive(Clone, Debug)]
pub struct PrecisionSelector(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tolerance: f64,
    watched: Vec<Watched>,
    choices: Mutex<Choices>,
}

#[derive(Debug)]
struct Watched {
    variable: Variable,
    /// Largest magnitude, and smallest that is not zero, `F32`.
    largest: Variable,
    smallest: Variable,
    /// Sum over the steps of the share of elements that are too small for `F16`.
    low: Variable,
    steps: Variable,
}

#[derive(Debug)]
struct Choices {
    policy: Arc<Policy>,
    epochs: usize,
    log: Vec<Choice>,
}

/// What was found about a parameter's gradient in an epoch, and what was chosen for the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Epochs that were chosen for before.
    pub epoch: usize,
    /// The variable's name.
    pub parameter: String,
    /// Exponents of the largest and smallest magnitude (`floor(log2 |g|)`); `None` where all gradients were zero.
    pub exponents: Option<(i32, i32)>,
    /// Share of the elements that are too small for `F16`.
    pub low: f64,
    /// The dtype so far.
    pub from: DType,
    /// The dtype from now on.
    pub to: DType,
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Choice { epoch, parameter, exponents, low, from, to } = self;
        write!(f, "epoch {epoch}: {parameter} ")?;
        match from == to {
            true => write!(f, "stays {to}")?,
            false => write!(f, "from {from} to {to}")?,
        }
        match exponents {
            Some((largest, smallest)) => {
                write!(
                    f,
                    ": gradients from 2^{smallest} to 2^{largest}, {:.2} % too small for f16",
                    100.0 * low
                )
            }
            None => write!(f, ": no gradients"),
        }
    }
}

impl PrecisionSelector {
    /// Watches the trainable ones of `variables`; all begin with `dtype`, which is also that of ops without parameters.
    ///
    /// Errors: a dtype other than `F16` and `BF16`.
    #[track_caller]
    pub fn new(variables: &[&Variable], dtype: DType) -> Result<PrecisionSelector> {
        PrecisionSelector::with_tolerance(variables, dtype, 0.05)
    }

    /// As [`PrecisionSelector::new`], with the share of elements that may be too small for `F16`; 0.05 otherwise.
    #[track_caller]
    pub fn with_tolerance(
        variables: &[&Variable],
        dtype: DType,
        tolerance: f64,
    ) -> Result<PrecisionSelector> {
        if !matches!(dtype, DType::F16 | DType::BF16) {
            return Err(Error::argument(format!("precision is chosen between f16 and bf16, not {dtype}")));
        }
        let mut watched = Vec::new();
        for &variable in variables.iter().filter(|v| v.is_trainable()) {
            let state = |name: &str, value: f32| {
                let name = format!("{}.gradient_{name}", variable.name());
                Variable::state(&name, &Tensor::scalar(variable.device(), value)?)
            };
            watched.push(Watched {
                variable: variable.clone(),
                largest: state("largest", 0.0)?,
                smallest: state("smallest", f32::MAX)?,
                low: state("low", 0.0)?,
                steps: state("steps", 0.0)?,
            });
        }
        let choices = watched.iter().map(|w| (w.variable.id(), dtype)).collect();
        let policy = Arc::new(Policy { dtype, choices });
        let choices = Mutex::new(Choices { policy, epochs: 0, log: Vec::new() });
        Ok(PrecisionSelector(Arc::new(Inner { tolerance, watched, choices })))
    }

    /// As [`autocast`](super::autocast()), with each parameter's dtype as it was chosen.
    pub fn autocast<T>(&self, f: impl FnOnce() -> Result<T>) -> Result<T> {
        let policy = self.policy();
        trace::note_precision(self, &policy);
        under(Some(policy), f)
    }

    /// Takes notice of the gradients of a step, as they come from [`GradScaler::backward`](super::GradScaler::backward). Nothing runs: eagerly, it
    /// joins the next run.
    #[track_caller]
    pub fn observe(&self, gradients: &Gradients) -> Result<()> {
        plainly(|| self.0.watched.iter().try_for_each(|w| w.observe(gradients)))
    }

    /// Reads what was observed since the last time, chooses, and starts again. Returns one [`Choice`] for each parameter.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn choose(&self) -> Result<Vec<Choice>> {
        crate::device::block_on(self.choose_async())
    }

    /// As [`PrecisionSelector::choose`], for a browser.
    pub async fn choose_async(&self) -> Result<Vec<Choice>> {
        let seen = state_dict_async(&self.state()).await?;
        let number = |variable: &Variable| -> Result<f32> {
            let values = seen.value(variable.name()).map(|value| value.to_vec::<f32>()).transpose()?;
            Ok(values.and_then(|values| values.first().copied()).unwrap_or(0.0))
        };
        let mut read = Vec::with_capacity(self.0.watched.len());
        for w in &self.0.watched {
            let steps = number(&w.steps)?.max(1.0);
            read.push((number(&w.largest)?, number(&w.smallest)?, f64::from(number(&w.low)? / steps)));
        }
        for w in &self.0.watched {
            w.forget()?;
        }
        let mut choices = lock(&self.0.choices);
        let mut policy = (*choices.policy).clone();
        let mut made = Vec::with_capacity(read.len());
        for (w, (largest, smallest, low)) in self.0.watched.iter().zip(read) {
            let from = policy.choices.get(&w.variable.id()).copied().unwrap_or(policy.dtype);
            let exponents = (largest > 0.0).then(|| (exponent(largest), exponent(smallest)));
            let to = match exponents {
                None => from,
                Some((largest, _)) if largest >= GREATEST_EXPONENT || low > self.0.tolerance => DType::BF16,
                Some(_) => DType::F16,
            };
            policy.choices.insert(w.variable.id(), to);
            let parameter = w.variable.name().to_string();
            made.push(Choice { epoch: choices.epochs, parameter, exponents, low, from, to });
        }
        if policy != *choices.policy {
            choices.policy = Arc::new(policy);
        }
        choices.epochs += 1;
        choices.log.extend(made.iter().cloned());
        Ok(made)
    }

    /// Goes on from a log: the last choice for each parameter holds. Errors: a choice for a parameter that is not watched.
    #[track_caller]
    pub fn resume(&self, log: &[Choice]) -> Result<()> {
        let mut choices = lock(&self.0.choices);
        let mut policy = (*choices.policy).clone();
        for choice in log {
            let Some(w) = self.0.watched.iter().find(|w| w.variable.name() == choice.parameter) else {
                return Err(Error::argument(format!(
                    "the log has a choice for `{}`, which is not watched\n  hint: it belongs to another model",
                    choice.parameter
                )));
            };
            policy.choices.insert(w.variable.id(), choice.to);
        }
        choices.policy = Arc::new(policy);
        choices.epochs = log.last().map_or(0, |choice| choice.epoch + 1);
        choices.log = log.to_vec();
        Ok(())
    }

    /// Every choice so far, oldest first.
    pub fn log(&self) -> Vec<Choice> {
        lock(&self.0.choices).log.clone()
    }

    pub(crate) fn policy(&self) -> Arc<Policy> {
        lock(&self.0.choices).policy.clone()
    }
}

impl Stateful for PrecisionSelector {
    fn state(&self) -> Vec<(String, &Variable)> {
        let all = self.0.watched.iter().flat_map(|w| [&w.largest, &w.smallest, &w.low, &w.steps]);
        all.map(|v| (v.name().to_string(), v)).collect()
    }
}

impl PartialEq for PrecisionSelector {
    fn eq(&self, other: &PrecisionSelector) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
impl Eq for PrecisionSelector {}

impl Watched {
    fn observe(&self, gradients: &Gradients) -> Result<()> {
        let Some(gradient) = gradients.get(&self.variable) else { return Ok(()) };
        let size = gradient.detach().to_dtype(DType::F32)?.abs()?;
        // Infinity and NaN are the scaler's affair.
        let counts = size.is_nan()?.logical_or(size.is_inf()?)?.logical_not()?.logical_and(size.gt(0.0)?)?;
        let zeros = size.zeros_like()?;
        let largest = counts.where_(&size, &zeros)?.max(&[])?;
        let smallest = size.masked_fill(&counts.logical_not()?, f64::from(f32::MAX))?.min(&[])?;
        let few = counts.logical_and(size.lt(2f64.powi(LEAST_EXPONENT))?)?;
        let count = |mask: &Tensor| mask.to_dtype(DType::F32)?.sum(&[]);
        let low = (count(&few)? / count(&counts)?.maximum(1.0)?)?;
        self.largest.set(&self.largest.get()?.maximum(&largest)?)?;
        self.smallest.set(&self.smallest.get()?.minimum(&smallest)?)?;
        self.low.set(&(self.low.get()? + low)?)?;
        self.steps.set(&(self.steps.get()? + 1.0)?)
    }

    fn forget(&self) -> Result<()> {
        let set = |variable: &Variable, value: f32| variable.set(&Tensor::scalar(variable.device(), value)?);
        set(&self.largest, 0.0)?;
        set(&self.smallest, f32::MAX)?;
        set(&self.low, 0.0)?;
        set(&self.steps, 0.0)
    }
}

/// `floor(log2 x)` of a positive number, by its bits. Subnormal numbers have the least exponent.
fn exponent(x: f32) -> i32 {
    ((x.to_bits() >> 23) & 0xff) as i32 - 127
}
