//! The logarithm of a sum of exponentials.
//!
//! | | |
//! |---|---|
//! | inputs | `x`, any float dtype |
//! | output | `x` without `axes`: `log(sum(exp(x)))`; negative infinity where all are |
//! | decomposes to | `m + log(sum(exp(x - m)))` with `m = max(x)`, or 0 where that is infinite; in `f32` for `f16` and `bf16` |
//! | ONNX / PyTorch | `ReduceLogSumExp` / `torch.logsumexp` |

use super::check_float;
use crate::Dim;
use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::{Graph, NodeId};
use crate::op::reduction::reduce_floats;
use crate::op::{Infer, Operator, Reduce, Types};
use crate::program::{ReduceOp, UnaryOp};
use crate::reference::{Array, Evaluate, Rows};
use serde::{Deserialize, Serialize};

/// The logarithm of a sum of exponentials.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LogSumExp {
    /// The axes that go; increasing, without repeats.
    pub axes: Vec<usize>,
}

impl Operator for LogSumExp {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x] = cx.expect::<1>()?;
        check_float("the operand", x)?;
        Reduce { op: ReduceOp::Sum, axes: self.axes.clone() }.infer(cx)
    }

    fn decompose(&self, graph: &mut Graph, inputs: &[NodeId]) -> Result<Option<Vec<NodeId>>, GraphError> {
        let dtype = graph.dtype(inputs[0]);
        let x = graph.cast(inputs[0], dtype.accumulator())?;
        let max = graph.reduce_keep(ReduceOp::Max, x, &self.axes)?;
        let shift = finite(graph, max)?;
        let shifted = graph.sub(x, shift)?;
        let exp = graph.unary(UnaryOp::Exp, shifted)?;
        let sum = graph.reduce(ReduceOp::Sum, exp, &self.axes)?;
        let log = graph.unary(UnaryOp::Log, sum)?;
        let shift = graph.reshape(shift, graph.shape(log).clone())?;
        let result = graph.add(log, shift)?;
        Ok(Some(vec![graph.cast(result, dtype)?]))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x] = cx.expect::<1>()?;
        let rows = Rows::new(&x.shape, &self.axes);
        let values = x.as_floats()?;
        let of_row = |&start: &usize| {
            let max = reduce_floats(ReduceOp::Max, rows.row(values, start));
            let shift = if max.is_infinite() { 0.0 } else { max };
            shift + libm::log(rows.row(values, start).map(|x| libm::exp(x - shift)).sum())
        };
        Ok(vec![Array::floats(x.dtype, cx.shape()?, rows.outer.iter().map(of_row).collect())])
    }

    /// `exp(x - y)`: the softmax.
    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let (x, y, d, ty) = (cx.input(0), cx.node, cx.gradient()?, cx.input_type(0));
        let g = &mut *cx.graph;
        let inner = ty.dtype.accumulator();
        let mut kept = ty.shape.clone();
        for &axis in &self.axes {
            kept.0[axis] = Dim::ONE;
        }
        let x = g.cast(x, inner)?;
        let y = g.cast(y, inner)?;
        let y = finite(g, y)?;
        let y = g.reshape(y, kept.clone())?;
        let shifted = g.sub(x, y)?;
        let share = g.unary(UnaryOp::Exp, shifted)?;
        let d = g.cast(d, inner)?;
        let d = g.reshape(d, kept)?;
        let gradient = g.mul(d, share)?;
        Ok(vec![Some(g.cast(gradient, ty.dtype)?)])
    }
}

/// `x`, or 0 where it is infinite.
fn finite(graph: &mut Graph, x: NodeId) -> Result<NodeId, GraphError> {
    let infinite = graph.unary(UnaryOp::IsInf, x)?;
    let zero = graph.scalar(0.0, graph.dtype(x))?;
    graph.select(infinite, zero, x)
}
