//! Updates written at run-time indices, in order.
//!
//! | | |
//! |---|---|
//! | inputs | `x: [A.., n, B..]`, `indices: [u]` (an integer dtype, each in `0..n`), `updates: [A.., u, B..]` |
//! | output | like `x`: for each `i` in order, `out[.., indices[i], ..] = out ∘ updates[.., i, ..]` |
//! | errors | an index out of range is an error of the run |
//! | ONNX / PyTorch | `ScatterND` / `torch.index_add`, `torch.index_copy` |

use super::check_index;
use super::in_range;
use crate::error::OpError;
use crate::op::pointwise::float_binary;
use crate::op::{Infer, Operator, Types, check_axis, check_equal, one};
use crate::program::{BinaryOp, ScatterOp};
use crate::reference::{Array, Evaluate, Values};
use serde::{Deserialize, Serialize};

/// Updates written at run-time indices, in order: deterministic.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Scatter {
    /// The indexed axis.
    pub axis: usize,
    /// How an update combines with what is there.
    pub op: ScatterOp,
}

impl Operator for Scatter {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x, indices, updates] = cx.expect::<3>()?;
        check_axis(self.axis, x.rank())?;
        check_index("indices", indices)?;
        if indices.rank() != 1 {
            return Err(OpError::Rank {
                what: "indices".into(),
                expected: "1".into(),
                given: indices.rank(),
            });
        }
        let expected = x.with_shape(x.shape.with(self.axis, indices.shape[0].clone()));
        if *updates != expected {
            return Err(OpError::Attribute(format!("updates must be {expected}, but are {updates}")));
        }
        check_equal("ranks", &x.rank().into(), &updates.rank().into())?;
        one((*x).clone())
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x, indices, updates] = cx.expect::<3>()?;
        let extent = x.shape[self.axis];
        let indices = in_range("index", indices.as_ints()?, extent)?;
        let outer: usize = x.shape[..self.axis].iter().product();
        let inner: usize = x.shape[self.axis + 1..].iter().product();
        // (element of the result, element of the updates), in the order of the updates.
        let count = indices.len();
        let pairs = indices.iter().enumerate().flat_map(|(i, &index)| {
            (0..outer).flat_map(move |o| {
                (0..inner).map(move |e| ((o * extent + index) * inner + e, (o * count + i) * inner + e))
            })
        });
        let mut result = x.clone();
        match (&mut result.values, &updates.values) {
            (Values::Float(to), Values::Float(from)) => pairs.for_each(|(t, f)| {
                to[t] = match self.op {
                    ScatterOp::Set => from[f],
                    ScatterOp::Add => to[t] + from[f],
                    ScatterOp::Max => float_binary(BinaryOp::Max, to[t], from[f]),
                    ScatterOp::Min => float_binary(BinaryOp::Min, to[t], from[f]),
                }
            }),
            (Values::Int(to), Values::Int(from)) => pairs.for_each(|(t, f)| {
                to[t] = match self.op {
                    ScatterOp::Set => from[f],
                    ScatterOp::Add => x.dtype.wrap(to[t].wrapping_add(from[f])),
                    ScatterOp::Max => to[t].max(from[f]),
                    ScatterOp::Min => to[t].min(from[f]),
                }
            }),
            _ => return Err(OpError::Value("updates and tensor differ in kind".into())),
        }
        Ok(vec![result])
    }
}
