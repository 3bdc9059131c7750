//! Elementwise functions of one tensor.

use crate::DType;
use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::{Graph, NodeId};
use crate::op::{Infer, Operator, Types, one};
use crate::program::UnaryOp;
use crate::reference::{Array, Evaluate, Values};
use serde::{Deserialize, Serialize};

/// An elementwise function of one tensor; see [`UnaryOp`] for each.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Unary {
    /// The function.
    pub op: UnaryOp,
}

impl Operator for Unary {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x] = cx.expect::<1>()?;
        use UnaryOp::*;
        let (accepted, expected) = match self.op {
            Neg | Abs | Sign => (x.dtype != DType::Bool, "a float or an integer"),
            Not => (!x.dtype.is_float(), "an integer or bool"),
            _ => (x.dtype.is_float(), "a float"),
        };
        if !accepted {
            return Err(OpError::DType {
                what: "the operand".into(),
                expected: expected.into(),
                given: x.dtype,
            });
        }
        let dtype = if matches!(self.op, IsNan | IsInf) { DType::Bool } else { x.dtype };
        one(x.with_dtype(dtype))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x] = cx.expect::<1>()?;
        let values = match (&x.values, self.op) {
            (Values::Float(v), UnaryOp::IsNan) => Values::Int(v.iter().map(|x| x.is_nan() as i128).collect()),
            (Values::Float(v), UnaryOp::IsInf) => {
                Values::Int(v.iter().map(|x| x.is_infinite() as i128).collect())
            }
            (Values::Float(v), op) => Values::Float(v.iter().map(|&x| float_unary(op, x)).collect()),
            (Values::Int(v), op) => Values::Int(v.iter().map(|&i| int_unary(op, i, x.dtype)).collect()),
        };
        Ok(vec![Array { dtype: cx.dtype(), shape: x.shape.clone(), values }])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let (x, y, d) = (cx.input(0), cx.node, cx.gradient()?);
        let g = &mut *cx.graph;
        let factor = match self.op {
            UnaryOp::Sign | UnaryOp::Floor | UnaryOp::Ceil | UnaryOp::Round | UnaryOp::Trunc => {
                return Ok(vec![None]);
            }
            UnaryOp::Not | UnaryOp::IsNan | UnaryOp::IsInf => return Ok(vec![None]),
            UnaryOp::Neg => return Ok(vec![Some(g.unary(UnaryOp::Neg, d)?)]),
            UnaryOp::Log => return Ok(vec![Some(g.div(d, x)?)]),
            UnaryOp::Abs => g.unary(UnaryOp::Sign, x)?,
            UnaryOp::Exp => y,
            UnaryOp::Expm1 => g.unary(UnaryOp::Exp, x)?,
            UnaryOp::Log1p => {
                let shifted = affine(g, 1.0, x, 1.0)?;
                g.unary(UnaryOp::Reciprocal, shifted)?
            }
            UnaryOp::Sqrt => {
                let inverse = g.unary(UnaryOp::Reciprocal, y)?;
                affine(g, 0.5, inverse, 0.0)?
            }
            UnaryOp::Rsqrt => {
                let square = g.mul(y, y)?;
                let cube = g.mul(square, y)?;
                affine(g, -0.5, cube, 0.0)?
            }
            UnaryOp::Reciprocal => {
                let square = g.mul(y, y)?;
                g.unary(UnaryOp::Neg, square)?
            }
            UnaryOp::Sin => g.unary(UnaryOp::Cos, x)?,
            UnaryOp::Cos => {
                let sine = g.unary(UnaryOp::Sin, x)?;
                g.unary(UnaryOp::Neg, sine)?
            }
            UnaryOp::Sinh => g.unary(UnaryOp::Cosh, x)?,
            UnaryOp::Cosh => g.unary(UnaryOp::Sinh, x)?,
            UnaryOp::Tan | UnaryOp::Tanh => {
                let square = g.mul(y, y)?;
                affine(g, if self.op == UnaryOp::Tan { 1.0 } else { -1.0 }, square, 1.0)?
            }
            UnaryOp::Asin | UnaryOp::Acos => {
                let square = g.mul(x, x)?;
                let rest = affine(g, -1.0, square, 1.0)?;
                let slope = g.unary(UnaryOp::Rsqrt, rest)?;
                if self.op == UnaryOp::Asin { slope } else { g.unary(UnaryOp::Neg, slope)? }
            }
            UnaryOp::Asinh | UnaryOp::Acosh => {
                let square = g.mul(x, x)?;
                let sum = affine(g, 1.0, square, if self.op == UnaryOp::Asinh { 1.0 } else { -1.0 })?;
                g.unary(UnaryOp::Rsqrt, sum)?
            }
            UnaryOp::Atan | UnaryOp::Atanh => {
                let square = g.mul(x, x)?;
                let sum = affine(g, if self.op == UnaryOp::Atan { 1.0 } else { -1.0 }, square, 1.0)?;
                g.unary(UnaryOp::Reciprocal, sum)?
            }
            UnaryOp::Erf => {
                let square = g.mul(x, x)?;
                let exponent = g.unary(UnaryOp::Neg, square)?;
                let bell = g.unary(UnaryOp::Exp, exponent)?;
                affine(g, std::f64::consts::FRAC_2_SQRT_PI, bell, 0.0)?
            }
        };
        Ok(vec![Some(g.mul(d, factor)?)])
    }
}

