//! Data sets that are tensors in memory.

use super::{Dataset, check_index};
use crate::{DataError, Sample};
use hadal_graph::{Bytes, HostTensor};
use std::sync::Arc;

/// Tensors whose first axis counts samples. PyTorch: `TensorDataset`, with names.
///
/// A sample shares the tensors' memory; only a batch is a copy.
#[derive(Clone, Debug)]
pub struct TensorDataset {
    fields: Vec<Field>,
    len: usize,
}

#[derive(Clone, Debug)]
struct Field {
    name: Arc<str>,
    tensor: HostTensor,
    /// Shape and bytes of one row.
    shape: Vec<usize>,
    size: usize,
}

impl TensorDataset {
    /// A data set of these tensors. Errors: `Tensor` when one is a scalar or has another number of rows than the first.
    pub fn new(fields: Sample) -> Result<TensorDataset, DataError> {
        let mut len = None;
        let mut rows = Vec::new();
        for (name, tensor) in fields {
            let Some((&count, shape)) = tensor.shape().split_first() else {
                return Err(DataError::tensor(&*name, "a scalar", "a first axis that counts samples"));
            };
            let expected = *len.get_or_insert(count);
            if count != expected {
                return Err(DataError::tensor(
                    &*name,
                    format!("{count} rows"),
                    format!("{expected}, as in the field before"),
                ));
            }
            let shape = shape.to_vec();
            let size = tensor.bytes().len().checked_div(count).unwrap_or(0);
            rows.push(Field { name, tensor, shape, size });
        }
        Ok(TensorDataset { fields: rows, len: len.unwrap_or(0) })
    }

    /// All samples of a field as one tensor. Errors: `Field`.
    pub fn tensor(&self, name: &str) -> Result<&HostTensor, DataError> {
        let found = self.fields.iter().find(|field| &*field.name == name);
        found.map(|field| &field.tensor).ok_or_else(|| DataError::Field {
            name: name.into(),
            fields: self.fields.iter().map(|field| field.name.to_string()).collect(),
        })
    }
}

impl Field {
    fn row(&self, index: usize) -> Option<Bytes> {
        let start = index.checked_mul(self.size)?;
        self.tensor.bytes().slice(start..start.checked_add(self.size)?)
    }

    fn wrap(&self, shape: Vec<usize>, bytes: Bytes) -> Result<(Arc<str>, HostTensor), DataError> {
        let tensor = HostTensor::from_bytes(self.tensor.dtype(), shape, bytes).map_err(DataError::other)?;
        Ok((self.name.clone(), tensor))
    }

    fn stack(&self, indices: &[usize]) -> Result<(Arc<str>, HostTensor), DataError> {
        let all = self.tensor.bytes();
        let mut bytes = Vec::with_capacity(indices.len() * self.size);
        for &index in indices {
            bytes.extend_from_slice(&all[index * self.size..(index + 1) * self.size]);
        }
        let shape = std::iter::once(indices.len()).chain(self.shape.iter().copied()).collect();
        self.wrap(shape, Bytes::new(bytes))
    }
}

impl Dataset for TensorDataset {
    fn len(&self) -> usize {
        self.len
    }

    fn get(&self, index: usize, _epoch: u64) -> Result<Sample, DataError> {
        check_index(index, self.len)?;
        let row = |field: &Field| {
            let bytes = field.row(index).ok_or(DataError::Index { index, len: self.len })?;
            field.wrap(field.shape.clone(), bytes)
        };
        self.fields.iter().map(row).collect()
    }

    fn stacked(&self, indices: &[usize], _epoch: u64) -> Option<Result<Sample, DataError>> {
        let checked = indices.iter().try_for_each(|&index| check_index(index, self.len));
        Some(checked.and_then(|()| self.fields.iter().map(|field| field.stack(indices)).collect()))
    }
}
