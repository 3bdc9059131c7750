//! Tensors as the reference computes with them.

use crate::{DType, HostTensor, HostTensorError, Scalar};

/// Elements in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Floats, each representable in the array's dtype.
    Float(Vec<f64>),
    /// Integers and booleans (0 or 1), each in the range of the array's dtype.
    Int(Vec<i128>),
}

/// A tensor of the reference interpreter.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Element type.
    pub dtype: DType,
    /// Extents.
    pub shape: Vec<usize>,
    /// Elements.
    pub values: Values,
}

impl Array {
    /// From a host tensor.
    pub fn from_host(tensor: &HostTensor) -> Array {
        let values = if tensor.dtype().is_float() {
            Values::Float(tensor.to_f64())
        } else {
            Values::Int(tensor.scalars().map(Scalar::to_i128).collect())
        };
        Array { dtype: tensor.dtype(), shape: tensor.shape().to_vec(), values }
    }

    /// To a host tensor. Errors: `Length` when the number of elements does not match the shape.
    pub fn to_host(&self) -> Result<HostTensor, HostTensorError> {
        match &self.values {
            Values::Float(v) => {
                HostTensor::from_scalars(self.dtype, self.shape.clone(), v.iter().map(|&x| Scalar::Float(x)))
            }
            Values::Int(v) => {
                HostTensor::from_scalars(self.dtype, self.shape.clone(), v.iter().map(|&x| Scalar::Int(x)))
            }
        }
    }
}
