//! Fashion-MNIST: 70,000 grey images of clothes, 28 × 28, in ten classes. Xiao, Rasul and Vollgraf, 2017.

use crate::{DataError, Sample, TensorDataset, file, idx};
use hadal_graph::{Bytes, DType, HostTensor};
use std::path::{Path, PathBuf};

/// What the classes show.
pub const CLASSES: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// Which part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The 60,000 images to train on.
    Train,
    /// The 10,000 images to test with.
    Test,
}

/// A part of Fashion-MNIST, from where [`folder`] finds it: `image`, `u8[1, 28, 28]`, and `label`, `i32`.
///
/// Pixels stay bytes, from 0 to 255, as that is a quarter of what must be uploaded; cast and scale them on the device. Any data set whose
/// four files have the same names loads too, so that this reads MNIST as well.
///
/// Errors: `Missing`, which says how to get it; `Malformed`.
pub fn load(part: Part) -> Result<TensorDataset, DataError> {
    load_from(folder()?, part)
}

/// The folder that holds the data set: `$HADAL_DATA/fashion-mnist`, `$HADAL_DATA`, or that of Debian's package. Errors: `Missing`.
pub fn folder() -> Result<PathBuf, DataError> {
    file::locate(
        "fashion-mnist",
        "train-images-idx3-ubyte.gz",
        &["/usr/share/datasets/fashion-mnist", "/usr/local/share/datasets/fashion-mnist"],
        "on Debian, `apt-get install dataset-fashion-mnist`; elsewhere put the four files of \
         https://github.com/zalandoresearch/fashion-mnist into a folder and name it in HADAL_DATA",
    )
}

/// The part from a folder. Errors: `Io`, `Malformed`; `Tensor` when there are not as many labels as images.
pub fn load_from(folder: impl AsRef<Path>, part: Part) -> Result<TensorDataset, DataError> {
    let name = match part {
        Part::Train => "train",
        Part::Test => "t10k",
    };
    let images = folder.as_ref().join(format!("{name}-images-idx3-ubyte.gz"));
    let labels = folder.as_ref().join(format!("{name}-labels-idx1-ubyte.gz"));
    let image = idx::read(&images)?;
    let &[count, height, width] = image.shape() else {
        return Err(unfit(&images, &image, "u8[n, height, width]"));
    };
    let image = HostTensor::from_bytes(image.dtype(), [count, 1, height, width], image.bytes().clone())
        .map_err(DataError::other)?;
    let label = idx::read(&labels)?;
    let (DType::U8, &[count]) = (label.dtype(), label.shape()) else {
        return Err(unfit(&labels, &label, "u8[n]"));
    };
    let numbers: Vec<u8> = label.bytes().iter().flat_map(|&class| i32::from(class).to_le_bytes()).collect();
    let label = HostTensor::from_bytes(DType::I32, [count], Bytes::new(numbers)).map_err(DataError::other)?;
    TensorDataset::new(Sample::new().with("image", image).with("label", label))
}

fn unfit(path: &Path, tensor: &HostTensor, expected: &str) -> DataError {
    let found = format!("{}{:?}", tensor.dtype(), tensor.shape());
    DataError::malformed("Fashion-MNIST", "the tensor", found, expected).in_file(path)
}
