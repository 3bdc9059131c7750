//! Weights that arrive while a program is made ready.

use crate::{DeviceError, DeviceFuture, MaybeSend, Weights};
use hadal_graph::{Bytes, DType, HostTensor};

/// A tensor that arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arriving {
    /// Its name among the weights.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Extents.
    pub shape: Vec<usize>,
}

impl Arriving {
    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// Weights from where they cannot all be looked at together: a download.
pub trait WeightStream: MaybeSend {
    /// The tensors, in the order in which their bytes arrive, one after another and without gaps.
    fn tensors(&self) -> &[Arriving];

    /// Exactly the next `bytes` bytes, little-endian elements in row-major order.
    ///
    /// Errors: `Weights` when they do not come.
    fn next(&mut self, bytes: usize) -> DeviceFuture<'_, Vec<u8>>;
}

/// All that arrives, in host memory. Errors: those of the stream.
pub async fn gather(stream: &mut dyn WeightStream) -> Result<Weights, DeviceError> {
    let mut weights = Weights::new();
    for tensor in stream.tensors().to_vec() {
        let bytes = stream.next(tensor.elements() * tensor.dtype.size()).await?;
        let value = HostTensor::from_bytes(tensor.dtype, tensor.shape, Bytes::new(bytes))
            .map_err(|error| DeviceError::Weights(format!("`{}`: {error}", tensor.name)))?;
        weights.insert(tensor.name, value);
    }
    Ok(weights)
}
