//! Axes reduced to one number.
//!
//! | | |
//! |---|---|
//! | inputs | `x` |
//! | output | `x` without `axes`; `I64` for `ArgMax` and `ArgMin` (row-major position among `axes`), else `x`'s dtype |
//! | gradient | of a maximum or minimum: shared evenly by all that equal it, as `torch.amax` does |
//! | ONNX / PyTorch | `ReduceSum`, `ReduceMax`, `ArgMax`, … / `torch.sum`, `torch.amax`, `torch.argmax`, … |

use super::Cumulative;
use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::NodeId;
use crate::op::Broadcast;
use crate::op::pointwise::float_binary;
use crate::op::{Infer, Operator, Types, check_axis, one};
use crate::program::{BinaryOp, CompareOp, ReduceOp};
use crate::reference::{Array, Evaluate, Rows, Values};
use crate::{DType, Dim, Scalar, Shape};
use serde::{Deserialize, Serialize};

/// Axes reduced to one number; see [`ReduceOp`] for each way.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reduce {
    /// How.
    pub op: ReduceOp,
    /// The axes that go; increasing, without repeats.
    pub axes: Vec<usize>,
}

impl Operator for Reduce {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x] = cx.expect::<1>()?;
        for &axis in &self.axes {
            check_axis(axis, x.rank())?;
        }
        if self.axes.windows(2).any(|w| w[0] >= w[1]) {
            return Err(OpError::Attribute(format!(
                "axes {:?} must be increasing and without repeats",
                self.axes
            )));
        }
        let position = matches!(self.op, ReduceOp::ArgMax | ReduceOp::ArgMin);
        if position && self.axes.iter().any(|&a| x.shape[a].is(0)) {
            return Err(OpError::Attribute(
                "the position of the extreme of an empty row does not exist".into(),
            ));
        }
        if x.dtype == DType::Bool && matches!(self.op, ReduceOp::Sum | ReduceOp::Product) {
            return Err(OpError::DType {
                what: "the operand of a sum".into(),
                expected: "a number".into(),
                given: x.dtype,
            });
        }
        let shape: Shape =
            (0..x.rank()).filter(|a| !self.axes.contains(a)).map(|a| x.shape[a].clone()).collect();
        one(x.with_shape(shape).with_dtype(if position { DType::I64 } else { x.dtype }))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x] = cx.expect::<1>()?;
        let rows = Rows::new(&x.shape, &self.axes);
        let position = matches!(self.op, ReduceOp::ArgMax | ReduceOp::ArgMin);
        if position && rows.inner.is_empty() && !rows.outer.is_empty() {
            return Err(OpError::Value(format!("an empty row of {:?} has no extreme", x.shape)));
        }
        let starts = rows.outer.iter();
        let values = match &x.values {
            Values::Float(v) if position => {
                Values::Int(starts.map(|&start| extreme(self.op, rows.row(v, start), f64::is_nan)).collect())
            }
            Values::Int(v) if position => {
                Values::Int(starts.map(|&start| extreme(self.op, rows.row(v, start), |_| false)).collect())
            }
            Values::Float(v) => {
                Values::Float(starts.map(|&start| reduce_floats(self.op, rows.row(v, start))).collect())
            }
            Values::Int(v) => {
                Values::Int(starts.map(|&start| reduce_ints(self.op, rows.row(v, start), x.dtype)).collect())
            }
        };
        Ok(vec![Array { dtype: cx.dtype(), shape: cx.shape()?, values }])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let (x, y, ty, d) = (cx.input(0), cx.node, cx.input_type(0), cx.gradient()?);
        let g = &mut *cx.graph;
        let kept: Vec<usize> = (0..ty.rank()).filter(|a| !self.axes.contains(a)).collect();
        let expand = Broadcast { shape: ty.shape.clone(), axes: kept.clone() };
        let gradient = match self.op {
            ReduceOp::Sum => g.apply(expand, &[d])?,
            // All that equal the extreme share its gradient evenly.
            ReduceOp::Max | ReduceOp::Min => {
                let zero = g.scalar(0.0, ty.dtype)?;
                let extreme = g.apply(expand.clone(), &[y])?;
                let wins = g.compare(CompareOp::Eq, x, extreme)?;
                let ones = g.cast(wins, ty.dtype)?;
                let winners = g.reduce(ReduceOp::Sum, ones, &self.axes)?;
                let share = g.div(d, winners)?;
                let share = g.apply(expand, &[share])?;
                g.select(wins, share, zero)?
            }
            // The product of all others, without dividing: what lies before times what lies after.
            ReduceOp::Product => {
                let order: Vec<usize> = kept.iter().chain(&self.axes).copied().collect();
                let rows = g.transpose(x, &order)?;
                let arranged = g.shape(rows).clone();
                let (outer, row) = arranged.split_at(kept.len());
                let length: Dim = row.iter().cloned().product();
                let flat = g.reshape(rows, outer.iter().cloned().chain([length]).collect::<Shape>())?;
                let running = |reverse| Cumulative {
                    op: ReduceOp::Product,
                    axis: kept.len(),
                    exclusive: true,
                    reverse,
                };
                let before = g.apply(running(false), &[flat])?;
                let after = g.apply(running(true), &[flat])?;
                let others = g.mul(before, after)?;
                let others = g.reshape(others, arranged)?;
                let mut back = vec![0; order.len()];
                order.iter().enumerate().for_each(|(to, &from)| back[from] = to);
                let others = g.transpose(others, &back)?;
                let d = g.apply(expand, &[d])?;
                g.mul(d, others)?
            }
            ReduceOp::ArgMax | ReduceOp::ArgMin => return Ok(vec![None]),
        };
        Ok(vec![Some(gradient)])
    }
}

