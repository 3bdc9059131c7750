//! A smooth rectifier.
//!
//! | | |
//! |---|---|
//! | inputs | `x`, any float dtype |
//! | output | like `x`: `log(1 + exp(x))` |
//! | decomposes to | `max(x, 0) + log1p(exp(-abs(x)))`, which never overflows; in `f32` for `f16` and `bf16` |
//! | ONNX / PyTorch | `Softplus` / `torch.nn.functional.softplus` |

use super::{Sigmoid, check_float};
use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::{Graph, NodeId};
use crate::op::{Infer, Operator, Types, one};
use crate::program::UnaryOp;
use crate::reference::{Array, Evaluate};
use serde::{Deserialize, Serialize};

/// A smooth rectifier.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Softplus;

impl Operator for Softplus {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x] = cx.expect::<1>()?;
        check_float("the operand", x)?;
        one((*x).clone())
    }

    fn decompose(&self, graph: &mut Graph, inputs: &[NodeId]) -> Result<Option<Vec<NodeId>>, GraphError> {
        let outer = graph.dtype(inputs[0]);
        let dtype = outer.accumulator();
        let x = graph.cast(inputs[0], dtype)?;
        let zero = graph.scalar(0.0, dtype)?;
        let above = graph.maximum(x, zero)?;
        let magnitude = graph.unary(UnaryOp::Abs, x)?;
        let negative = graph.unary(UnaryOp::Neg, magnitude)?;
        let e = graph.unary(UnaryOp::Exp, negative)?;
        let rest = graph.unary(UnaryOp::Log1p, e)?;
        let result = graph.add(above, rest)?;
        Ok(Some(vec![graph.cast(result, outer)?]))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x] = cx.expect::<1>()?;
        let above = |x: f64| if x > 0.0 || x.is_nan() { x } else { 0.0 };
        let values = x.as_floats()?.iter().map(|&x| above(x) + libm::log1p(libm::exp(-x.abs()))).collect();
        Ok(vec![Array::floats(x.dtype, x.shape.clone(), values)])
    }

    /// `sigmoid(x)`.
    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let (x, d, outer) = (cx.input(0), cx.gradient()?, cx.input_type(0).dtype);
        let g = &mut *cx.graph;
        let (x, d) = (g.cast(x, outer.accumulator())?, g.cast(d, outer.accumulator())?);
        let slope = g.apply(Sigmoid, &[x])?;
        let gradient = g.mul(d, slope)?;
        Ok(vec![Some(g.cast(gradient, outer)?)])
    }
}
