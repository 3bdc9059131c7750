//! Values that are known when a model is imported: how shape arithmetic stays symbolic.
//!
//! Exporters compute shapes with tensors: `Shape`, `Gather`, `Mul`, `Concat`, and then `Reshape` takes the result. Here such a value is a list
//! of [`Dim`]s, so that the reshape gets its symbolic shape and no node is made for the arithmetic.

use hadal_graph::{DType, Dim, HostTensor, Scalar};

/// Most elements of a value that is tracked.
pub(crate) const MAX_KNOWN: usize = 128;

/// An integer or boolean value of rank 0 or 1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Known {
    pub(crate) dtype: DType,
    /// Whether this is a vector; else `dims` has one element.
    pub(crate) vector: bool,
    pub(crate) dims: Vec<Dim>,
}

impl Known {
    /// A vector of `dtype`.
    pub(crate) fn vector(dtype: DType, dims: Vec<Dim>) -> Known {
        Known { dtype, vector: true, dims }
    }

    /// A scalar of `dtype`.
    pub(crate) fn scalar(dtype: DType, dim: Dim) -> Known {
        Known { dtype, vector: false, dims: vec![dim] }
    }

    /// The value of a small integer or boolean tensor of rank 0 or 1.
    pub(crate) fn of(tensor: &HostTensor) -> Option<Known> {
        if tensor.dtype().is_float() || tensor.shape().len() > 1 || tensor.elements() > MAX_KNOWN {
            return None;
        }
        let dims = tensor.scalars().map(|s| i64::try_from(s.to_i128()).ok().map(Dim::Const));
        Some(Known {
            dtype: tensor.dtype(),
            vector: tensor.shape().len() == 1,
            dims: dims.collect::<Option<_>>()?,
        })
    }

    /// The elements, if all are plain numbers.
    pub(crate) fn ints(&self) -> Option<Vec<i64>> {
        self.dims.iter().map(Dim::as_const).collect()
    }

    /// As a tensor, if all elements are plain numbers.
    pub(crate) fn tensor(&self) -> Option<HostTensor> {
        let ints = self.ints()?;
        let shape: Vec<usize> = if self.vector { vec![ints.len()] } else { vec![] };
        HostTensor::from_scalars(self.dtype, shape, ints.into_iter().map(|i| Scalar::Int(i.into()))).ok()
    }

    /// Elementwise with NumPy's broadcasting; none when `f` has no answer.
    pub(crate) fn zip(
        &self,
        other: &Known,
        dtype: DType,
        f: impl Fn(&Dim, &Dim) -> Option<Dim>,
    ) -> Option<Known> {
        let count = match (self.dims.len(), other.dims.len()) {
            (a, b) if a == b => a,
            (1, b) => b,
            (a, 1) => a,
            _ => return None,
        };
        let at = |known: &Known, i: usize| known.dims[if known.dims.len() == 1 { 0 } else { i }].clone();
        let dims = (0..count)
            .map(|i| f(&at(self, i), &at(other, i)).filter(|d| fits(d, dtype)))
            .collect::<Option<_>>()?;
        Some(Known { dtype, vector: self.vector || other.vector, dims })
    }

    /// Elementwise; none when `f` has no answer.
    pub(crate) fn map(&self, f: impl Fn(&Dim) -> Option<Dim>) -> Option<Known> {
        let dims = self.dims.iter().map(|d| f(d).filter(|d| fits(d, self.dtype))).collect::<Option<_>>()?;
        Some(Known { dtype: self.dtype, vector: self.vector, dims })
    }
}

/// Whether a result is a number of `dtype`, or a formula that is not too long.
fn fits(dim: &Dim, dtype: DType) -> bool {
    match (dim.as_const(), dtype.int_range()) {
        (Some(value), Some((low, high))) => (low..=high).contains(&value.into()),
        (Some(_), None) => false,
        (None, _) => dim.weight() <= 64,
    }
}

/// Whether a size is at least `bound` whenever every symbol is at least 1.
pub(crate) fn at_least(dim: &Dim, bound: i64) -> bool {
    // A size is a polynomial; where it grows with its symbols these samples decide, and for the others the largest fails.
    [1, 2, 3, 5, 64, 4096]
        .into_iter()
        .all(|n| dim.substitute(&|_| Some(Dim::Const(n))).as_const().is_some_and(|value| value >= bound))
}
