//! Stable sort along an axis.
//!
//! | | |
//! |---|---|
//! | inputs | `x` |
//! | outputs | sorted values, like `x`; their former positions, `I64` |
//! | ONNX / PyTorch | `TopK` (sorted) / `torch.sort(stable=True)` |

use crate::DType;
use crate::error::{GraphError, OpError};
use crate::gradient::{Backward, zeros};
use crate::graph::NodeId;
use crate::op::Scatter;
use crate::op::{Infer, Operator, Types, check_axis};
use crate::program::ScatterOp;
use crate::reference::{Array, Evaluate, Rows, Values};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// Stable sort along an axis. NaN sorts last in either order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sort {
    /// The axis.
    pub axis: usize,
    /// Largest first.
    pub descending: bool,
}

impl Operator for Sort {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x] = cx.expect::<1>()?;
        check_axis(self.axis, x.rank())?;
        Ok([(*x).clone(), x.with_dtype(DType::I64)].into_iter().collect())
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x] = cx.expect::<1>()?;
        let rows = Rows::new(&x.shape, &[self.axis]);
        let mut order: Vec<usize> = (0..x.values.len()).collect();
        let mut positions = vec![0; x.values.len()];
        for &start in &rows.outer {
            let mut row: Vec<usize> = (0..rows.inner.len()).collect();
            let element = |i: usize| start + rows.inner[i];
            match &x.values {
                Values::Float(v) => row.sort_by(|&a, &b| self.compare_floats(v[element(a)], v[element(b)])),
                Values::Int(v) => row.sort_by(|&a, &b| self.direct(v[element(a)].cmp(&v[element(b)]))),
            }
            for (i, &from) in row.iter().enumerate() {
                order[element(i)] = element(from);
                positions[element(i)] = from as i128;
            }
        }
        let values = Array { values: x.values.pick(order.into_iter()), ..x.clone() };
        Ok(vec![values, Array::ints(DType::I64, x.shape.clone(), positions)])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let (x, d) = (cx.input_type(0), cx.gradient()?);
        let g = &mut *cx.graph;
        let positions = g.project(cx.node, 1)?;
        // The linear index from which each sorted value came.
        let strides = x.shape.strides();
        let mut from = None;
        for (axis, stride) in strides.iter().enumerate() {
            let coordinate =
                if axis == self.axis { positions } else { g.iota(x.shape.clone(), axis, DType::I64)? };
            let stride = g.size(stride)?;
            let stride = g.cast(stride, DType::I64)?;
            let part = g.mul(coordinate, stride)?;
            from = Some(match from {
                None => part,
                Some(sum) => g.add(sum, part)?,
            });
        }
        let count = x.shape.elements();
        let flat_type = x.with_shape([count.clone()]);
        let from = g.reshape(from.unwrap_or(positions), [count.clone()])?;
        let updates = g.reshape(d, [count])?;
        let none = zeros(g, &flat_type)?;
        let flat = g.apply(Scatter { axis: 0, op: ScatterOp::Add }, &[none, from, updates])?;
        Ok(vec![Some(g.reshape(flat, x.shape)?)])
    }
}

impl Sort {
    fn direct(&self, ascending: Ordering) -> Ordering {
        if self.descending { ascending.reverse() } else { ascending }
    }

    /// NaN after everything else, in either order.
    fn compare_floats(&self, a: f64, b: f64) -> Ordering {
        match a.partial_cmp(&b) {
            Some(ordering) => self.direct(ordering),
            None => a.is_nan().cmp(&b.is_nan()),
        }
    }
}