/// The value of an empty row.
pub(crate) fn identity(op: ReduceOp, dtype: DType) -> Scalar {
    match op {
        ReduceOp::Sum | ReduceOp::ArgMax | ReduceOp::ArgMin => Scalar::zero(dtype),
        ReduceOp::Product => Scalar::one(dtype),
        ReduceOp::Max => Scalar::lowest(dtype),
        ReduceOp::Min => Scalar::highest(dtype),
    }
}

/// One step of a reduction of floats.
pub(crate) fn combine_floats(op: ReduceOp, a: f64, b: f64) -> f64 {
    match op {
        ReduceOp::Sum => a + b,
        ReduceOp::Product => a * b,
        ReduceOp::Max | ReduceOp::ArgMax => float_binary(BinaryOp::Max, a, b),
        ReduceOp::Min | ReduceOp::ArgMin => float_binary(BinaryOp::Min, a, b),
    }
}

/// One step of a reduction of integers.
pub(crate) fn combine_ints(op: ReduceOp, a: i128, b: i128, dtype: DType) -> i128 {
    match op {
        ReduceOp::Sum => dtype.wrap(a + b),
        ReduceOp::Product => dtype.wrap(a.wrapping_mul(b)),
        ReduceOp::Max | ReduceOp::ArgMax => a.max(b),
        ReduceOp::Min | ReduceOp::ArgMin => a.min(b),
    }
}

/// A row of floats reduced.
pub(crate) fn reduce_floats(op: ReduceOp, row: impl Iterator<Item = f64>) -> f64 {
    row.fold(identity(op, DType::F64).to_f64(), |a, b| combine_floats(op, a, b))
}

/// A row of integers reduced.
pub(crate) fn reduce_ints(op: ReduceOp, row: impl Iterator<Item = i128>, dtype: DType) -> i128 {
    row.fold(identity(op, dtype).to_i128(), |a, b| combine_ints(op, a, b, dtype))
}

/// Position of the first extreme of a row; a NaN counts as one.
fn extreme<T: PartialOrd + Copy>(
    op: ReduceOp,
    row: impl Iterator<Item = T>,
    is_nan: impl Fn(T) -> bool,
) -> i128 {
    let mut best: Option<(usize, T)> = None;
    for (position, x) in row.enumerate() {
        let better = match best {
            None => true,
            Some((_, b)) if is_nan(b) => false,
            Some((_, b)) => is_nan(x) || if op == ReduceOp::ArgMax { x > b } else { x < b },
        };
        if better {
            best = Some((position, x));
        }
    }
    best.map_or(0, |(position, _)| position as i128)
}
