//! Connectionist temporal classification.

use super::Reduction;
use crate::amp::single;
use crate::tensor::Tensor;
use crate::{Error, Result};
use hadal_graph::DType;

/// Options of [`ctc`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct CtcOptions {
    /// The class number of the blank.
    pub blank: i64,
    /// Whether a target that its sequence cannot spell has loss 0 instead of infinity.
    pub zero_infinity: bool,
    /// What becomes of the losses; a mean divides each by the length of its target first.
    pub reduction: Reduction,
}

/// What stands for the logarithm of 0: large sums of it stay finite, so that gradients do.
const NEVER: f64 = -1e30;

/// The negative log-likelihood of target sequences over all alignments (Graves et al., 2006); `ctc_loss`.
///
/// `log_probs` is `[t, n, c]`, logarithms of probabilities; `targets` is `[n, s]` without blanks, padded by anything that is a class;
/// the lengths are `[n]`. All but the first are integers. The time axis is unrolled.
///
/// Errors: other shapes, extents that are not known.
#[track_caller]
pub fn ctc(
    log_probs: &Tensor,
    targets: &Tensor,
    input_lengths: &Tensor,
    target_lengths: &Tensor,
    options: &CtcOptions,
) -> Result<Tensor> {
    let (_single, [log_probs]) = single([log_probs])?;
    let log_probs = &log_probs;
    let (&[steps, batch, _], &[rows, length]) = (log_probs.dims()?.as_slice(), targets.dims()?.as_slice())
    else {
        return Err(Error::argument(format!(
            "ctc takes log-probabilities [t, n, c] and targets [n, s], but they are {} and {}",
            log_probs.ty(),
            targets.ty()
        )));
    };
    if rows != batch || steps == 0 || length == 0 {
        return Err(Error::argument(format!(
            "ctc takes at least one step and one target for each of {batch} sequences, but the targets are {}",
            targets.ty()
        )));
    }
    let device = log_probs.device();
    let states = 2 * length + 1;
    let integers = |tensor: &Tensor| tensor.to_dtype(DType::I64);
    let (targets, input_lengths, target_lengths) =
        (integers(targets)?, integers(input_lengths)?, integers(target_lengths)?);
    // Blanks around and between: b y1 b y2 .. b.
    let blanks = Tensor::full(device, [batch, length, 1], options.blank as f64, DType::I64)?;
    let pairs = Tensor::cat(&[&blanks, &targets.unsqueeze(2)?], 2)?.reshape([batch, 2 * length])?;
    let labels = Tensor::cat(&[&pairs, &blanks.narrow(1, 0, 1)?.squeeze(2)?], 1)?;
    // From two states back, only past a blank and to another label.
    let earlier = labels.pad(&[(0, 0), (2, 0)], options.blank as f64)?.narrow(1, 0, states)?;
    let blank = labels.eq(options.blank as f64)?;
    let barred = blank.logical_or(&labels.eq(&earlier)?)?;
    let emitted = |step: usize| log_probs.select(0, step as i64)?.take_along(1, &labels);
    let back = |alpha: &Tensor, by: usize| alpha.pad(&[(0, 0), (by, 0)], NEVER)?.narrow(1, 0, states);

    let position = Tensor::arange(device, states, DType::I64)?;
    let started = position.lt(2)?.unsqueeze(0)?.broadcast_to([batch, states])?;
    let never = Tensor::full(device, [batch, states], NEVER, log_probs.dtype())?;
    let mut alpha = started.where_(&emitted(0)?, &never)?;
    for step in 1..steps {
        let jump = back(&alpha, 2)?.masked_fill(&barred, NEVER)?;
        let ways = Tensor::stack(&[&alpha, &back(&alpha, 1)?, &jump], 0)?.logsumexp(&[0])?;
        let next = (ways + emitted(step)?)?;
        let ended = input_lengths.le(step as f64)?.unsqueeze(1)?.broadcast_to([batch, states])?;
        alpha = ended.where_(&alpha, &next)?;
    }
    let last = (&target_lengths * 2)?.unsqueeze(1)?;
    let label = (&last - 1)?.maximum(0)?;
    let empty = target_lengths.le(0)?.unsqueeze(1)?;
    let ends = [alpha.take_along(1, &last)?, alpha.take_along(1, &label)?.masked_fill(&empty, NEVER)?];
    let losses = Tensor::cat(&[&ends[0], &ends[1]], 1)?.logsumexp(&[1])?.neg()?;
    let impossible = losses.ge(-NEVER / 2.0)?;
    let infinite = if options.zero_infinity { 0.0 } else { f64::INFINITY };
    let losses = losses.masked_fill(&impossible, infinite)?;
    match options.reduction {
        Reduction::Mean => {
            let lengths = target_lengths.maximum(1)?.to_dtype(losses.dtype())?;
            (losses / lengths)?.mean(&[])
        }
        other => other.of(losses),
    }
}
