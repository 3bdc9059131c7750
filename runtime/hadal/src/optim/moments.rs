//! Averages of gradients and of their squares.

use super::rule::{Point, Slot};
use crate::Result;
use crate::tensor::Tensor;

pub(super) fn slots(shape: &[usize]) -> Vec<Slot> {
    vec![Slot::zeros("mean", shape), Slot::zeros("square", shape)]
}

/// `beta · slot + (1 - beta) · x`, which the slot is set to.
pub(super) fn average(at: &Point, slot: &str, x: &Tensor, beta: f64) -> Result<Tensor> {
    let next = ((at.slot(slot)? * beta)? + (x * (1.0 - beta))?)?;
    at.set(slot, &next)?;
    Ok(next)
}

/// Both averages, moved on by a gradient: `(mean, square)`.
pub(super) fn averages(at: &Point, gradient: &Tensor, beta1: f64, beta2: f64) -> Result<(Tensor, Tensor)> {
    Ok((average(at, "mean", gradient, beta1)?, average(at, "square", &gradient.sqr()?, beta2)?))
}

/// `m̂ / (sqrt(v̂) + epsilon)` with the bias of both averages corrected: the direction of Adam.
pub(super) fn adaptive(
    at: &Point,
    gradient: &Tensor,
    beta1: f64,
    beta2: f64,
    epsilon: f64,
) -> Result<Tensor> {
    let (mean, square) = averages(at, gradient, beta1, beta2)?;
    let root = (square.sqrt()? / at.bias_correction(beta2)?.sqrt()?)?;
    (mean / at.bias_correction(beta1)?)? / (root + epsilon)?
}
