//! Updates written at run-time indices, in order.
//!
//! | | |
//! |---|---|
//! | inputs | `x: [A.., n, B..]`, `indices: [u]` (an integer dtype, each in `0..n`), `updates: [A.., u, B..]` |
//! | output | like `x`: for each `i` in order, `out[.., indices[i], ..] = out ∘ updates[.., i, ..]` |
//! | errors | an index out of range is an error of the run |
//! | gradient | of several updates to one place `Set` gives it to the last; `Max` and `Min` share it evenly among what equals the extreme |
//! | ONNX / PyTorch | `ScatterND` / `torch.index_add`, `torch.index_copy` |

use super::Broadcast;
use super::check_index;
use super::in_range;
use crate::error::{GraphError, OpError};
use crate::gradient::{Backward, zeros};
use crate::graph::NodeId;
use crate::op::pointwise::float_binary;
use crate::op::{Infer, Operator, Types, check_axis, check_equal, one};
use crate::program::{BinaryOp, CompareOp, ScatterOp};
use crate::reference::{Array, Evaluate, Values};
use crate::{DType, TensorType};
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

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let (x, indices, updates, d) = (cx.input(0), cx.input(1), cx.input(2), cx.gradient()?);
        let (y, update_type) = (cx.node, cx.input_type(2));
        let g = &mut *cx.graph;
        let (d_x, d_updates) = match self.op {
            ScatterOp::Add => (d, g.gather(d, self.axis, indices)?),
            ScatterOp::Set => {
                let none = zeros(g, &update_type)?;
                let d_x = g.apply(self.clone(), &[d, indices, none])?;
                // Of several updates to one place, only the last one's value survives.
                let extent = g.shape(x)[self.axis].clone();
                let none_yet = zeros(g, &TensorType::new(DType::I32, [extent]))?;
                let count = g.shape(indices)[0].clone();
                let number = g.iota([count], 0, DType::I32)?;
                let last = g.apply(Scatter { axis: 0, op: ScatterOp::Set }, &[none_yet, indices, number])?;
                let last = g.gather(last, 0, indices)?;
                let survives = g.compare(CompareOp::Eq, last, number)?;
                let along = Broadcast { shape: update_type.shape.clone(), axes: vec![self.axis] };
                let survives = g.apply(along, &[survives])?;
                let there = g.gather(d, self.axis, indices)?;
                let zero = g.scalar(0.0, update_type.dtype)?;
                (d_x, g.select(survives, there, zero)?)
            }
            // All that equal the extreme share its gradient evenly.
            ScatterOp::Max | ScatterOp::Min => {
                let dtype = update_type.dtype;
                let zero = g.scalar(0.0, dtype)?;
                let y_there = g.gather(y, self.axis, indices)?;
                let x_wins = g.compare(CompareOp::Eq, x, y)?;
                let update_wins = g.compare(CompareOp::Eq, updates, y_there)?;
                let (own, theirs) = (g.cast(x_wins, dtype)?, g.cast(update_wins, dtype)?);
                let winners =
                    g.apply(Scatter { axis: self.axis, op: ScatterOp::Add }, &[own, indices, theirs])?;
                let share = g.div(d, winners)?;
                let share_there = g.gather(share, self.axis, indices)?;
                (g.select(x_wins, share, zero)?, g.select(update_wins, share_there, zero)?)
            }
        };
        Ok(vec![Some(d_x), None, Some(d_updates)])
    }
}
