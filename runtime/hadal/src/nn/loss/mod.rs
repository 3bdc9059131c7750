//! Losses.
//!
//! Each is a function of tensors with the name, the order of arguments and the meaning that it has in `torch.nn.functional`; options that
//! PyTorch has by default are in a struct with a `Default`. Class numbers are integers; everything else is of the prediction's float dtype.
//! Under [`autocast`](crate::amp::autocast) all of a loss is computed in `F32`.
//!
//! ```
//! use hadal::nn::loss::{self, CrossEntropyOptions, Reduction};
//! use hadal::{Device, Tensor};
//! let device = Device::open("cpu")?;
//! let logits = Tensor::new(&device, &[2.0f32, 0.0, 0.0, 3.0], [2, 2])?;
//! let targets = Tensor::new(&device, &[0i64, 1], [2])?;
//! let options = CrossEntropyOptions { label_smoothing: 0.1, ..CrossEntropyOptions::default() };
//! let loss = loss::cross_entropy(&logits, &targets, &options)?;
//! assert!(loss.item::<f32>()? < 0.3);
//! assert_eq!(loss::mse(&logits, &logits, Reduction::Mean)?.item::<f32>()?, 0.0);
//! # Ok::<(), hadal::Error>(())
//! ```

mod binary;
mod classification;
mod contrastive;
mod ctc;
mod margin;
mod regression;
mod segmentation;

pub use binary::{bce, bce_with_logits, multilabel_soft_margin, soft_margin};
pub use classification::{CrossEntropyOptions, cross_entropy, cross_entropy_of_probabilities, kl_div, nll};
pub use contrastive::{info_nce, nt_xent};
pub use ctc::{CtcOptions, ctc};
pub use margin::{
    TripletOptions, cosine_embedding, hinge_embedding, margin_ranking, multi_margin, triplet_margin,
};
pub use regression::{gaussian_nll, huber, l1, mse, poisson_nll, smooth_l1};
pub use segmentation::{FocalOptions, dice, focal};

use crate::Result;
use crate::tensor::Tensor;

/// What becomes of the losses of single elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// They stay.
    None,
    /// Their mean.
    #[default]
    Mean,
    /// Their sum.
    Sum,
}

impl Reduction {
    #[track_caller]
    fn of(self, losses: Tensor) -> Result<Tensor> {
        match self {
            Reduction::None => Ok(losses),
            Reduction::Mean => losses.mean(&[]),
            Reduction::Sum => losses.sum(&[]),
        }
    }
}
