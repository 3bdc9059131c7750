//! Tensors as the reference computes with them.

use crate::error::OpError;
use crate::{DType, HostTensor, HostTensorError, Scalar};

/// Elements in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Floats, each representable in the array's dtype.
    Float(Vec<f64>),
    /// Integers and booleans (0 or 1), each in the range of the array's dtype.
    Int(Vec<i128>),
}

impl Values {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Values::Float(v) => v.len(),
            Values::Int(v) => v.len(),
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `count` copies of `value`, as elements of `dtype`.
    pub fn filled(dtype: DType, value: Scalar, count: usize) -> Values {
        if dtype.is_float() {
            Values::Float(vec![value.to_f64(); count])
        } else {
            Values::Int(vec![value.to_i128(); count])
        }
    }

    /// The elements at `indices`.
    pub(crate) fn pick(&self, indices: impl Iterator<Item = usize>) -> Values {
        match self {
            Values::Float(v) => Values::Float(indices.map(|i| v[i]).collect()),
            Values::Int(v) => Values::Int(indices.map(|i| v[i]).collect()),
        }
    }

    /// `self[index] = from[n]` for the n-th of `indices`. Both are of one kind.
    pub(crate) fn put(&mut self, indices: impl Iterator<Item = usize>, from: &Values) {
        match (self, from) {
            (Values::Float(to), Values::Float(from)) => indices.zip(from).for_each(|(i, &x)| to[i] = x),
            (Values::Int(to), Values::Int(from)) => indices.zip(from).for_each(|(i, &x)| to[i] = x),
            _ => {}
        }
    }
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
    /// An array of floats; they are rounded to `dtype`.
    pub fn floats(dtype: DType, shape: impl Into<Vec<usize>>, values: Vec<f64>) -> Array {
        Array { dtype, shape: shape.into(), values: Values::Float(values) }.rounded()
    }

    /// An array of integers or booleans; they are wrapped into `dtype`.
    pub fn ints(dtype: DType, shape: impl Into<Vec<usize>>, values: Vec<i128>) -> Array {
        Array { dtype, shape: shape.into(), values: Values::Int(values) }.rounded()
    }

    /// The elements of a float array. Errors: `Value`.
    pub fn as_floats(&self) -> Result<&[f64], OpError> {
        match &self.values {
            Values::Float(values) => Ok(values),
            Values::Int(_) => {
                Err(OpError::Value(format!("a float was expected, but the tensor is {}", self.dtype)))
            }
        }
    }

    /// The elements of an integer or boolean array. Errors: `Value`.
    pub fn as_ints(&self) -> Result<&[i128], OpError> {
        match &self.values {
            Values::Int(values) => Ok(values),
            Values::Float(_) => {
                Err(OpError::Value(format!("an integer was expected, but the tensor is {}", self.dtype)))
            }
        }
    }

    /// Floats rounded to the dtype, integers wrapped into it.
    pub(crate) fn rounded(mut self) -> Array {
        let dtype = self.dtype;
        match &mut self.values {
            Values::Float(values) if dtype != DType::F64 => {
                values.iter_mut().for_each(|x| *x = dtype.round(*x))
            }
            Values::Float(_) => {}
            Values::Int(values) => values.iter_mut().for_each(|x| *x = dtype.wrap(*x)),
        }
        self
    }

    /// The same elements in another shape.
    pub(crate) fn reshaped(self, shape: impl Into<Vec<usize>>) -> Array {
        Array { shape: shape.into(), ..self }
    }

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
