//! Losses of yes and no.

use super::Reduction;
use crate::Result;
use crate::amp::single;
use crate::tensor::Tensor;

/// `-(y ln p + (1 - y) ln (1 - p))` of probabilities, whose logarithms end at -100, times `weight` where there is one;
/// `binary_cross_entropy`. [`bce_with_logits`] is more accurate.
///
/// Errors: shapes that do not broadcast, dtypes that differ.
#[track_caller]
pub fn bce(input: &Tensor, target: &Tensor, weight: Option<&Tensor>, reduction: Reduction) -> Result<Tensor> {
    let (_single, [input, target]) = single([input, target])?;
    let (input, target) = (&input, &target);
    let yes = (target * input.log()?.maximum(-100.0)?)?;
    let no = ((1.0 - target)? * input.neg()?.log1p()?.maximum(-100.0)?)?;
    weighted((yes + no)?.neg()?, weight, reduction)
}

/// [`bce`] of `sigmoid(x)`, without overflow; positive targets count `positive` times where that is given (it broadcasts);
/// `binary_cross_entropy_with_logits`. Errors: as [`bce`].
#[track_caller]
pub fn bce_with_logits(
    input: &Tensor,
    target: &Tensor,
    weight: Option<&Tensor>,
    positive: Option<&Tensor>,
    reduction: Reduction,
) -> Result<Tensor> {
    let (_single, [input, target]) = single([input, target])?;
    let (input, target) = (&input, &target);
    // -ln sigmoid(x) = softplus(-x), and -ln(1 - sigmoid(x)) = x + softplus(-x).
    let rest = input.neg()?.softplus()?;
    let rest = match positive {
        Some(positive) => (rest * (((positive - 1.0)? * target)? + 1.0)?)?,
        None => rest,
    };
    weighted((((1.0 - target)? * input)? + rest)?, weight, reduction)
}

/// `ln(1 + e^(-y x))` with targets 1 and -1; `soft_margin_loss`. Errors: as [`bce`].
#[track_caller]
pub fn soft_margin(input: &Tensor, target: &Tensor, reduction: Reduction) -> Result<Tensor> {
    let (_single, [input, target]) = single([input, target])?;
    let (input, target) = (&input, &target);
    reduction.of((input * target)?.neg()?.softplus()?)
}

/// The mean of [`bce_with_logits`] over the classes, the last axis; `multilabel_soft_margin_loss`. Errors: as [`bce`].
#[track_caller]
pub fn multilabel_soft_margin(
    input: &Tensor,
    target: &Tensor,
    weight: Option<&Tensor>,
    reduction: Reduction,
) -> Result<Tensor> {
    let (_single, [input, target]) = single([input, target])?;
    let (input, target) = (&input, &target);
    reduction.of(bce_with_logits(input, target, weight, None, Reduction::None)?.mean(&[-1])?)
}

#[track_caller]
fn weighted(losses: Tensor, weight: Option<&Tensor>, reduction: Reduction) -> Result<Tensor> {
    reduction.of(match weight {
        Some(weight) => (losses * weight)?,
        None => losses,
    })
}
