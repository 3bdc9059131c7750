//! Shapes, tensor types and axes.

use crate::dim::{Bindings, DimError};
use crate::{DType, Dim};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Deref;

/// The extents of a tensor, outermost first. Row-major is the only memory order of a materialised tensor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shape(pub Vec<Dim>);

impl Shape {
    /// The shape of a scalar.
    pub fn scalar() -> Shape {
        Shape(Vec::new())
    }

    /// A shape from sizes, symbols or dims: `Shape::of([2, 3])`, `Shape::of(["batch", "seq"])`.
    pub fn of<D: Into<Dim>>(dims: impl IntoIterator<Item = D>) -> Shape {
        Shape(dims.into_iter().map(Into::into).collect())
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// Number of elements: the product of all extents.
    pub fn elements(&self) -> Dim {
        self.0.iter().cloned().product()
    }

    /// Row-major strides in elements.
    pub fn strides(&self) -> Vec<Dim> {
        let mut strides = vec![Dim::ONE; self.rank()];
        for axis in (1..self.rank()).rev() {
            strides[axis - 1] = &strides[axis] * &self.0[axis];
        }
        strides
    }

    /// The extents, if all are known when the graph is built.
    pub fn as_const(&self) -> Option<Vec<usize>> {
        self.0.iter().map(Dim::as_usize).collect()
    }

    /// The extents under `bindings`.
    pub fn eval(&self, bindings: &Bindings) -> Result<Vec<usize>, DimError> {
        self.0
            .iter()
            .map(|d| {
                let value = d.eval(bindings)?;
                usize::try_from(value).map_err(|_| DimError::Overflow(d.to_string()))
            })
            .collect()
    }

    /// This shape with `dim` at `axis`.
    pub fn with(&self, axis: usize, dim: impl Into<Dim>) -> Shape {
        let mut shape = self.clone();
        shape.0[axis] = dim.into();
        shape
    }
}

impl Deref for Shape {
    type Target = [Dim];
    fn deref(&self) -> &[Dim] {
        &self.0
    }
}

impl From<&[usize]> for Shape {
    fn from(dims: &[usize]) -> Shape {
        Shape::of(dims.iter().copied())
    }
}

impl<D: Into<Dim>, const N: usize> From<[D; N]> for Shape {
    fn from(dims: [D; N]) -> Shape {
        Shape::of(dims)
    }
}

impl FromIterator<Dim> for Shape {
    fn from_iter<I: IntoIterator<Item = Dim>>(dims: I) -> Shape {
        Shape(dims.into_iter().collect())
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (i, dim) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{dim}")?;
        }
        f.write_str("]")
    }
}

/// What is known of a tensor before it is computed: its dtype and shape.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TensorType {
    /// Element type.
    pub dtype: DType,
    /// Extents.
    pub shape: Shape,
}

impl TensorType {
    /// A type from a dtype and a shape.
    pub fn new(dtype: DType, shape: impl Into<Shape>) -> TensorType {
        TensorType { dtype, shape: shape.into() }
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.shape.rank()
    }

    /// The same shape with another dtype.
    pub fn with_dtype(&self, dtype: DType) -> TensorType {
        TensorType { dtype, shape: self.shape.clone() }
    }

    /// The same dtype with another shape.
    pub fn with_shape(&self, shape: impl Into<Shape>) -> TensorType {
        TensorType { dtype: self.dtype, shape: shape.into() }
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.dtype, self.shape)
    }
}
