//! Losses of numbers.

use super::Reduction;
use crate::Result;
use crate::amp::single;
use crate::tensor::Tensor;

/// `(x - y)²`; `mse_loss`. Errors: shapes that do not broadcast, dtypes that differ.
#[track_caller]
pub fn mse(input: &Tensor, target: &Tensor, reduction: Reduction) -> Result<Tensor> {
    let (_single, [input, target]) = single([input, target])?;
    let (input, target) = (&input, &target);
    reduction.of((input - target)?.sqr()?)
}

/// `|x - y|`; `l1_loss`. Errors: as [`mse`].
#[track_caller]
pub fn l1(input: &Tensor, target: &Tensor, reduction: Reduction) -> Result<Tensor> {
    let (_single, [input, target]) = single([input, target])?;
    let (input, target) = (&input, &target);
    reduction.of((input - target)?.abs()?)
}

/// `(x - y)² / (2 beta)` below beta, else `|x - y| - beta / 2`; `smooth_l1_loss`, whose beta is 1 by default. Errors: as [`mse`].
#[track_caller]
pub fn smooth_l1(input: &Tensor, target: &Tensor, beta: f64, reduction: Reduction) -> Result<Tensor> {
    let (_single, [input, target]) = single([input, target])?;
    let (input, target) = (&input, &target);
    if beta == 0.0 {
        return l1(input, target, reduction);
    }
    let difference = (input - target)?;
    let distance = difference.abs()?;
    let near = (difference.sqr()? * (0.5 / beta))?;
    reduction.of(distance.lt(beta)?.where_(&near, &(&distance - 0.5 * beta)?)?)
}

/// `(x - y)² / 2` up to delta, else `delta (|x - y| - delta / 2)` (Huber, 1964); `huber_loss`, whose delta is 1 by default. Errors: as
/// [`mse`].
#[track_caller]
pub fn huber(input: &Tensor, target: &Tensor, delta: f64, reduction: Reduction) -> Result<Tensor> {
    let (_single, [input, target]) = single([input, target])?;
    let (input, target) = (&input, &target);
    let difference = (input - target)?;
    let distance = difference.abs()?;
    let near = (difference.sqr()? * 0.5)?;
    let far = ((&distance - 0.5 * delta)? * delta)?;
    reduction.of(distance.le(delta)?.where_(&near, &far)?)
}

/// The negative log-likelihood of counts under Poisson distributions, but for a constant: `e^x - y x` where `input` is the logarithm of the
/// rate (`log_input`), else `x - y ln(x + 1e-8)`; `poisson_nll_loss`. Errors: as [`mse`].
#[track_caller]
pub fn poisson_nll(input: &Tensor, target: &Tensor, log_input: bool, reduction: Reduction) -> Result<Tensor> {
    let (_single, [input, target]) = single([input, target])?;
    let (input, target) = (&input, &target);
    reduction.of(match log_input {
        true => (input.exp()? - (target * input)?)?,
        false => (input - (target * (input + 1e-8)?.log()?)?)?,
    })
}

/// The negative log-likelihood under normal distributions of mean `input` and the given variances, but for a constant:
/// `(ln v + (x - y)² / v) / 2` with `v` at least `epsilon`; `gaussian_nll_loss`, whose epsilon is 1e-6 by default. Errors: as [`mse`].
#[track_caller]
pub fn gaussian_nll(
    input: &Tensor,
    target: &Tensor,
    variance: &Tensor,
    epsilon: f64,
    reduction: Reduction,
) -> Result<Tensor> {
    let (_single, [input, target, variance]) = single([input, target, variance])?;
    let (input, target, variance) = (&input, &target, &variance);
    let variance = variance.maximum(epsilon)?;
    let scaled = ((input - target)?.sqr()? / &variance)?;
    reduction.of(((variance.log()? + scaled)? * 0.5)?)
}
