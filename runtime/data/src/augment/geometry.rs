//! Moving and cutting pixels. These take any dtype.

use super::{Transform, on_field};
use crate::DataError;
use crate::collate::describe;
use hadal_graph::{Bytes, HostTensor};

/// A window of `height` × `width` at a random place of the image, which `padding` black pixels surround. torchvision: `RandomCrop`.
///
/// Errors when applied: `Tensor` for what is no image, or is too small with its padding.
pub fn random_crop(field: &str, height: usize, width: usize, padding: usize) -> Transform {
    on_field(field, move |image, random| {
        let [channels, own_height, own_width] = extents(&image)?;
        let room = |own: usize, wanted: usize| {
            own.saturating_add(padding.saturating_mul(2)).checked_sub(wanted).ok_or_else(|| {
                let expected = format!("at least {height} × {width} with {padding} pixels around it");
                DataError::tensor("", describe(image.dtype(), image.shape()), expected)
            })
        };
        let top = random.below(room(own_height, height)? + 1);
        let left = random.below(room(own_width, width)? + 1);
        let pixel = |y: usize, x: usize| {
            // Where the window lies outside the image it shows the padding.
            let y = (y + top).checked_sub(padding).filter(|y| *y < own_height)?;
            let x = (x + left).checked_sub(padding).filter(|x| *x < own_width)?;
            Some((y, x))
        };
        pick(&image, [channels, height, width], pixel)
    })
}

/// The image mirrored left to right with this probability. torchvision: `RandomHorizontalFlip`.
///
/// Errors when applied: `Tensor` for what is no image.
pub fn random_flip(field: &str, probability: f32) -> Transform {
    on_field(field, move |image, random| if random.chance(probability) { flip(&image) } else { Ok(image) })
}

/// The image mirrored left to right. Errors: `Tensor` for what is no image.
pub fn flip(image: &HostTensor) -> Result<HostTensor, DataError> {
    let shape = extents(image)?;
    pick(image, shape, |y, x| Some((y, shape[2] - 1 - x)))
}

/// A black square of `size` pixels around a random pixel, as far as it lies within the image. DeVries and Taylor, 2017.
///
/// Errors when applied: `Tensor` for what is no image.
pub fn cutout(field: &str, size: usize) -> Transform {
    on_field(field, move |image, random| {
        let shape = extents(&image)?;
        let (y, x) = (random.below(shape[1]), random.below(shape[2]));
        let inside = |at: usize, centre: usize| {
            let start = centre as i128 - size as i128 / 2;
            (start..start + size as i128).contains(&(at as i128))
        };
        pick(&image, shape, |at_y, at_x| (!(inside(at_y, y) && inside(at_x, x))).then_some((at_y, at_x)))
    })
}

/// The image resized; see [`images::resize`](crate::images::resize).
#[cfg(feature = "image")]
pub fn resize(field: &str, height: usize, width: usize) -> Transform {
    on_field(field, move |image, _| crate::images::resize(&image, height, width))
}

/// Channels, height and width. Errors: `Tensor`.
pub(super) fn extents(image: &HostTensor) -> Result<[usize; 3], DataError> {
    <[usize; 3]>::try_from(image.shape()).map_err(|_| {
        DataError::tensor("", describe(image.dtype(), image.shape()), "an image, [channels, height, width]")
    })
}

/// An image each of whose pixels is one of another, or black.
fn pick(
    image: &HostTensor,
    shape: [usize; 3],
    from: impl Fn(usize, usize) -> Option<(usize, usize)>,
) -> Result<HostTensor, DataError> {
    let [_, own_height, own_width] = extents(image)?;
    let size = image.dtype().size();
    let source = image.bytes();
    let mut bytes = Vec::with_capacity(shape.iter().product::<usize>() * size);
    for channel in 0..shape[0] {
        for y in 0..shape[1] {
            for x in 0..shape[2] {
                match from(y, x) {
                    Some((y, x)) => {
                        let at = ((channel * own_height + y) * own_width + x) * size;
                        bytes.extend_from_slice(&source[at..at + size]);
                    }
                    None => bytes.resize(bytes.len() + size, 0),
                }
            }
        }
    }
    HostTensor::from_bytes(image.dtype(), shape, Bytes::new(bytes)).map_err(DataError::other)
}
