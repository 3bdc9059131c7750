//! What an op is given to compute with.

use super::Array;
use crate::dim::Bindings;
use crate::error::OpError;
use crate::graph::Graph;
use crate::{DType, Dim, Shape, TensorType};
use std::sync::Arc;

/// Elements of the largest tensor that the interpreter takes: 32 GiB of `f64`.
const MOST_ELEMENTS: u64 = 1 << 32;

/// What [`Operator::evaluate`](crate::op::Operator::evaluate) is given.
pub struct Evaluate<'a> {
    /// The first result of each input.
    pub inputs: &'a [&'a Array],
    /// All results of the i-th input.
    pub all: &'a dyn Fn(usize) -> &'a [Array],
    /// Types of the op's results.
    pub types: &'a [TensorType],
    /// Values of the symbols in types and attributes.
    pub bindings: &'a Bindings,
    /// The op's regions.
    pub regions: &'a [Arc<Graph>],
    /// The tensor that an input, parameter or variable of this name holds.
    pub leaf: &'a dyn Fn(&str) -> Option<Array>,
}

impl<'a> Evaluate<'a> {
    /// The inputs, if there are exactly `N`. Errors: `Arity`.
    pub fn expect<const N: usize>(&self) -> Result<[&'a Array; N], OpError> {
        self.inputs
            .try_into()
            .map_err(|_| OpError::Arity { expected: N.to_string(), given: self.inputs.len() })
    }

    /// The dtype of the first result.
    pub fn dtype(&self) -> DType {
        self.types[0].dtype
    }

    /// The extents of the first result. Errors: `Size`, `Value` when there are more than 2³² elements.
    pub fn shape(&self) -> Result<Vec<usize>, OpError> {
        self.extents(&self.types[0].shape)
    }

    /// The extents of a shape. Errors: `Size`, `Value` when there are more than 2³² elements.
    pub fn extents(&self, shape: &Shape) -> Result<Vec<usize>, OpError> {
        let extents = shape.eval(self.bindings)?;
        let elements = extents.iter().try_fold(1u64, |product, &n| product.checked_mul(n as u64));
        if elements.is_none_or(|n| n > MOST_ELEMENTS) && !extents.contains(&0) {
            return Err(OpError::Value(format!(
                "a tensor of shape {extents:?} is more than the reference interpreter takes ({MOST_ELEMENTS} elements)"
            )));
        }
        Ok(extents)
    }

    /// The value of a size or offset. Errors: `Size`.
    pub fn size(&self, size: &Dim) -> Result<i64, OpError> {
        Ok(size.eval(self.bindings)?)
    }
}
