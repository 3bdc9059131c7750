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
        let [_, own_height, own_width] = extents(&image)?;
        let room = |own: usize, wanted: usize| {
            own.saturating_add(padding.saturating_mul(2)).checked_sub(wanted).ok_or_else(|| {
                let expected = format!("at least {height} × {width} with {padding} pixels around it");
                DataError::tensor("", describe(image.dtype(), image.shape()), expected)
            })
        };
        let top = random.below(room(own_height, height)? + 1);
        let left = random.below(room(own_width, width)? + 1);
        // Where the window lies outside the image it shows the padding.
        let places = |start: usize, wanted: usize, own: usize| -> Vec<Option<usize>> {
            (start..start + wanted).map(|at| at.checked_sub(padding).filter(|at| *at < own)).collect()
        };
        pick(&image, &places(top, height, own_height), &places(left, width, own_width))
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
    let [_, height, width] = extents(image)?;
    let rows: Vec<_> = (0..height).map(Some).collect();
    let columns: Vec<_> = (0..width).rev().map(Some).collect();
    pick(image, &rows, &columns)
}

/// A black square of `size` pixels around a random pixel, as far as it lies within the image. DeVries and Taylor, 2017.
///
/// Errors when applied: `Tensor` for what is no image.
pub fn cutout(field: &str, size: usize) -> Transform {
    on_field(field, move |image, random| {
        let [channels, height, width] = extents(&image)?;
        // The square begins half its size before its centre, which may be before the image.
        let mut span = |extent: usize| {
            let centre = random.below(extent);
            let end = centre.saturating_add(size).saturating_sub(size / 2);
            centre.saturating_sub(size / 2)..end.min(extent)
        };
        let (rows, columns) = (span(height), span(width));
        let mut bytes = image.bytes().to_vec();
        let element = image.dtype().size();
        for channel in 0..channels {
            for row in rows.clone() {
                let start = (channel * height + row) * width;
                bytes[(start + columns.start) * element..(start + columns.end) * element].fill(0);
            }
        }
        HostTensor::from_bytes(image.dtype(), image.shape(), Bytes::new(bytes)).map_err(DataError::other)
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

/// The image made of these rows and columns of another; where there is none it is black.
fn pick(
    image: &HostTensor,
    rows: &[Option<usize>],
    columns: &[Option<usize>],
) -> Result<HostTensor, DataError> {
    let [channels, ..] = extents(image)?;
    let bytes = match image.dtype().size() {
        1 => pick_sized::<1>(image, rows, columns),
        2 => pick_sized::<2>(image, rows, columns),
        4 => pick_sized::<4>(image, rows, columns),
        _ => pick_sized::<8>(image, rows, columns),
    }?;
    let shape = [channels, rows.len(), columns.len()];
    HostTensor::from_bytes(image.dtype(), shape, Bytes::new(bytes)).map_err(DataError::other)
}

/// The same for elements of `SIZE` bytes.
fn pick_sized<const SIZE: usize>(
    image: &HostTensor,
    rows: &[Option<usize>],
    columns: &[Option<usize>],
) -> Result<Vec<u8>, DataError> {
    let [channels, height, width] = extents(image)?;
    let source = image.bytes().as_chunks::<SIZE>().0;
    let mut pixels: Vec<[u8; SIZE]> = Vec::with_capacity(channels * rows.len() * columns.len());
    for channel in 0..channels {
        for row in rows {
            match row {
                Some(row) => {
                    let row = &source[(channel * height + row) * width..][..width];
                    pixels.extend(columns.iter().map(|column| column.map_or([0; SIZE], |x| row[x])));
                }
                None => pixels.resize(pixels.len() + columns.len(), [0; SIZE]),
            }
        }
    }
    Ok(pixels.into_flattened())
}
