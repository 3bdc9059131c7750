//! From samples to a batch.

use crate::{DataError, Sample};
use hadal_graph::{Bytes, DType, HostTensor, Scalar};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Makes one batch of the samples of a batch. PyTorch: `collate_fn`. Functions `Fn(Vec<Sample>) -> Result<Sample, DataError>` are collations.
pub trait Collate: Send + Sync {
    /// The batch. Errors: whatever does not go together.
    fn collate(&self, samples: Vec<Sample>) -> Result<Sample, DataError>;

    /// Whether this only stacks, so that a data set may do it faster by itself.
    fn is_stack(&self) -> bool {
        false
    }
}

impl<F: Fn(Vec<Sample>) -> Result<Sample, DataError> + Send + Sync> Collate for F {
    fn collate(&self, samples: Vec<Sample>) -> Result<Sample, DataError> {
        self(samples)
    }
}

/// Stacks every field along a new first axis. PyTorch: `default_collate`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stack;

impl Collate for Stack {
    fn collate(&self, samples: Vec<Sample>) -> Result<Sample, DataError> {
        columns(samples)?
            .into_iter()
            .map(|(name, tensors)| Ok((name.clone(), named(&name, stack(&tensors))?)))
            .collect()
    }

    fn is_stack(&self) -> bool {
        true
    }
}

/// Pads some fields to the longest of a batch and stacks all. PyTorch: `pad_sequence(batch_first=True)`.
///
/// ```
/// use hadal_data::PadSequence;
/// let collate = PadSequence::new().pad("tokens", 0.0).lengths("tokens", "length").multiple_of(8);
/// ```
#[derive(Clone, Debug, Default)]
pub struct PadSequence {
    values: BTreeMap<String, f64>,
    lengths: BTreeMap<String, String>,
    masks: BTreeMap<String, String>,
    multiple: usize,
}

impl PadSequence {
    /// A collation that pads no field yet.
    pub fn new() -> PadSequence {
        PadSequence::default()
    }

    /// Pads the first axis of a field with this value, rounded to the field's dtype.
    #[must_use]
    pub fn pad(mut self, field: impl Into<String>, value: f64) -> PadSequence {
        self.values.insert(field.into(), value);
        self
    }

    /// Adds a field `name`, `i32[batch]`: how long each sample's `field` was.
    #[must_use]
    pub fn lengths(mut self, field: impl Into<String>, name: impl Into<String>) -> PadSequence {
        self.lengths.insert(field.into(), name.into());
        self
    }

    /// Adds a field `name`, `bool[batch, length]`: true where `field` is not padding.
    #[must_use]
    pub fn mask(mut self, field: impl Into<String>, name: impl Into<String>) -> PadSequence {
        self.masks.insert(field.into(), name.into());
        self
    }

    /// Pads to a multiple of this length, so that fewer different shapes occur.
    #[must_use]
    pub fn multiple_of(mut self, multiple: usize) -> PadSequence {
        self.multiple = multiple;
        self
    }
}

impl Collate for PadSequence {
    fn collate(&self, samples: Vec<Sample>) -> Result<Sample, DataError> {
        let columns = columns(samples)?;
        let asked = self.values.keys().chain(self.lengths.keys()).chain(self.masks.keys());
        for name in asked {
            if !columns.iter().any(|(n, _)| **n == **name) {
                let fields = columns.iter().map(|(n, _)| n.to_string()).collect();
                return Err(DataError::Field { name: name.clone(), fields });
            }
        }
        let mut batch = Sample::new();
        let mut added = Vec::new();
        for (name, tensors) in columns {
            let stacked = match self.values.get(&*name) {
                Some(&value) => named(&name, pad_sequence(&tensors, value, self.multiple))?,
                None => named(&name, stack(&tensors))?,
            };
            let lengths = || tensors.iter().map(|t| t.shape().first().copied().unwrap_or(0));
            if let Some(to) = self.lengths.get(&*name) {
                let values: Vec<i32> = lengths().map(|n| i32::try_from(n).unwrap_or(i32::MAX)).collect();
                let tensor = HostTensor::new([values.len()], &values).map_err(DataError::other)?;
                added.push((to.as_str().into(), tensor));
            }
            if let Some(to) = self.masks.get(&*name) {
                let width = stacked.shape().get(1).copied().unwrap_or(0);
                let values: Vec<bool> = lengths().flat_map(|n| (0..width).map(move |at| at < n)).collect();
                let tensor =
                    HostTensor::from_bools([tensors.len(), width], &values).map_err(DataError::other)?;
                added.push((to.as_str().into(), tensor));
            }
            batch.insert(name, stacked);
        }
        for (name, tensor) in added {
            let name: Arc<str> = name;
            if batch.insert(name.clone(), tensor).is_some() {
                return Err(DataError::tensor(&*name, "a field of the samples", "a name that is free"));
            }
        }
        Ok(batch)
    }
}

