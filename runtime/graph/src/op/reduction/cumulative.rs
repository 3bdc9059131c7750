//! Running sums, products and extremes along an axis.
//!
//! | | |
//! |---|---|
//! | inputs | `x` |
//! | output | like `x`: `x[0] ∘ … ∘ x[i]` |
//! | gradient | of several elements that equal the extreme the one seen last has it; products and extremes need the square of the axis |
//! | ONNX / PyTorch | `CumSum`, `CumProd` / `torch.cumsum`, `torch.cummax` |

use super::{combine_floats, combine_ints, identity};
use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::{Graph, NodeId};
use crate::op::{Broadcast, Pad, Slice};
use crate::op::{Infer, Operator, Types, check_axis, one};
use crate::program::{CompareOp, ReduceOp};
use crate::reference::{Array, Evaluate, Rows, Values};
use crate::{DType, Dim, Scalar};
use serde::{Deserialize, Serialize};

/// Running sums, products and extremes along an axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cumulative {
    /// `Sum`, `Product`, `Max` or `Min`.
    pub op: ReduceOp,
    /// The axis.
    pub axis: usize,
    /// Leave element `i` itself out.
    pub exclusive: bool,
    /// From the end.
    pub reverse: bool,
}

impl Operator for Cumulative {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x] = cx.expect::<1>()?;
        check_axis(self.axis, x.rank())?;
        if matches!(self.op, ReduceOp::ArgMax | ReduceOp::ArgMin) {
            return Err(OpError::Attribute("there are no running positions".into()));
        }
        one((*x).clone())
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x] = cx.expect::<1>()?;
        let rows = Rows::new(&x.shape, &[self.axis]);
        let start = identity(self.op, x.dtype);
        let mut result = x.clone();
        match &mut result.values {
            Values::Float(v) => self.run(&rows, v, start.to_f64(), |a, b| combine_floats(self.op, a, b)),
            Values::Int(v) => {
                self.run(&rows, v, start.to_i128(), |a, b| combine_ints(self.op, a, b, x.dtype))
            }
        }
        Ok(vec![result])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let (x, d) = (cx.input(0), cx.gradient()?);
        match self.op {
            ReduceOp::Sum => {
                let transposed = Cumulative { reverse: !self.reverse, ..self.clone() };
                Ok(vec![Some(cx.graph.apply(transposed, &[d])?)])
            }
            _ => Ok(vec![Some(self.square_gradient(cx.graph, x, d)?)]),
        }
    }
}

impl Cumulative {
    /// The gradient of products and extremes: the sum over the results `j` of `d[j]`, times what result `j` changes with element `i`.
    fn square_gradient(&self, g: &mut Graph, x: NodeId, d: NodeId) -> Result<NodeId, GraphError> {
        let (shape, axis) = (g.shape(x).clone(), self.axis);
        if self.reverse {
            let (x, d) = (flip(g, x, axis)?, flip(g, d, axis)?);
            let forward = Cumulative { reverse: false, ..self.clone() };
            let gradient = forward.square_gradient(g, x, d)?;
            return flip(g, gradient, axis);
        }
        let mut d = d;
        if self.exclusive {
            // Result j of the exclusive one is result j - 1 of the inclusive one; the first is constant.
            let mut high = vec![Dim::ZERO; shape.rank()];
            high[axis] = Dim::ONE;
            let pad = Pad { low: vec![Dim::ZERO; shape.rank()], high, value: Scalar::zero(g.dtype(x)) };
            let padded = g.apply(pad, &[d])?;
            d = g.narrow(padded, axis, 1, shape[axis].clone())?;
        }
        // Axis `axis` is i, axis `axis + 1` is j.
        let mut square = shape.clone();
        square.0.insert(axis, shape[axis].clone());
        let others = (0..square.rank()).filter(|&a| a != axis).collect();
        let along_j = Broadcast { shape: square, axes: others };
        match self.op {
            ReduceOp::Product => self.product_gradient(g, x, d, along_j),
            _ => self.extreme_gradient(g, x, d, along_j),
        }
    }

