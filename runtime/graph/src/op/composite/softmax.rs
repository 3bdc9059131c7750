//! Softmax along one axis.
//!
//! | | |
//! |---|---|
//! | inputs | `x`, any float dtype |
//! | output | like `x`; sums to 1 along `axis` |
//! | decomposes to | `exp(x - max(x)) / sum(exp(x - max(x)))`, in `f32` for `f16` and `bf16` |
//! | ONNX / PyTorch | `Softmax` / `torch.softmax` |

use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::{Graph, NodeId};
use crate::op::reduction::reduce_floats;
use crate::op::{Infer, Operator, Types, check_axis, one};
use crate::program::{ReduceOp, UnaryOp};
use crate::reference::{Array, Evaluate, Rows};
use serde::{Deserialize, Serialize};

/// Softmax along one axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Softmax {
    /// The axis.
    pub axis: usize,
}

impl Operator for Softmax {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x] = cx.expect::<1>()?;
        check_axis(self.axis, x.rank())?;
        if !x.dtype.is_float() {
            return Err(OpError::DType {
                what: "the operand".into(),
                expected: "a float".into(),
                given: x.dtype,
            });
        }
        one((*x).clone())
    }

    fn decompose(&self, graph: &mut Graph, inputs: &[NodeId]) -> Result<Option<Vec<NodeId>>, GraphError> {
        let dtype = graph.dtype(inputs[0]);
        let x = graph.cast(inputs[0], dtype.accumulator())?;
        let max = graph.reduce_keep(ReduceOp::Max, x, &[self.axis])?;
        let shifted = graph.sub(x, max)?;
        let exp = graph.unary(UnaryOp::Exp, shifted)?;
        let sum = graph.reduce_keep(ReduceOp::Sum, exp, &[self.axis])?;
        let result = graph.div(exp, sum)?;
        Ok(Some(vec![graph.cast(result, dtype)?]))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x] = cx.expect::<1>()?;
        let rows = Rows::new(&x.shape, &[self.axis]);
        let mut values = x.as_floats()?.to_vec();
        for &start in &rows.outer {
            let max = reduce_floats(ReduceOp::Max, rows.row(&values, start));
            let sum: f64 = rows.row(&values, start).map(|x| libm::exp(x - max)).sum();
            for &i in &rows.inner {
                values[start + i] = libm::exp(values[start + i] - max) / sum;
            }
        }
        Ok(vec![Array::floats(x.dtype, x.shape.clone(), values)])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let (y, d, dtype) = (cx.node, cx.gradient()?, cx.input_type(0).dtype);
        let g = &mut *cx.graph;
        let (y, d) = (g.cast(y, dtype.accumulator())?, g.cast(d, dtype.accumulator())?);
        let weighted = g.mul(d, y)?;
        let sum = g.reduce_keep(ReduceOp::Sum, weighted, &[self.axis])?;
        let centred = g.sub(d, sum)?;
        let gradient = g.mul(y, centred)?;
        Ok(vec![Some(g.cast(gradient, dtype)?)])
    }
}
