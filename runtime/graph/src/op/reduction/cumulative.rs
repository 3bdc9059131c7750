//! Running sums, products and extremes along an axis.
//!
//! | | |
//! |---|---|
//! | inputs | `x` |
//! | output | like `x`: `x[0] ∘ … ∘ x[i]` |
//! | gradient | of sums and products; running extremes have none |
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
            ReduceOp::Product => Ok(vec![Some(self.product_gradient(cx.graph, x, d)?)]),
            _ => Err(cx.no_gradient("running extremes are not differentiated")),
        }
    }
}

impl Cumulative {
    /// With `i` the element and `j` the result, for a running product from the front:
    /// `dx[i] = Π_{k<i} x[k] · Σ_{j>=i} d[j] Π_{i<k<=j} x[k]`. It needs the square of the axis, but no division, so zeros are right.
    fn product_gradient(&self, g: &mut Graph, x: NodeId, d: NodeId) -> Result<NodeId, GraphError> {
        let (shape, axis, dtype) = (g.shape(x).clone(), self.axis, g.dtype(x));
        let n = shape[axis].clone();
        if self.reverse {
            let (x, d) = (flip(g, x, axis)?, flip(g, d, axis)?);
            let forward = Cumulative { reverse: false, ..self.clone() };
            let gradient = forward.product_gradient(g, x, d)?;
            return flip(g, gradient, axis);
        }
        let mut d = d;
        if self.exclusive {
            // Result j of the exclusive product is result j - 1 of the inclusive one; the first is constant.
            let mut high = vec![Dim::ZERO; shape.rank()];
            high[axis] = Dim::ONE;
            let pad = Pad { low: vec![Dim::ZERO; shape.rank()], high, value: Scalar::zero(dtype) };
            let padded = g.apply(pad, &[d])?;
            d = g.narrow(padded, axis, 1, n.clone())?;
        }
        // Axis `axis` is i, axis `axis + 1` is k and then j.
        let mut square = shape.clone();
        square.0.insert(axis, n);
        let others: Vec<usize> = (0..square.rank()).filter(|&a| a != axis).collect();
        let along_second = Broadcast { shape: square.clone(), axes: others };
        let i = g.iota(square.clone(), axis, DType::I32)?;
        let k = g.iota(square, axis + 1, DType::I32)?;
        let x_k = g.apply(along_second.clone(), &[x])?;
        let one = g.scalar(1.0, dtype)?;
        let after = g.compare(CompareOp::Gt, k, i)?;
        let factors = g.select(after, x_k, one)?;
        let running = Cumulative { op: ReduceOp::Product, axis: axis + 1, exclusive: false, reverse: false };
        let between = g.apply(running, &[factors])?;
        let d_j = g.apply(along_second, &[d])?;
        let terms = g.mul(d_j, between)?;
        let zero = g.scalar(0.0, dtype)?;
        let from_i = g.compare(CompareOp::Ge, k, i)?;
        let terms = g.select(from_i, terms, zero)?;
        let sum = g.reduce(ReduceOp::Sum, terms, &[axis + 1])?;
        let before = Cumulative { op: ReduceOp::Product, axis, exclusive: true, reverse: false };
        let before = g.apply(before, &[x])?;
        g.mul(before, sum)
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
