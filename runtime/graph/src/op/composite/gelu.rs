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
use crate::graph::{Graph, NodeId};
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
}
