//! Images: PNG and JPEG files, alone and in folders of classes.

use crate::collate::describe;
use crate::dataset::check_index;
use crate::error::quoted;
use crate::{DataError, Dataset, Sample, file};
use hadal_graph::{Bytes, DType, HostTensor, Scalar};
use image::{DynamicImage, ImageBuffer, ImageReader, Luma};
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most pixels that a byte of a compressed file can stand for: the greatest ratio of deflate, with eight pixels to an unpacked byte.
const PIXELS_PER_BYTE: u64 = 8 * 1032;
/// How deep folders of images may nest.
const MAX_DEPTH: usize = 16;

/// What the channels of an image mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Colour {
    /// One channel: luma of ITU-R 601, rounded as Pillow's mode `L`.
    Grey,
    /// Red, green and blue. Transparency is dropped, as Pillow's `convert("RGB")` does.
    Rgb,
    /// Red, green, blue and opacity.
    Rgba,
}

impl Colour {
    /// Number of channels.
    pub fn channels(self) -> usize {
        match self {
            Colour::Grey => 1,
            Colour::Rgb => 3,
            Colour::Rgba => 4,
        }
    }
}

/// Reads a PNG or JPEG file: `u8[channels, height, width]`. Errors: `Io`, `Malformed`.
pub fn read(path: impl AsRef<Path>, colour: Colour) -> Result<HostTensor, DataError> {
    let path = path.as_ref();
    from_bytes(&file::read(path)?, colour).map_err(|error| error.in_file(path))
}

/// Reads a PNG or JPEG file that is in memory: `u8[channels, height, width]`. Errors: `Malformed`.
pub fn from_bytes(bytes: &[u8], colour: Colour) -> Result<HostTensor, DataError> {
    let broken = |error: image::ImageError| {
        DataError::malformed("image", "the data", error.to_string(), "a whole PNG or JPEG image")
    };
    let reader = || {
        let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
        reader.map_err(|error| broken(image::ImageError::IoError(error)))
    };
    let (width, height) = reader()?.into_dimensions().map_err(broken)?;
    let pixels = u64::from(width) * u64::from(height);
    if pixels > (bytes.len() as u64).saturating_mul(PIXELS_PER_BYTE) {
        let expected = format!("fewer pixels, as the file has {} bytes", bytes.len());
        return Err(DataError::malformed("image", "the size", format!("{width} × {height}"), expected));
    }
    let image = reader()?.decode().map_err(broken)?;
    let (width, height) = (image.width() as usize, image.height() as usize);
    let interleaved = match colour {
        Colour::Grey => grey(image),
        Colour::Rgb => image.into_rgb8().into_raw(),
        Colour::Rgba => image.into_rgba8().into_raw(),
    };
    let channels = colour.channels();
    let mut planes = Vec::with_capacity(interleaved.len());
    for channel in 0..channels {
        planes.extend(interleaved.iter().skip(channel).step_by(channels));
    }
    HostTensor::from_bytes(DType::U8, [channels, height, width], Bytes::new(planes)).map_err(DataError::other)
}

fn grey(image: DynamicImage) -> Vec<u8> {
    if !image.color().has_color() {
        return image.into_luma8().into_raw();
    }
    let luma = |pixel: &image::Rgb<u8>| {
        let [r, g, b] = pixel.0.map(u32::from);
        ((19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16) as u8
    };
    image.into_rgb8().pixels().map(luma).collect()
}

/// Images in folders, one folder for each class: `image`, `u8[channels, height, width]`, and `label`, `i32`. torchvision: `ImageFolder`.
///
/// Files are read as they are asked for. Images of different sizes must be brought to one size before they are batched:
/// `folder.map(augment::resize("image", 32, 32))`.
#[derive(Clone, Debug)]
pub struct ImageFolder {
    classes: Vec<String>,
    files: Arc<[(PathBuf, i32)]>,
    colour: Colour,
}

impl ImageFolder {
    /// The images below `root`. Classes are the names of its folders, in order; files are in order within them, whatever depth they lie at.
    /// Only names that end in `.png`, `.jpg` or `.jpeg` count.
    ///
    /// Errors: `Io`; `Malformed` when there is no folder of images.
    pub fn open(root: impl AsRef<Path>, colour: Colour) -> Result<ImageFolder, DataError> {
        let root = root.as_ref();
        let mut classes = Vec::new();
        let mut files = Vec::new();
        for folder in entries(root)?.into_iter().filter(|path| path.is_dir()) {
            let Some(name) = folder.file_name() else { continue };
            let mut found = Vec::new();
            collect(&folder, 0, &mut found)?;
            // There are fewer classes than folders that a person made.
            let class = classes.len() as i32;
            files.extend(found.into_iter().map(|path| (path, class)));
            classes.push(name.to_string_lossy().into_owned());
        }
        if files.is_empty() {
            let found = format!("{} folders without PNG or JPEG files", classes.len());
            let expected = "a folder for each class, with images";
            return Err(DataError::malformed("image", "the folder", found, expected).in_file(root));
        }
        Ok(ImageFolder { classes, files: files.into(), colour })
    }

    /// The names of the classes, by label.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The file of a sample. Errors: `Index`.
    pub fn path(&self, index: usize) -> Result<&Path, DataError> {
        check_index(index, self.files.len())?;
        Ok(&self.files[index].0)
    }
}

impl Dataset for ImageFolder {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn get(&self, index: usize, _epoch: u64) -> Result<Sample, DataError> {
        check_index(index, self.files.len())?;
        let (path, class) = &self.files[index];
        let label = HostTensor::scalar(DType::I32, Scalar::Int((*class).into()));
        Ok(Sample::new().with("image", read(path, self.colour)?).with("label", label))
    }
}

/// What is in a folder, in order of names.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let failed = |error| DataError::io(folder, "list", error);
    let mut paths = std::fs::read_dir(folder)
        .map_err(failed)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    paths.sort();
    Ok(paths)
}

fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), DataError> {
    if depth > MAX_DEPTH {
        let found = format!("folders {MAX_DEPTH} deep: {}", quoted(&folder.display().to_string()));
        return Err(DataError::malformed("image", "the folder", found, "fewer; is there a link to itself?"));
    }
    for path in entries(folder)? {
        if path.is_dir() {
            collect(&path, depth + 1, files)?;
        } else if path.extension().is_some_and(|extension| {
            ["png", "jpg", "jpeg"].iter().any(|known| extension.eq_ignore_ascii_case(known))
        }) {
            files.push(path);
        }
    }
    Ok(())
}

/// An image resized to `height` × `width`, channel by channel, with a triangle filter that widens where the image shrinks: Pillow's
/// `BILINEAR`, torchvision's `Resize(antialias=True)`.
///
/// Takes `u8` or `f32` of shape `[channels, height, width]`. Errors: `Tensor` for others; `Argument` for a size of 0.
pub fn resize(image: &HostTensor, height: usize, width: usize) -> Result<HostTensor, DataError> {
    let size = |n: usize| u32::try_from(n).ok().filter(|n| (1..=1 << 16).contains(n));
    let (Some(to_height), Some(to_width)) = (size(height), size(width)) else {
        let found = format!("{height} × {width}");
        return Err(DataError::argument("the size of an image", found, "from 1 to 65536 on each side"));
    };
    let unfit = || {
        let found = describe(image.dtype(), image.shape());
        DataError::tensor("image", found, "u8 or f32 of shape [channels, height, width], not empty")
    };
    let &[channels, from_height, from_width] = image.shape() else { return Err(unfit()) };
    let (Some(from_height), Some(from_width)) = (size(from_height), size(from_width)) else {
        return Err(unfit());
    };
    let plane = from_height as usize * from_width as usize;
    let shape = [channels, height, width];
    let filter = image::imageops::FilterType::Triangle;
    let resized = match image.dtype() {
        DType::U8 => {
            let mut resized: Vec<u8> = Vec::with_capacity(channels * height * width);
            for channel in image.bytes().chunks_exact(plane) {
                let pixels: Option<ImageBuffer<Luma<u8>, _>> =
                    ImageBuffer::from_raw(from_width, from_height, channel);
                let pixels = pixels.ok_or_else(unfit)?;
                resized.extend(image::imageops::resize(&pixels, to_width, to_height, filter).into_raw());
            }
            HostTensor::new(shape, &resized)
        }
        DType::F32 => {
            let mut resized: Vec<f32> = Vec::with_capacity(channels * height * width);
            for channel in image.to_vec::<f32>().map_err(DataError::other)?.chunks_exact(plane) {
                // The crate takes floats to lie from 0 to 1 and cuts off what does not.
                let low = channel.iter().copied().fold(f32::INFINITY, f32::min);
                let high = channel.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let range = if high > low { high - low } else { 1.0 };
                let scaled: Vec<f32> = channel.iter().map(|value| (value - low) / range).collect();
                let pixels: Option<ImageBuffer<Luma<f32>, _>> =
                    ImageBuffer::from_raw(from_width, from_height, scaled);
                let pixels = image::imageops::resize(&pixels.ok_or_else(unfit)?, to_width, to_height, filter);
                resized.extend(pixels.into_raw().iter().map(|value| low + value * range));
            }
            HostTensor::new(shape, &resized)
        }
        _ => return Err(unfit()),
    };
    resized.map_err(DataError::other)
}
