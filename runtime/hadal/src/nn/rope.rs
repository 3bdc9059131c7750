//! Rotary position embedding.

use super::{Member, Module};
use crate::tensor::Tensor;
use crate::{Error, Result};
use hadal_graph::DType;

/// Rotary position embedding (Su et al., 2021) of queries and keys: the pair `i` of a row at position `p` is turned by
/// `p · base^(-2i / d)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rope {
    /// How slowly the last pair turns; 10000 in the paper.
    pub base: f64,
    /// Whether pairs are neighbours, as in the paper, instead of halves, as in Llama's weights.
    pub interleaved: bool,
}

impl Default for Rope {
    fn default() -> Rope {
        Rope { base: 10000.0, interleaved: false }
    }
}

impl Rope {
    /// `[.., s, d]` to the same shape. The first row is at position `start`, an integer scalar, or at 0: with a cache, at what it holds.
    ///
    /// Errors: an odd or unknown `d`; rank below 2.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, start: Option<&Tensor>) -> Result<Tensor> {
        let width = x.shape().last().and_then(|d| d.as_usize()).filter(|d| d % 2 == 0);
        let (Some(width), true) = (width, x.rank() >= 2) else {
            return Err(Error::argument(format!(
                "rotary embedding takes rows of pairs, [.., s, d], but this is {}",
                x.ty()
            )));
        };
        let mut positions = Tensor::arange(x.device(), x.dim(-2)?, DType::I32)?;
        if let Some(start) = start {
            positions = (positions + start.to_dtype(DType::I32)?)?;
        }
        let half = width / 2;
        let speed = |i: usize| self.base.powf(-((2 * i) as f64) / width as f64) as f32;
        let speeds = Tensor::new(x.device(), &(0..half).map(speed).collect::<Vec<f32>>(), [half])?;
        let angles = (positions.to_dtype(DType::F32)?.unsqueeze(1)? * speeds)?;
        let (cos, sin) = (angles.cos()?.to_dtype(x.dtype())?, angles.sin()?.to_dtype(x.dtype())?);
        let interleaved = self.interleaved;
        Tensor::compose(&[x, &cos, &sin], |g, ids| g.apply(hadal_graph::op::Rope { interleaved }, ids))
    }
}

impl Module for Rope {
    fn members<'a>(&'a self, _: &mut dyn FnMut(Member<'a>)) {}
}
