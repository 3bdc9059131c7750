//! Clipping of gradients.

use super::optimizer::plainly;
use crate::autograd::Gradients;
use crate::tensor::Tensor;
use crate::{Error, Result};

/// Scales all gradients down together so that their common Euclidean norm is at most `max_norm`. Returns the norm before, a scalar that
/// is not computed until somebody asks: `torch.nn.utils.clip_grad_norm_`.
///
/// Works on the device, also under `jit`. If a gradient is infinite or NaN, all become NaN. Errors: a norm that is not positive.
#[track_caller]
pub fn clip_grad_norm_(gradients: &mut Gradients, max_norm: f64) -> Result<Tensor> {
    check(max_norm)?;
    plainly(|| {
        let norm = global_square(gradients)?.sqrt()?;
        // As PyTorch: the constant keeps a norm of zero from dividing.
        let factor = ((&norm + 1e-6)?.recip()? * max_norm)?.minimum(1.0)?;
        gradients.map(|g| {
            g.to_dtype(g.dtype().accumulator())?
                .mul(factor.to_dtype(g.dtype().accumulator())?)?
                .to_dtype(g.dtype())
        })?;
        Ok(norm)
    })
}

/// Moves every element of every gradient into `-limit..=limit`: `torch.nn.utils.clip_grad_value_`. NaN stays.
///
/// Errors: a limit that is not positive.
#[track_caller]
pub fn clip_grad_value_(gradients: &mut Gradients, limit: f64) -> Result<()> {
    check(limit)?;
    plainly(|| gradients.map(|g| g.clamp(-limit, limit)))
}

/// The sum of squares over all gradients, a scalar in `F32`, or in `F64` if all are. Errors: no gradients.
pub(super) fn global_square(gradients: &Gradients) -> Result<Tensor> {
    let dtype = match gradients.tensors().all(|g| g.dtype() == hadal_graph::DType::F64) {
        true => hadal_graph::DType::F64,
        false => hadal_graph::DType::F32,
    };
    let mut total: Option<Tensor> = None;
    for gradient in gradients.tensors() {
        let square = gradient.to_dtype(dtype)?.sqr()?.sum(&[])?;
        total = Some(match total {
            Some(total) => (total + square)?,
            None => square,
        });
    }
    total.ok_or_else(|| Error::argument("there are no gradients: the loss depends on no trainable variable"))
}

#[track_caller]
fn check(limit: f64) -> Result<()> {
    if limit > 0.0 {
        return Ok(());
    }
    Err(Error::argument(format!("gradients are clipped to a positive bound, but it is {limit}")))
}
