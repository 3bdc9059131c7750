//! Gradients of several batches, added up.

use super::optimizer::{finish, plainly};
use super::state::Stateful;
use crate::autograd::Gradients;
use crate::tensor::Tensor;
use crate::variable::Variable;
use crate::{Error, Result};
use hadal_graph::DType;

/// Sums of gradients on the device: a batch too large for memory, in parts.
///
/// ```
/// # use hadal::{Device, Tensor, Variable};
/// use hadal::optim::{Accumulation, Sgd, SgdOptions};
/// # let device = Device::open("cpu")?;
/// # let w = Variable::new("w", &Tensor::new(&device, &[1.0f32], [1])?)?;
/// let (sgd, accumulation) = (Sgd::new(&[&w], 1.0, SgdOptions::default())?, Accumulation::new(&[&w])?);
/// for part in [0.5, 0.25] {
///     accumulation.add((w.get()? * part)?.sum(&[])?.backward()?)?;
/// }
/// sgd.step(accumulation.take()?)?;
/// assert_eq!(w.get()?.item::<f32>()?, 1.0 - 0.375);
/// # Ok::<(), hadal::Error>(())
/// ```
#[derive(Debug)]
pub struct Accumulation {
    loss: Variable,
    /// Batches added since the last [`Accumulation::take`], `F32`.
    batches: Variable,
    sums: Vec<(Variable, Variable)>,
}

impl Accumulation {
    /// Sums of zero for the trainable ones of `variables`, in their accumulator dtypes. Errors: none of them is trainable.
    #[track_caller]
    pub fn new(variables: &[&Variable]) -> Result<Accumulation> {
        let mut sums = Vec::new();
        for &variable in variables.iter().filter(|v| v.is_trainable()) {
            let dtype = variable.dtype().accumulator();
            let zeros = Tensor::zeros(variable.device(), variable.shape().clone(), dtype)?;
            sums.push((variable.clone(), Variable::state(&format!("{}.gradient", variable.name()), &zeros)?));
        }
        let Some((first, _)) = sums.first() else {
            return Err(Error::argument("accumulation needs at least one trainable variable"));
        };
        let zero = Tensor::scalar(first.device(), 0.0f32)?;
        let (loss, batches) =
            (Variable::state("accumulated_loss", &zero)?, Variable::state("accumulated_batches", &zero)?);
        finish(batches.get()?)?;
        Ok(Accumulation { loss, batches, sums })
    }

    /// Adds the gradients of a batch, and its loss. Outside of traces this is one run.
    #[track_caller]
    pub fn add(&self, mut gradients: Gradients) -> Result<()> {
        let loss = gradients.loss().detach();
        plainly(|| {
            self.loss.set(&(self.loss.get()? + loss.to_dtype(DType::F32)?)?)?;
            self.batches.set(&(self.batches.get()? + 1.0)?)?;
            for (variable, sum) in &self.sums {
                let Some(gradient) = gradients.take(variable) else { continue };
                sum.set(&(sum.get()? + gradient.detach().to_dtype(sum.dtype())?)?)?;
            }
            Ok::<(), Error>(())
        })?;
        drop(gradients);
        finish(loss)
    }

    /// The mean of the gradients and losses that were added, and sums of zero again.
    #[track_caller]
    pub fn take(&self) -> Result<Gradients> {
        plainly(|| {
            let batches = self.batches.get()?.maximum(1.0)?;
            let loss = (self.loss.get()? / &batches)?;
            let mut means = Vec::with_capacity(self.sums.len());
            for (variable, sum) in &self.sums {
                let mean = (sum.get()? / batches.to_dtype(sum.dtype())?)?;
                means.push((variable.clone(), mean.to_dtype(variable.dtype())?));
                sum.set(&Tensor::zeros(sum.device(), sum.shape().clone(), sum.dtype())?)?;
            }
            self.loss.set(&loss.zeros_like()?)?;
            self.batches.set(&batches.zeros_like()?)?;
            Gradients::of(loss, means)
        })
    }
}

impl Stateful for Accumulation {
    fn state(&self) -> Vec<(String, &Variable)> {
        let sums = self.sums.iter().map(|(_, sum)| sum);
        [&self.loss, &self.batches].into_iter().chain(sums).map(|v| (v.name().to_string(), v)).collect()
    }
}