    /// `dx[i] = Π_{k<i} x[k] · Σ_{j>=i} d[j] Π_{i<k<=j} x[k]`. It has no division, so zeros are right.
    fn product_gradient(
        &self,
        g: &mut Graph,
        x: NodeId,
        d: NodeId,
        along_j: Broadcast,
    ) -> Result<NodeId, GraphError> {
        let (axis, dtype) = (self.axis, g.dtype(x));
        let i = g.iota(along_j.shape.clone(), axis, DType::I32)?;
        let j = g.iota(along_j.shape.clone(), axis + 1, DType::I32)?;
        let x_j = g.apply(along_j.clone(), &[x])?;
        let one = g.scalar(1.0, dtype)?;
        let after = g.compare(CompareOp::Gt, j, i)?;
        let factors = g.select(after, x_j, one)?;
        let running = Cumulative { op: ReduceOp::Product, axis: axis + 1, exclusive: false, reverse: false };
        let between = g.apply(running, &[factors])?;
        let d_j = g.apply(along_j, &[d])?;
        let terms = g.mul(d_j, between)?;
        let zero = g.scalar(0.0, dtype)?;
        let from_i = g.compare(CompareOp::Ge, j, i)?;
        let terms = g.select(from_i, terms, zero)?;
        let sum = g.reduce(ReduceOp::Sum, terms, &[axis + 1])?;
        let before = Cumulative { op: ReduceOp::Product, axis, exclusive: true, reverse: false };
        let before = g.apply(before, &[x])?;
        g.mul(before, sum)
    }

    /// `dx[i]` is the sum of `d[j]` over the results `j` whose extreme was last met at `i`.
    fn extreme_gradient(
        &self,
        g: &mut Graph,
        x: NodeId,
        d: NodeId,
        along_j: Broadcast,
    ) -> Result<NodeId, GraphError> {
        let (shape, axis, dtype) = (g.shape(x).clone(), self.axis, g.dtype(x));
        let running = Cumulative { op: self.op, axis, exclusive: false, reverse: false };
        let extreme = g.apply(running, &[x])?;
        let met = g.compare(CompareOp::Eq, x, extreme)?;
        let position = g.iota(shape, axis, DType::I32)?;
        let first = g.scalar(0.0, DType::I32)?;
        let position = g.select(met, position, first)?;
        let running = Cumulative { op: ReduceOp::Max, axis, exclusive: false, reverse: false };
        let position = g.apply(running, &[position])?;
        let i = g.iota(along_j.shape.clone(), axis, DType::I32)?;
        let met_at = g.apply(along_j.clone(), &[position])?;
        let d_j = g.apply(along_j, &[d])?;
        let here = g.compare(CompareOp::Eq, met_at, i)?;
        let zero = g.scalar(0.0, dtype)?;
        let terms = g.select(here, d_j, zero)?;
        g.reduce(ReduceOp::Sum, terms, &[axis + 1])
    }

    fn run<T: Copy>(&self, rows: &Rows, values: &mut [T], start: T, combine: impl Fn(T, T) -> T) {
        let length = rows.inner.len();
        for &row in &rows.outer {
            let mut running = start;
            for i in 0..length {
                let element = row + rows.inner[if self.reverse { length - 1 - i } else { i }];
                let before = running;
                running = combine(running, values[element]);
                values[element] = if self.exclusive { before } else { running };
            }
        }
    }
}

/// Elements in the opposite order along an axis.
fn flip(graph: &mut Graph, x: NodeId, axis: usize) -> Result<NodeId, GraphError> {
    let shape = graph.shape(x).clone();
    let mut slice = Slice {
        starts: vec![Dim::ZERO; shape.rank()],
        extents: shape.0.clone(),
        steps: vec![1; shape.rank()],
    };
    slice.starts[axis] = &shape[axis] - 1;
    slice.steps[axis] = -1;
    graph.apply(slice, &[x])
}
