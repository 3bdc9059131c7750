//! Averages of weights over the steps of training.

use super::optimizer::{finish, plainly};
use super::rule::check_decay;
use super::state::Stateful;
use crate::tensor::Tensor;
use crate::variable::Variable;
use crate::{Error, Result};

/// Exponential moving averages of weights (Polyak and Juditsky, 1992; as in Tarvainen and Valpola, "Mean teachers", 2017).
///
/// The averages are kept in the accumulator dtype. `average = decay · average + (1 - decay) · weight` with each
/// [`update`](Ema::update); they begin as the weights.
#[derive(Debug)]
pub struct Ema {
    decay: f64,
    warm_up: bool,
    /// Updates so far, `I32`.
    updates: Variable,
    averages: Vec<(Variable, Variable)>,
}

impl Ema {
    /// Averages of the variables as they are. Errors: no float variables; a decay outside of `0..1`.
    #[track_caller]
    pub fn new(variables: &[&Variable], decay: f64) -> Result<Ema> {
        check_decay("decay", decay)?;
        let mut averages = Vec::new();
        for &variable in variables.iter().filter(|v| v.dtype().is_float()) {
            let value = variable.get()?.detach().to_dtype(variable.dtype().accumulator())?;
            averages
                .push((variable.clone(), Variable::state(&format!("{}.average", variable.name()), &value)?));
        }
        let Some((first, _)) = averages.first() else {
            return Err(Error::argument("averages need at least one float variable"));
        };
        let updates = Variable::state("average_updates", &Tensor::scalar(first.device(), 0i32)?)?;
        finish(updates.get()?)?;
        Ok(Ema { decay, warm_up: false, updates, averages })
    }

    /// Uses the decay `(1 + n) / (10 + n)` in update `n` as long as it is the smaller one, so that the first weights are soon forgotten.
    pub fn warm_up(self) -> Ema {
        Ema { warm_up: true, ..self }
    }

    /// Moves the averages towards the weights. Nothing runs: eagerly, it joins the next run.
    #[track_caller]
    pub fn update(&self) -> Result<()> {
        plainly(|| {
            let updates = (self.updates.get()? + 1)?;
            self.updates.set(&updates)?;
            for (variable, average) in &self.averages {
                let dtype = average.dtype();
                let old = average.get()?;
                let gap = (variable.get()?.detach().to_dtype(dtype)? - &old)?;
                let gap = match self.warm_up {
                    true => {
                        let n = updates.to_dtype(dtype)?;
                        let decay = ((&n + 1.0)? / (n + 10.0)?)?.minimum(self.decay)?;
                        (gap * (1.0 - decay)?)?
                    }
                    false => (gap * (1.0 - self.decay))?,
                };
                average.set(&(old + gap)?)?;
            }
            Ok(())
        })
    }

    /// Runs `f` while the variables hold their averages: validation, or saving. They hold their own values again afterwards, also when `f`
    /// fails.
    #[track_caller]
    pub fn with_averages<T>(&self, f: impl FnOnce() -> Result<T>) -> Result<T> {
        let mut own = Vec::with_capacity(self.averages.len());
        for (variable, _) in &self.averages {
            own.push(variable.get()?.detach());
        }
        let lent = self
            .averages
            .iter()
            .try_for_each(|(variable, average)| variable.set(&average.get()?.to_dtype(variable.dtype())?));
        let result = lent.and_then(|()| f());
        for ((variable, _), value) in self.averages.iter().zip(&own) {
            variable.set(value)?;
        }
        result
    }

    /// The average of a variable. `None` for one that it does not follow.
    pub fn average(&self, variable: &Variable) -> Option<&Variable> {
        self.averages.iter().find(|(v, _)| v == variable).map(|(_, average)| average)
    }
}

impl Stateful for Ema {
    fn state(&self) -> Vec<(String, &Variable)> {
        let averages = self.averages.iter().map(|(_, average)| average);
        std::iter::once(&self.updates).chain(averages).map(|v| (v.name().to_string(), v)).collect()
    }
}
