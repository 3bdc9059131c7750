//! The Gaussian error linear unit.
//!
//! | | |
//! |---|---|
//! | inputs | `x`, any float dtype |
//! | output | like `x`: `x Φ(x)`, or its tanh approximation |
//! | decomposes to | `0.5 x (1 + erf(x / √2))`, or `0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³)))` |
//! | ONNX / PyTorch | `Gelu` / `torch.nn.functional.gelu` |
//! | paper | Hendrycks, Gimpel, "Gaussian error linear units", 2016 |

use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::{Graph, NodeId};
use crate::op::pointwise::affine;
use crate::op::{Infer, Operator, Types, one};
use crate::program::UnaryOp;
use crate::reference::{Array, Evaluate};
use serde::{Deserialize, Serialize};

/// The Gaussian error linear unit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Gelu {
    /// Use the tanh approximation.
    pub tanh: bool,
}

impl Operator for Gelu {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x] = cx.expect::<1>()?;
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
        let outer = graph.dtype(inputs[0]);
        let dtype = outer.accumulator();
        let x = graph.cast(inputs[0], dtype)?;
        let gate = if self.tanh {
            let square = graph.mul(x, x)?;
            let cube = graph.mul(square, x)?;
            let factor = graph.scalar(0.044715, dtype)?;
            let cubic = graph.mul(cube, factor)?;
            let sum = graph.add(x, cubic)?;
            let scale = graph.scalar((2.0 / std::f64::consts::PI).sqrt(), dtype)?;
            let inner = graph.mul(sum, scale)?;
            graph.unary(UnaryOp::Tanh, inner)?
        } else {
            let scale = graph.scalar(std::f64::consts::FRAC_1_SQRT_2, dtype)?;
            let inner = graph.mul(x, scale)?;
            graph.unary(UnaryOp::Erf, inner)?
        };
        let one = graph.scalar(1.0, dtype)?;
        let half = graph.scalar(0.5, dtype)?;
        let gate = graph.add(gate, one)?;
        let halved = graph.mul(x, half)?;
        let result = graph.mul(halved, gate)?;
        Ok(Some(vec![graph.cast(result, outer)?]))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x] = cx.expect::<1>()?;
        let values = x.as_floats()?.iter().map(|&x| {
            let gate = if self.tanh {
                libm::tanh((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x))
            } else {
                libm::erf(x * std::f64::consts::FRAC_1_SQRT_2)
            };
            0.5 * x * (1.0 + gate)
        });
        Ok(vec![Array::floats(x.dtype, x.shape.clone(), values.collect())])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let (x, d, outer) = (cx.input(0), cx.gradient()?, cx.input_type(0).dtype);
        let g = &mut *cx.graph;
        let (x, d) = (g.cast(x, outer.accumulator())?, g.cast(d, outer.accumulator())?);
        let square = g.mul(x, x)?;
        let slope = if self.tanh {
            // With u = c (x + 0.044715 x³): (1 + tanh u) / 2 + x / 2 · (1 - tanh² u) · c (1 + 3 · 0.044715 x²)
            let c = (2.0 / std::f64::consts::PI).sqrt();
            let inner = affine(g, 0.044715 * c, square, c)?;
            let inner = g.mul(x, inner)?;
            let tanh = g.unary(UnaryOp::Tanh, inner)?;
            let inner_slope = affine(g, 3.0 * 0.044715 * c, square, c)?;
            let tanh_square = g.mul(tanh, tanh)?;
            let tanh_slope = affine(g, -0.5, tanh_square, 0.5)?;
            let gate = affine(g, 0.5, tanh, 0.5)?;
            let rise = g.mul(tanh_slope, inner_slope)?;
            let rise = g.mul(x, rise)?;
            g.add(gate, rise)?
        } else {
            // Φ(x) + x φ(x)
            let scaled = affine(g, std::f64::consts::FRAC_1_SQRT_2, x, 0.0)?;
            let erf = g.unary(UnaryOp::Erf, scaled)?;
            let gate = affine(g, 0.5, erf, 0.5)?;
            let exponent = affine(g, -0.5, square, 0.0)?;
            let bell = g.unary(UnaryOp::Exp, exponent)?;
            let bell = affine(g, 1.0 / (2.0 * std::f64::consts::PI).sqrt(), bell, 0.0)?;
            let rise = g.mul(x, bell)?;
            g.add(gate, rise)?
        };
        let gradient = g.mul(d, slope)?;
        Ok(vec![Some(g.cast(gradient, outer)?)])
    }
}
