//! Losses of order and distance.

use super::Reduction;
use crate::Result;
use crate::amp::single;
use crate::tensor::Tensor;
use hadal_graph::DType;

/// `max(0, margin - y (a - b))` with `y` 1 where `a` should rank higher and -1 where `b` should; `margin_ranking_loss`. Errors: shapes
/// that do not broadcast, dtypes that differ.
#[track_caller]
pub fn margin_ranking(
    a: &Tensor,
    b: &Tensor,
    target: &Tensor,
    margin: f64,
    reduction: Reduction,
) -> Result<Tensor> {
    let (_single, [a, b, target]) = single([a, b, target])?;
    let (a, b, target) = (&a, &b, &target);
    reduction.of((margin - &((a - b)? * target)?)?.relu()?)
}

/// `x` where `y` is 1, `max(0, margin - x)` where it is -1; `hinge_embedding_loss`, whose margin is 1 by default. Errors: as
/// [`margin_ranking`].
#[track_caller]
pub fn hinge_embedding(input: &Tensor, target: &Tensor, margin: f64, reduction: Reduction) -> Result<Tensor> {
    let (_single, [input, target]) = single([input, target])?;
    let (input, target) = (&input, &target);
    reduction.of(target.gt(0.0)?.where_(input, &(margin - input)?.relu()?)?)
}

/// `1 - cos(a, b)` over the last axis where `y` is 1, `max(0, cos(a, b) - margin)` where it is -1; `cosine_embedding_loss`. Errors: as
/// [`margin_ranking`].
#[track_caller]
pub fn cosine_embedding(
    a: &Tensor,
    b: &Tensor,
    target: &Tensor,
    margin: f64,
    reduction: Reduction,
) -> Result<Tensor> {
    let (_single, [a, b, target]) = single([a, b, target])?;
    let (a, b, target) = (&a, &b, &target);
    let length = |x: &Tensor| x.sqr()?.sum(&[-1])? + 1e-12;
    let cosine = ((a * b)?.sum(&[-1])? / (length(a)? * length(b)?)?.sqrt()?)?;
    reduction.of(target.gt(0.0)?.where_(&(1.0 - &cosine)?, &(&cosine - margin)?.relu()?)?)
}

/// Options of [`triplet_margin`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TripletOptions {
    /// By how much the negative should be further away.
    pub margin: f64,
    /// The degree of the norm.
    pub p: f64,
    /// Whether the negative's distance is that to the anchor or to the positive, whichever is less (Balntas et al., 2016).
    pub swap: bool,
    /// What becomes of the losses.
    pub reduction: Reduction,
}

impl Default for TripletOptions {
    fn default() -> TripletOptions {
        TripletOptions { margin: 1.0, p: 2.0, swap: false, reduction: Reduction::Mean }
    }
}

/// `max(0, margin + |a - p| - |a - n|)` of an anchor, a positive and a negative over the last axis (Schroff et al., 2015);
/// `triplet_margin_loss`. Errors: as [`margin_ranking`].
#[track_caller]
pub fn triplet_margin(
    anchor: &Tensor,
    positive: &Tensor,
    negative: &Tensor,
    options: &TripletOptions,
) -> Result<Tensor> {
    let (_single, [anchor, positive, negative]) = single([anchor, positive, negative])?;
    let (anchor, positive, negative) = (&anchor, &positive, &negative);
    let distance = |a: &Tensor, b: &Tensor| -> Result<Tensor> {
        let difference = ((a - b)? + 1e-6)?;
        match options.p {
            1.0 => difference.abs()?.sum(&[-1]),
            2.0 => difference.sqr()?.sum(&[-1])?.sqrt(),
            p => difference.abs()?.pow(p)?.sum(&[-1])?.pow(1.0 / p),
        }
    };
    let near = distance(anchor, positive)?;
    let mut far = distance(anchor, negative)?;
    if options.swap {
        far = far.minimum(distance(positive, negative)?)?;
    }
    options.reduction.of(((near - far)? + options.margin)?.relu()?)
}

/// `sum over i != y of max(0, margin - x[y] + x[i])^p / c` of scores `[n, c]` and class numbers `[n]`, times `weight[y]` where weights
/// `[c]` are given; `multi_margin_loss`, with p and margin 1 by default. Errors: as [`margin_ranking`].
#[track_caller]
pub fn multi_margin(
    input: &Tensor,
    target: &Tensor,
    p: f64,
    margin: f64,
    weight: Option<&Tensor>,
    reduction: Reduction,
) -> Result<Tensor> {
    let (_single, [input]) = single([input])?;
    let input = &input;
    let own = target.unsqueeze(1)?;
    let right = input.take_along(1, &own)?;
    let mut excess = ((input - &right)? + margin)?.relu()?;
    if p != 1.0 {
        excess = excess.pow(p)?;
    }
    if let Some(weight) = weight {
        excess = (excess * weight.index_select(0, target)?.unsqueeze(1)?)?;
    }
    let count = input.dim(1)?;
    let numbers = Tensor::arange(input.device(), count, DType::I64)?;
    let is_own = own.to_dtype(DType::I64)?.eq(&numbers)?;
    reduction.of(excess.masked_fill(&is_own, 0.0)?.mean(&[1])?)
}
