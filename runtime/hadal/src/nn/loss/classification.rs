//! Losses of classes.

use super::Reduction;
use crate::amp::single;
use crate::tensor::Tensor;
use crate::{Error, Result};

/// Options of [`cross_entropy`] and [`nll`].
#[derive(Clone, Debug, Default)]
pub struct CrossEntropyOptions {
    /// What each class counts, `[c]`; a mean is then one over weights.
    pub weight: Option<Tensor>,
    /// A target that does not count. (PyTorch's default is -100; here, none.)
    pub ignore_index: Option<i64>,
    /// How much of a target is spread evenly over all classes (Szegedy et al., 2016). [`nll`] has none.
    pub label_smoothing: f64,
    /// What becomes of the losses.
    pub reduction: Reduction,
}

/// `-log_softmax(x)[y]` of logits `[n, c, d..]` and class numbers `[n, d..]`, or `[c]` and a scalar; `cross_entropy`.
///
/// Errors: other shapes, targets that are not integers. A class that is not there is an error of the run.
#[track_caller]
pub fn cross_entropy(input: &Tensor, target: &Tensor, options: &CrossEntropyOptions) -> Result<Tensor> {
    let (_single, [input]) = single([input])?;
    let input = &input;
    let (rows, classes) = rows(input, target)?;
    if options.weight.is_none() && options.ignore_index.is_none() && options.label_smoothing == 0.0 {
        let losses = rows.cross_entropy(&classes)?;
        return options.reduction.of(losses.reshape(target.shape().clone())?);
    }
    likelihood(&rows.log_softmax(-1)?, &classes, target, options, options.label_smoothing)
}

/// `-x[y]` of logarithms of probabilities `[n, c, d..]` and class numbers `[n, d..]`; `nll_loss`. Errors: as [`cross_entropy`].
#[track_caller]
pub fn nll(input: &Tensor, target: &Tensor, options: &CrossEntropyOptions) -> Result<Tensor> {
    let (_single, [input]) = single([input])?;
    let input = &input;
    let (rows, classes) = rows(input, target)?;
    likelihood(&rows, &classes, target, options, 0.0)
}

/// `-sum(p · log_softmax(x))` over the classes, axis 1, of logits and probabilities of one shape; `cross_entropy` with class
/// probabilities. Errors: shapes or dtypes that differ.
#[track_caller]
pub fn cross_entropy_of_probabilities(
    input: &Tensor,
    target: &Tensor,
    reduction: Reduction,
) -> Result<Tensor> {
    let (_single, [input, target]) = single([input, target])?;
    let (input, target) = (&input, &target);
    reduction.of((input.log_softmax(1)? * target)?.sum(&[1])?.neg()?)
}

/// `p (ln p - x)` of logarithms of probabilities `x` and probabilities `p`, or their logarithms (`log_target`); `kl_div`. For PyTorch's
/// `batchmean`, take the sum and divide it by the size of the batch.
///
/// Errors: shapes or dtypes that differ.
#[track_caller]
pub fn kl_div(input: &Tensor, target: &Tensor, log_target: bool, reduction: Reduction) -> Result<Tensor> {
    let (_single, [input, target]) = single([input, target])?;
    let (input, target) = (&input, &target);
    if log_target {
        return reduction.of((target.exp()? * (target - input)?)?);
    }
    // Where p is 0, so is p ln p.
    let nothing = target.le(0.0)?;
    let log = target.masked_fill(&nothing, 1.0)?.log()?;
    reduction.of(((target * log)? - (target * input)?)?)
}

/// Logits as `[m, c]` and class numbers as `[m]`.
#[track_caller]
fn rows(input: &Tensor, target: &Tensor) -> Result<(Tensor, Tensor)> {
    let input = if input.rank() == 1 && target.rank() == 0 { input.unsqueeze(0)? } else { input.clone() };
    let fits = input.rank() >= 2 && {
        let without_classes = input.shape().iter().enumerate().filter(|(axis, _)| *axis != 1);
        let expected: hadal_graph::Shape = without_classes.map(|(_, dim)| dim.clone()).collect();
        expected.elements() == target.shape().elements()
            && (target.rank() == 0 || *target.shape() == expected)
    };
    if !fits || !target.dtype().is_int() {
        return Err(Error::argument(format!(
            "class numbers are integers, one for each place of the prediction without its axis 1, but the prediction is {} and the target {}",
            input.ty(),
            target.ty()
        )));
    }
    let mut last: Vec<i64> = (0..input.rank() as i64).filter(|&axis| axis != 1).collect();
    last.push(1);
    let classes = input.dim(1)?;
    let rows = if input.rank() == 2 { input } else { input.permute(&last)? };
    let count = target.shape().elements();
    let rows = rows.reshape(hadal_graph::Shape(vec![count.clone(), classes]))?;
    Ok((rows, target.reshape(hadal_graph::Shape(vec![count]))?))
}

#[track_caller]
fn likelihood(
    log: &Tensor,
    classes: &Tensor,
    target: &Tensor,
    options: &CrossEntropyOptions,
    smoothing: f64,
) -> Result<Tensor> {
    let ignored = options.ignore_index.map(|index| classes.eq(index as f64)).transpose()?;
    let classes = match &ignored {
        Some(ignored) => classes.masked_fill(ignored, 0.0)?,
        None => classes.clone(),
    };
    let mut losses = log.take_along(1, &classes.unsqueeze(1)?)?.squeeze(1)?.neg()?;
    let mut weights = match &options.weight {
        Some(weight) => weight.index_select(0, &classes)?,
        None => losses.detach().ones_like()?,
    };
    if let Some(ignored) = &ignored {
        weights = weights.masked_fill(ignored, 0.0)?;
    }
    losses = (losses * &weights)?;
    if smoothing > 0.0 {
        let spread = match &options.weight {
            Some(weight) => (log * weight)?.sum(&[1])?,
            None => log.sum(&[1])?,
        };
        let count = log.dim(1)?.as_usize().unwrap_or(1) as f64;
        let mut even = (spread * (-smoothing / count))?;
        if let Some(ignored) = &ignored {
            even = even.masked_fill(ignored, 0.0)?;
        }
        losses = ((losses * (1.0 - smoothing))? + even)?;
    }
    match options.reduction {
        Reduction::None => losses.reshape(target.shape().clone()),
        Reduction::Sum => losses.sum(&[]),
        Reduction::Mean => losses.sum(&[])? / weights.sum(&[])?,
    }
}