/// A function of a float; NaN for those that take no floats.
fn float_unary(op: UnaryOp, x: f64) -> f64 {
    match op {
        UnaryOp::Neg => -x,
        UnaryOp::Abs => x.abs(),
        UnaryOp::Sign if x.is_nan() => x,
        UnaryOp::Sign => (x > 0.0) as i8 as f64 - (x < 0.0) as i8 as f64,
        UnaryOp::Floor => x.floor(),
        UnaryOp::Ceil => x.ceil(),
        UnaryOp::Round => x.round_ties_even(),
        UnaryOp::Trunc => x.trunc(),
        UnaryOp::Exp => libm::exp(x),
        UnaryOp::Expm1 => libm::expm1(x),
        UnaryOp::Log => libm::log(x),
        UnaryOp::Log1p => libm::log1p(x),
        UnaryOp::Sqrt => x.sqrt(),
        UnaryOp::Rsqrt => 1.0 / x.sqrt(),
        UnaryOp::Reciprocal => 1.0 / x,
        UnaryOp::Sin => libm::sin(x),
        UnaryOp::Cos => libm::cos(x),
        UnaryOp::Tan => libm::tan(x),
        UnaryOp::Asin => libm::asin(x),
        UnaryOp::Acos => libm::acos(x),
        UnaryOp::Atan => libm::atan(x),
        UnaryOp::Sinh => libm::sinh(x),
        UnaryOp::Cosh => libm::cosh(x),
        UnaryOp::Tanh => libm::tanh(x),
        UnaryOp::Asinh => libm::asinh(x),
        UnaryOp::Acosh => libm::acosh(x),
        UnaryOp::Atanh => libm::atanh(x),
        UnaryOp::Erf => libm::erf(x),
        UnaryOp::Not | UnaryOp::IsNan | UnaryOp::IsInf => f64::NAN,
    }
}

/// A function of an integer or boolean, before it is wrapped; the operand itself for those that take only floats.
fn int_unary(op: UnaryOp, x: i128, dtype: DType) -> i128 {
    match op {
        UnaryOp::Neg => -x,
        UnaryOp::Abs => x.abs(),
        UnaryOp::Sign => x.signum(),
        UnaryOp::Not if dtype == DType::Bool => 1 - x,
        UnaryOp::Not => !x,
        _ => x,
    }
}

/// `scale · x + offset`.
pub(crate) fn affine(graph: &mut Graph, scale: f64, x: NodeId, offset: f64) -> Result<NodeId, GraphError> {
    let dtype = graph.dtype(x);
    let mut result = x;
    if scale != 1.0 {
        let scale = graph.scalar(scale, dtype)?;
        result = graph.mul(result, scale)?;
    }
    if offset != 0.0 {
        let offset = graph.scalar(offset, dtype)?;
        result = graph.add(result, offset)?;
    }
    Ok(result)
}
