//! Changing the values of pixels.

use super::geometry::extents;
use super::{Transform, on_field};
use crate::DataError;
use crate::collate::describe;
use hadal_graph::{DType, HostTensor};

/// `(x - mean) / deviation` for each channel, as `f32`; bytes are divided by 255 first. torchvision: `ToTensor` and `Normalize`.
///
/// Errors when applied: `Tensor` for what is no image or has another number of channels; `Argument` for a deviation that is not above 0.
pub fn normalise(field: &str, mean: &[f32], deviation: &[f32]) -> Transform {
    let (mean, deviation) = (mean.to_vec(), deviation.to_vec());
    on_field(field, move |image, _| {
        let [channels, height, width] = extents(&image)?;
        if mean.len() != channels || deviation.len() != channels {
            let expected = format!("{} means and {} deviations", mean.len(), deviation.len());
            return Err(DataError::tensor("", format!("{channels} channels"), expected));
        }
        if let Some(bad) = deviation.iter().find(|d| **d <= 0.0 || !d.is_finite()) {
            return Err(DataError::argument("a deviation", bad, "a finite number above 0"));
        }
        let mut values = unit(&image)?;
        for (channel, plane) in values.chunks_mut((height * width).max(1)).enumerate() {
            plane.iter_mut().for_each(|value| *value = (*value - mean[channel]) / deviation[channel]);
        }
        HostTensor::new(image.shape(), &values).map_err(DataError::other)
    })
}

/// Brightness, contrast and saturation changed in random order by factors from `max(0, 1 - strength)` to `1 + strength`. A strength of 0
/// leaves a property as it is. torchvision: `ColorJitter`, without its hue.
///
/// Errors when applied: as the three functions; `Argument` for a strength that is negative or not finite.
pub fn colour_jitter(field: &str, brightness: f32, contrast: f32, saturation: f32) -> Transform {
    on_field(field, move |mut image, random| {
        let strengths = [brightness, contrast, saturation];
        if let Some(bad) = strengths.iter().find(|s| **s < 0.0 || !s.is_finite()) {
            return Err(DataError::argument("the strength of a jitter", bad, "a finite number from 0 on"));
        }
        for which in random.permutation(3) {
            let strength = strengths[which];
            if strength == 0.0 {
                continue;
            }
            let factor = random.between((1.0 - strength).max(0.0), 1.0 + strength);
            image = match which {
                0 => adjust_brightness(&image, factor)?,
                1 => adjust_contrast(&image, factor)?,
                _ => adjust_saturation(&image, factor)?,
            };
        }
        Ok(image)
    })
}

/// The image with its values multiplied: 0 is black, 1 changes nothing. Pillow: `ImageEnhance.Brightness`.
///
/// Errors: `Tensor` for what is no image of `u8` or `f32`.
pub fn adjust_brightness(image: &HostTensor, factor: f32) -> Result<HostTensor, DataError> {
    let values = unit(image)?;
    blend(image, &values, factor, |_| 0.0)
}

/// The image further from, or closer to, the mean of its luma: 0 is grey, 1 changes nothing. Pillow: `ImageEnhance.Contrast`.
///
/// Errors: `Tensor` for what is no image of `u8` or `f32` with 1 or 3 channels.
pub fn adjust_contrast(image: &HostTensor, factor: f32) -> Result<HostTensor, DataError> {
    let values = unit(image)?;
    let luma = luma(image, &values)?;
    let mean = luma.iter().map(|&v| f64::from(v)).sum::<f64>() / luma.len().max(1) as f64;
    blend(image, &values, factor, |_| mean as f32)
}

/// The image further from, or closer to, its luma: 0 is without colour, 1 changes nothing. Pillow: `ImageEnhance.Color`.
///
/// Errors: `Tensor` for what is no image of `u8` or `f32` with 1 or 3 channels.
pub fn adjust_saturation(image: &HostTensor, factor: f32) -> Result<HostTensor, DataError> {
    let values = unit(image)?;
    let luma = luma(image, &values)?;
    blend(image, &values, factor, |at| luma[at % luma.len()])
}

/// The values of an image, from 0 to 1.
pub(super) fn unit(image: &HostTensor) -> Result<Vec<f32>, DataError> {
    extents(image)?;
    match image.dtype() {
        DType::U8 => Ok(image.bytes().iter().map(|&byte| f32::from(byte) / 255.0).collect()),
        DType::F32 => image.to_vec().map_err(DataError::other),
        _ => Err(DataError::tensor("", describe(image.dtype(), image.shape()), "u8 or f32")),
    }
}

/// The luma of ITU-R 601 of each pixel.
fn luma(image: &HostTensor, values: &[f32]) -> Result<Vec<f32>, DataError> {
    let [channels, height, width] = extents(image)?;
    let plane = height * width;
    match channels {
        1 => Ok(values.to_vec()),
        3 => Ok((0..plane)
            .map(|at| 0.299 * values[at] + 0.587 * values[plane + at] + 0.114 * values[2 * plane + at])
            .collect()),
        _ => Err(DataError::tensor("", format!("{channels} channels"), "1 or 3 channels")),
    }
}

/// `other + factor * (values - other)`, from 0 to 1 and in the image's dtype.
fn blend(
    image: &HostTensor,
    values: &[f32],
    factor: f32,
    other: impl Fn(usize) -> f32,
) -> Result<HostTensor, DataError> {
    let mixed = values.iter().enumerate().map(|(at, value)| {
        let other = other(at);
        (other + factor * (value - other)).clamp(0.0, 1.0)
    });
    match image.dtype() {
        DType::U8 => {
            let bytes: Vec<u8> = mixed.map(|value| (value * 255.0).round() as u8).collect();
            HostTensor::new(image.shape(), &bytes)
        }
        _ => HostTensor::new(image.shape(), &mixed.collect::<Vec<f32>>()),
    }
    .map_err(DataError::other)
}
