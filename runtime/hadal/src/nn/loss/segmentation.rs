//! Losses of regions.

use super::{Reduction, bce_with_logits};
use crate::Result;
use crate::amp::single;
use crate::tensor::Tensor;

/// The soft Dice loss (Milletari et al., 2016) of probabilities and targets `[n, c, d..]`: `1 - (2 Σ p y + s) / (Σ p + Σ y + s)` with sums
/// over `d..`, one for each sample and class; `s` is `smoothing`, usually 1. Errors: shapes or dtypes that differ.
#[track_caller]
pub fn dice(input: &Tensor, target: &Tensor, smoothing: f64, reduction: Reduction) -> Result<Tensor> {
    let (_single, [input, target]) = single([input, target])?;
    let (input, target) = (&input, &target);
    let sum = |x: Tensor| if x.rank() > 2 { x.flatten(2, -1)?.sum(&[2]) } else { Ok(x) };
    let both = ((sum((input * target)?)? * 2.0)? + smoothing)?;
    let all = ((sum(input.clone())? + sum(target.clone())?)? + smoothing)?;
    reduction.of((1.0 - &(both / all)?)?)
}

/// Options of [`focal`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FocalOptions {
    /// What positive targets count; negative ones count the rest to 1. `None` for 1 each.
    pub alpha: Option<f64>,
    /// How much what is classified well counts less.
    pub gamma: f64,
    /// What becomes of the losses.
    pub reduction: Reduction,
}

impl Default for FocalOptions {
    fn default() -> FocalOptions {
        FocalOptions { alpha: Some(0.25), gamma: 2.0, reduction: Reduction::Mean }
    }
}

/// `alpha (1 - p)^gamma · bce`, with `p` the probability of what is true (Lin et al., 2017), of logits and targets between 0 and 1;
/// `torchvision.ops.sigmoid_focal_loss`. Errors: shapes that do not broadcast, dtypes that differ.
#[track_caller]
pub fn focal(input: &Tensor, target: &Tensor, options: &FocalOptions) -> Result<Tensor> {
    let (_single, [input, target]) = single([input, target])?;
    let (input, target) = (&input, &target);
    let entropy = bce_with_logits(input, target, None, None, Reduction::None)?;
    let p = input.sigmoid()?;
    let wrong = ((&p + target)? - ((&p * target)? * 2.0)?)?;
    let mut losses = (entropy * wrong.pow(options.gamma)?)?;
    if let Some(alpha) = options.alpha {
        losses = (losses * ((target * (2.0 * alpha - 1.0))? + (1.0 - alpha))?)?;
    }
    options.reduction.of(losses)
}
