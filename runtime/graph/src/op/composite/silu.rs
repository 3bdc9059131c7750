//! The sigmoid linear unit, also called swish.
//!
//! | | |
//! |---|---|
//! | inputs | `x`, any float dtype |
//! | output | like `x`: `x · sigmoid(x)` |
//! | decomposes to | [`Sigmoid`] and a product, in `f32` for `f16` and `bf16` |
//! | ONNX / PyTorch | `Swish` / `torch.nn.functional.silu` |
//! | paper | Elfwing, Uchibe, Doya, "Sigmoid-weighted linear units", 2017 |

use super::check_float;
use super::sigmoid::{Sigmoid, sigmoid};
use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::{Graph, NodeId};
use crate::op::pointwise::affine;
use crate::op::{Infer, Operator, Types, one};
use crate::reference::{Array, Evaluate};
use serde::{Deserialize, Serialize};

/// The sigmoid linear unit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Silu;

impl Operator for Silu {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x] = cx.expect::<1>()?;
        check_float("the operand", x)?;
        one((*x).clone())
    }

    fn decompose(&self, graph: &mut Graph, inputs: &[NodeId]) -> Result<Option<Vec<NodeId>>, GraphError> {
        let dtype = graph.dtype(inputs[0]);
        let x = graph.cast(inputs[0], dtype.accumulator())?;
        let gate = graph.apply(Sigmoid, &[x])?;
        let result = graph.mul(x, gate)?;
        Ok(Some(vec![graph.cast(result, dtype)?]))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x] = cx.expect::<1>()?;
        let values = x.as_floats()?.iter().map(|&x| x * sigmoid(x)).collect();
        Ok(vec![Array::floats(x.dtype, x.shape.clone(), values)])
    }

    /// `s (1 + x (1 - s))` with `s = sigmoid(x)`.
    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let (x, d, outer) = (cx.input(0), cx.gradient()?, cx.input_type(0).dtype);
        let g = &mut *cx.graph;
        let (x, d) = (g.cast(x, outer.accumulator())?, g.cast(d, outer.accumulator())?);
        let gate = g.apply(Sigmoid, &[x])?;
        let rest = affine(g, -1.0, gate, 1.0)?;
        let rise = g.mul(x, rest)?;
        let rise = affine(g, 1.0, rise, 1.0)?;
        let slope = g.mul(gate, rise)?;
        let gradient = g.mul(d, slope)?;
        Ok(vec![Some(g.cast(gradient, outer)?)])
    }
}
