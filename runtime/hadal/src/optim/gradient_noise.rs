//! How large a batch is worth its cost.

use super::clip::global_square;
use super::optimizer::plainly;
use super::rule::check_decay;
use super::state::Stateful;
use crate::Result;
use crate::autograd::Gradients;
use crate::device::Device;
use crate::tensor::Tensor;
use crate::variable::Variable;
use hadal_graph::DType;

/// The simple noise scale `tr Σ / |G|²` of gradients (McCandlish et al., "An empirical model of large-batch training", 2018, appendix A.1).
///
/// Batches much smaller than it gain from growing as if they were noise alone; much larger ones gain nothing. Measured from the norms of
/// gradients of parts of a batch and of the whole: show it each part and then the whole, for instance around an
/// [`Accumulation`](super::Accumulation). All of it stays on the device until the scale is read.
#[derive(Debug)]
pub struct GradientNoise {
    decay: f64,
    /// Sum of squared norms over the parts of this batch, and their number, `F32`.
    parts: Variable,
    count: Variable,
    /// Averages of the estimates of `tr Σ` and `|G|²`. Both begin at zero, and the bias falls out of their ratio.
    noise: Variable,
    signal: Variable,
}

impl GradientNoise {
    /// Estimates averaged over about `1 / (1 - decay)` batches. Errors: a decay outside of `0..1`.
    #[track_caller]
    pub fn new(device: &Device, decay: f64) -> Result<GradientNoise> {
        check_decay("decay", decay)?;
        let zero = Tensor::scalar(device, 0.0f32)?;
        let state = |name: &str| Variable::state(name, &zero);
        Ok(GradientNoise {
            decay,
            parts: state("noise_parts")?,
            count: state("noise_count")?,
            noise: state("noise")?,
            signal: state("signal")?,
        })
    }

    /// Shows it the gradients of one part of a batch. Errors: no gradients.
    #[track_caller]
    pub fn part(&self, gradients: &Gradients) -> Result<()> {
        plainly(|| {
            let square = global_square(gradients)?.to_dtype(DType::F32)?;
            self.parts.set(&(self.parts.get()? + square)?)?;
            self.count.set(&(self.count.get()? + 1.0)?)
        })
    }

    /// Shows it the mean of the parts' gradients; each part had `examples` examples. Estimates nothing from fewer than two parts.
    #[track_caller]
    pub fn whole(&self, gradients: &Gradients, examples: usize) -> Result<()> {
        plainly(|| {
            let (count, parts) = (self.count.get()?, self.parts.get()?);
            let whole = global_square(gradients)?.to_dtype(DType::F32)?;
            let part = (parts / count.maximum(1.0)?)?;
            // With n parts of b examples: |G|² = (n whole - part) / (n - 1), tr Σ = (part - whole) b n / (n - 1).
            let others = (&count - 1.0)?.maximum(1.0)?;
            let signal = (((&whole * &count)? - &part)? / &others)?;
            let noise = (((part - whole)? * (&count * examples as f64)?)? / others)?;
            let enough = count.gt(1.0)?;
            for (variable, estimate) in [(&self.signal, signal), (&self.noise, noise)] {
                let old = variable.get()?;
                let next = ((&old * self.decay)? + (estimate * (1.0 - self.decay))?)?;
                variable.set(&enough.where_(&next, &old)?)?;
            }
            self.parts.set(&count.zeros_like()?)?;
            self.count.set(&count.zeros_like()?)
        })
    }

    /// The scale in examples, a scalar in `F32` that is computed when it is read. Not finite before the first estimate; negative where the
    /// signal drowns in noise.
    #[track_caller]
    pub fn scale(&self) -> Result<Tensor> {
        self.noise.get()? / self.signal.get()?
    }
}

impl Stateful for GradientNoise {
    fn state(&self) -> Vec<(String, &Variable)> {
        [&self.parts, &self.count, &self.noise, &self.signal]
            .into_iter()
            .map(|v| (v.name().to_string(), v))
            .collect()
    }
}
