//! The logistic function.
//!
//! | | |
//! |---|---|
//! | inputs | `x`, any float dtype |
//! | output | like `x`: `1 / (1 + exp(-x))` |
//! | decomposes to | `(x >= 0 ? 1 : e) / (1 + e)` with `e = exp(-abs(x))`, which never overflows; in `f32` for `f16` and `bf16` |
//! | ONNX / PyTorch | `Sigmoid` / `torch.sigmoid` |

use super::check_float;
use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::{Graph, NodeId};
use crate::op::pointwise::affine;
use crate::op::{Infer, Operator, Types, one};
use crate::program::{CompareOp, UnaryOp};
use crate::reference::{Array, Evaluate};
use serde::{Deserialize, Serialize};

/// The logistic function.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sigmoid;

impl Operator for Sigmoid {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x] = cx.expect::<1>()?;
        check_float("the operand", x)?;
        one((*x).clone())
    }

    fn decompose(&self, graph: &mut Graph, inputs: &[NodeId]) -> Result<Option<Vec<NodeId>>, GraphError> {
        let outer = graph.dtype(inputs[0]);
        let dtype = outer.accumulator();
        let x = graph.cast(inputs[0], dtype)?;
        let magnitude = graph.unary(UnaryOp::Abs, x)?;
        let negative = graph.unary(UnaryOp::Neg, magnitude)?;
        let e = graph.unary(UnaryOp::Exp, negative)?;
        let (zero, one) = (graph.scalar(0.0, dtype)?, graph.scalar(1.0, dtype)?);
        let positive = graph.compare(CompareOp::Ge, x, zero)?;
        let above = graph.select(positive, one, e)?;
        let below = graph.add(e, one)?;
        let result = graph.div(above, below)?;
        Ok(Some(vec![graph.cast(result, outer)?]))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x] = cx.expect::<1>()?;
        let values = x.as_floats()?.iter().map(|&x| sigmoid(x)).collect();
        Ok(vec![Array::floats(x.dtype, x.shape.clone(), values)])
    }

    /// `y (1 - y)`.
    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let (y, d, outer) = (cx.node, cx.gradient()?, cx.input_type(0).dtype);
        let g = &mut *cx.graph;
        let (y, d) = (g.cast(y, outer.accumulator())?, g.cast(d, outer.accumulator())?);
        let rest = affine(g, -1.0, y, 1.0)?;
        let slope = g.mul(y, rest)?;
        let gradient = g.mul(d, slope)?;
        Ok(vec![Some(g.cast(gradient, outer)?)])
    }
}

pub(super) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}
