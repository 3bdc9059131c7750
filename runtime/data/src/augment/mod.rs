//! Augmentation: samples that differ a little from epoch to epoch.
//!
//! A [`Transform`] changes one field of a sample. [`chain`] makes one of several, and [`Dataset::augment`](crate::Dataset::augment) applies
//! it with random numbers that depend on the seed, the epoch and the sample's index alone:
//!
//! ```
//! use hadal_data::{Dataset, Sample, TensorDataset, augment};
//! use hadal_graph::{DType, HostTensor, Scalar};
//! let images = HostTensor::full(DType::U8, [2, 1, 28, 28], Scalar::Int(200));
//! let dataset = TensorDataset::new(Sample::new().with("image", images))?;
//! let augmented = dataset.augment(7, augment::chain([
//!     augment::random_crop("image", 28, 28, 2),
//!     augment::random_flip("image", 0.5),
//!     augment::cutout("image", 8),
//!     augment::normalise("image", &[0.286], &[0.353]),
//! ]));
//! assert_eq!(augmented.get(0, 3)?.field("image")?.dtype(), DType::F32);
//! assert_eq!(augmented.get(0, 3)?, augmented.get(0, 3)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Images are `[channels, height, width]`, `u8` from 0 to 255 or `f32` from 0 to 1. Tokens are `i32` or `i64` of one axis.

mod colour;
mod geometry;
mod mixup;
mod text;

pub use colour::{adjust_brightness, adjust_contrast, adjust_saturation, colour_jitter, normalise};
#[cfg(feature = "image")]
pub use geometry::resize;
pub use geometry::{cutout, flip, random_crop, random_flip};
pub use mixup::Mixup;
pub use text::{IGNORED, MaskTokens, token_dropout};

use crate::{DataError, Random, Sample};

/// A change of a sample that may draw random numbers.
pub type Transform = Box<dyn Fn(Sample, &mut Random) -> Result<Sample, DataError> + Send + Sync>;

/// Several transforms, one after another.
pub fn chain(transforms: impl IntoIterator<Item = Transform>) -> Transform {
    let transforms: Vec<Transform> = transforms.into_iter().collect();
    Box::new(move |sample, random| {
        transforms.iter().try_fold(sample, |sample, transform| transform(sample, random))
    })
}

/// The transform of one field. Errors name the field.
fn on_field<F>(field: &str, change: F) -> Transform
where
    F: Fn(hadal_graph::HostTensor, &mut Random) -> Result<hadal_graph::HostTensor, DataError>
        + Send
        + Sync
        + 'static,
{
    let field: std::sync::Arc<str> = field.into();
    Box::new(move |mut sample, random| {
        let value = sample.field(&field)?.clone();
        let changed = change(value, random).map_err(|error| match error {
            DataError::Tensor { found, expected, hint, .. } => {
                DataError::Tensor { field: field.to_string(), found, expected, hint }
            }
            other => other,
        })?;
        sample.insert(field.clone(), changed);
        Ok(sample)
    })
}
