//! Slices of a tensor at run-time indices.
//!
//! | | |
//! |---|---|
//! | inputs | `x: [A.., n, B..]`, `indices: [I..]`, an integer dtype, each in `0..n` |
//! | output | `[A.., I.., B..]` |
//! | errors | an index out of range is an error of the run |
//! | ONNX / PyTorch | `Gather` / `torch.index_select`, `torch.embedding` |

use super::Scatter;
use super::check_index;
use super::in_range;
use crate::Shape;
use crate::error::{GraphError, OpError};
use crate::gradient::{Backward, zeros};
use crate::graph::NodeId;
use crate::op::{Infer, Operator, Types, check_axis, one};
use crate::program::ScatterOp;
use crate::reference::{Array, Evaluate};
use serde::{Deserialize, Serialize};

/// Slices of a tensor at run-time indices.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Gather {
    /// The indexed axis.
    pub axis: usize,
}

impl Operator for Gather {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x, indices] = cx.expect::<2>()?;
        check_axis(self.axis, x.rank())?;
        check_index("indices", indices)?;
        let (before, after) = (&x.shape[..self.axis], &x.shape[self.axis + 1..]);
        one(x.with_shape(before.iter().chain(indices.shape.iter()).chain(after).cloned().collect::<Shape>()))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x, indices] = cx.expect::<2>()?;
        let extent = x.shape[self.axis];
        let indices = in_range("index", indices.as_ints()?, extent)?;
        let outer: usize = x.shape[..self.axis].iter().product();
        let inner: usize = x.shape[self.axis + 1..].iter().product();
        let sources = (0..outer).flat_map(|o| {
            indices.iter().flat_map(move |&index| {
                let start = (o * extent + index) * inner;
                start..start + inner
            })
        });
        Ok(vec![Array { dtype: x.dtype, shape: cx.shape()?, values: x.values.pick(sources) }])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let (x, indices, d) = (cx.input_type(0), cx.input(1), cx.gradient()?);
        let g = &mut *cx.graph;
        let count = g.shape(indices).elements();
        let flat = g.reshape(indices, [count.clone()])?;
        let updates = g.reshape(d, x.shape.with(self.axis, count))?;
        let none = zeros(g, &x)?;
        let sum = g.apply(Scatter { axis: self.axis, op: ScatterOp::Add }, &[none, flat, updates])?;
        Ok(vec![Some(sum), None])
    }
}
