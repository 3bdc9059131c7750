//! Loss scaling on the device.

use super::without_autocast;
use crate::autograd::Gradients;
use crate::device::Device;
use crate::optim::{Optimizer, Stateful, finish, plainly};
use crate::tensor::Tensor;
use crate::variable::Variable;
use crate::{Error, Result};
use hadal_graph::DType;
use std::sync::Arc;

/// Constants of [`GradScaler`]; the default is PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GradScalerOptions {
    /// The first scale.
    pub scale: f64,
    /// What the scale is multiplied by after [`growth_interval`](GradScalerOptions::growth_interval) good steps.
    pub growth: f64,
    /// What it is multiplied by after gradients that were not finite.
    pub backoff: f64,
    /// Good steps in a row before the scale grows.
    pub growth_interval: usize,
}

impl Default for GradScalerOptions {
    fn default() -> GradScalerOptions {
        GradScalerOptions { scale: 65536.0, growth: 2.0, backoff: 0.5, growth_interval: 2000 }
    }
}

/// Scales losses so that gradients keep within the range of `F16`, and skips steps where they do not (Micikevicius et al., "Mixed precision
/// training", 2018): `torch.cuda.amp.GradScaler`.
///
/// Whether a gradient is finite is decided by its bits. A skipped step computes as any other does, and then selects the former values of all
/// that the optimizer sets, its step count included. So nothing is read back, and the same plan serves both cases.
#[derive(Debug)]
pub struct GradScaler {
    options: GradScalerOptions,
    scale: Variable,
    /// Good steps since the scale changed, `I32`.
    good: Variable,
    /// Steps that were skipped, `I32`.
    skipped: Variable,
}

/// Gradients that are free of the scale, and whether they are finite.
#[derive(Clone, Debug)]
pub struct Unscaled {
    /// The gradients: to be clipped, for instance. Zero where the scaled ones are not finite.
    pub gradients: Gradients,
    overflow: Tensor,
}

impl Unscaled {
    /// Whether any gradient is infinite or NaN: a boolean scalar that is computed when it is read.
    pub fn overflow(&self) -> &Tensor {
        &self.overflow
    }
}

impl GradScaler {
    /// A scaler with its state on the device. Errors: a scale or factors that do not scale; an interval of 0.
    #[track_caller]
    pub fn new(device: &Device, options: GradScalerOptions) -> Result<GradScaler> {
        let GradScalerOptions { scale, growth, backoff, growth_interval } = options;
        let sensible = scale > 0.0 && scale.is_finite() && growth >= 1.0 && (0.0..1.0).contains(&backoff);
        if !sensible || growth_interval == 0 || i32::try_from(growth_interval).is_err() {
            return Err(Error::argument(format!(
                "a scaler needs a positive scale, growth of at least 1, backoff in 0..1 and an interval of at least 1, but has {options:?}"
            )));
        }
        let zero = Tensor::scalar(device, 0i32)?;
        Ok(GradScaler {
            options,
            scale: Variable::state("loss_scale", &Tensor::scalar(device, scale as f32)?)?,
            good: Variable::state("loss_scale_good_steps", &zero)?,
            skipped: Variable::state("loss_scale_skipped_steps", &zero)?,
        })
    }

    /// The scale, a scalar in `F32`.
    pub fn scale(&self) -> Result<Tensor> {
        self.scale.get()
    }

    /// How many steps were skipped, a scalar in `I32`.
    pub fn skipped(&self) -> Result<Tensor> {
        self.skipped.get()
    }

    /// The gradients of a loss, times the scale. The loss in them is as it was. Errors: as [`Tensor::backward`].
    #[track_caller]
    pub fn backward(&self, loss: &Tensor) -> Result<Gradients> {
        without_autocast(|| loss.backward_with(&self.scale.get()?.to_dtype(loss.dtype())?))
    }

    /// Takes the scale out again. Errors: no gradients.
    #[track_caller]
    pub fn unscale(&self, mut gradients: Gradients) -> Result<Unscaled> {
        plainly(|| {
            let mut overflow: Option<Tensor> = None;
            for gradient in gradients.tensors() {
                let here = gradient.is_nan()?.logical_or(gradient.is_inf()?)?.any(&[])?;
                overflow = Some(match overflow {
                    Some(others) => others.logical_or(here)?,
                    None => here,
                });
            }
            let Some(overflow) = overflow else {
                return Err(Error::argument(
                    "there are no gradients: the loss depends on no trainable variable",
                ));
            };
            let inverse = self.scale.get()?.recip()?;
            gradients.map(|gradient| {
                let dtype = gradient.dtype().accumulator();
                let unscaled =
                    (gradient.to_dtype(dtype)? * inverse.to_dtype(dtype)?)?.to_dtype(gradient.dtype())?;
                // What comes of them waits for the decision, so that an update and its selection are one step of the plan.
                overflow.where_(&gradient.zeros_like()?, &unscaled)
            })?;
            Ok(Unscaled { gradients, overflow })
        })
    }

    /// Takes the scale out of the gradients and steps the optimizer if they are finite; then moves the scale.
    ///
    /// Outside of traces this computes the loss, the gradients and the updates in one run. Errors: those of the optimizer; no gradients.
    #[track_caller]
    pub fn step(&self, optimizer: &dyn Optimizer, gradients: Gradients) -> Result<()> {
        self.step_unscaled(optimizer, self.unscale(gradients)?)
    }

    /// As [`GradScaler::step`], with gradients that [`GradScaler::unscale`] gave back and that may have been clipped since.
    #[track_caller]
    pub fn step_unscaled(&self, optimizer: &dyn Optimizer, unscaled: Unscaled) -> Result<()> {
        let Unscaled { mut gradients, overflow } = unscaled;
        plainly(|| {
            let state = optimizer.state();
            let touched: Vec<&Variable> =
                optimizer.parameters().into_iter().chain(state.into_iter().map(|(_, v)| v)).collect();
            let mut before = Vec::with_capacity(touched.len());
            for variable in &touched {
                before.push(variable.get()?);
            }
            optimizer.record(&mut gradients)?;
            for (variable, before) in touched.into_iter().zip(before) {
                let after = variable.get()?;
                if !Arc::ptr_eq(&before.0, &after.0) {
                    variable.set(&overflow.where_(&before.detach(), &after.detach())?)?;
                }
            }
            self.update(&overflow)
        })?;
        let loss = gradients.loss().clone();
        drop((gradients, overflow));
        finish(loss)
    }

    fn update(&self, overflow: &Tensor) -> Result<()> {
        let (scale, good) = (self.scale.get()?, (self.good.get()? + 1)?);
        let due = good.ge(self.options.growth_interval as f64)?;
        // It must stay a number that can be divided by.
        let grown = due.where_(&(&scale * self.options.growth)?.minimum(2f64.powi(126))?, &scale)?;
        self.scale
            .set(&overflow.where_(&(&scale * self.options.backoff)?.maximum(2f64.powi(-126))?, &grown)?)?;
        self.good.set(&good.masked_fill(&overflow.logical_or(&due)?, 0.0)?)?;
        self.skipped.set(&(self.skipped.get()? + overflow.to_dtype(DType::I32)?)?)
    }
}

impl Stateful for GradScaler {
    fn state(&self) -> Vec<(String, &Variable)> {
        [&self.scale, &self.good, &self.skipped].into_iter().map(|v| (v.name().to_string(), v)).collect()
    }
}