/// Tensors of one dtype and shape as one tensor with a new first axis. Errors: `Tensor` when there are none or when they differ.
pub fn stack(tensors: &[HostTensor]) -> Result<HostTensor, DataError> {
    let first = first(tensors)?;
    let mut bytes = Vec::with_capacity(tensors.len() * first.bytes().len());
    for tensor in tensors {
        if tensor.dtype() != first.dtype() || tensor.shape() != first.shape() {
            let hint = "pad it with `PadSequence`, or bring all samples to one size with `map`";
            return Err(differs(tensor, first).with_hint(hint));
        }
        bytes.extend_from_slice(tensor.bytes());
    }
    let shape: Vec<usize> = std::iter::once(tensors.len()).chain(first.shape().iter().copied()).collect();
    HostTensor::from_bytes(first.dtype(), shape, Bytes::new(bytes)).map_err(DataError::other)
}

/// Tensors that differ in their first axis at most, as one tensor with a new first axis: each is followed by `value` up to the longest, or up
/// to the next multiple of `multiple` (0 and 1 mean any length). PyTorch: `pad_sequence(batch_first=True)`.
///
/// Errors: `Tensor` when there are none, when one is a scalar, or when dtypes or other axes differ.
pub fn pad_sequence(tensors: &[HostTensor], value: f64, multiple: usize) -> Result<HostTensor, DataError> {
    let first = first(tensors)?;
    let rest = first.shape().get(1..).ok_or_else(|| DataError::tensor("", "a scalar", "a sequence"))?;
    let mut longest = 0;
    for tensor in tensors {
        if tensor.dtype() != first.dtype() || tensor.shape().get(1..) != Some(rest) {
            return Err(differs(tensor, first));
        }
        longest = longest.max(tensor.shape()[0]);
    }
    let length = longest.checked_next_multiple_of(multiple.max(1));
    let row = rest.iter().try_fold(first.dtype().size(), |product, n| product.checked_mul(*n));
    let size = length.zip(row).and_then(|(length, row)| length.checked_mul(row));
    let total = size.and_then(|size| size.checked_mul(tensors.len()));
    let (Some(length), Some(size), Some(total)) = (length, size, total) else {
        return Err(DataError::argument("the padded length", multiple, "a length that memory can hold"));
    };
    let padding = HostTensor::scalar(first.dtype(), Scalar::new(value, first.dtype()));
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(total)
        .map_err(|_| DataError::argument("the padded length", length, "a length that memory can hold"))?;
    for tensor in tensors {
        bytes.extend_from_slice(tensor.bytes());
        let missing = (size - tensor.bytes().len()) / first.dtype().size();
        bytes.extend(padding.bytes().iter().copied().cycle().take(missing * first.dtype().size()));
    }
    let shape: Vec<usize> = [tensors.len(), length].into_iter().chain(rest.iter().copied()).collect();
    HostTensor::from_bytes(first.dtype(), shape, Bytes::new(bytes)).map_err(DataError::other)
}

fn first(tensors: &[HostTensor]) -> Result<&HostTensor, DataError> {
    tensors.first().ok_or_else(|| DataError::tensor("", "no samples", "at least one"))
}

fn differs(tensor: &HostTensor, first: &HostTensor) -> DataError {
    let of = |t: &HostTensor| describe(t.dtype(), t.shape());
    DataError::tensor("", of(tensor), format!("{} as in the batch's first sample", of(first)))
}

/// `f32[2, 3]`.
pub(crate) fn describe(dtype: DType, shape: &[usize]) -> String {
    format!("{dtype}{shape:?}")
}

/// The same error about the field `name`.
fn named<T>(name: &str, result: Result<T, DataError>) -> Result<T, DataError> {
    result.map_err(|error| match error {
        DataError::Tensor { found, expected, hint, .. } => {
            DataError::Tensor { field: name.into(), found, expected, hint }
        }
        other => other,
    })
}

/// A field's name, and its tensor in each sample.
type Column = (Arc<str>, Vec<HostTensor>);

/// The tensors of each field. Errors: `Field` when a sample lacks a field of the first, `Tensor` when it has another.
fn columns(samples: Vec<Sample>) -> Result<Vec<Column>, DataError> {
    let count = samples.len();
    let names: Vec<Arc<str>> =
        samples.first().map(|s| s.iter().map(|(n, _)| n.clone()).collect()).unwrap_or_default();
    let mut columns: Vec<Column> = names.into_iter().map(|name| (name, Vec::with_capacity(count))).collect();
    for mut sample in samples {
        for (name, column) in &mut columns {
            column.push(sample.take(name)?);
        }
        if let Some(name) = sample.names().next() {
            let expected = "the fields of the batch's first sample, which has none of this name";
            return Err(DataError::tensor(name, "a field of one sample", expected));
        }
    }
    Ok(columns)
}
