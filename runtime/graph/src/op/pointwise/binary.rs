//! Elementwise functions of two tensors.

use super::affine;
use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::{Graph, NodeId};
use crate::op::{Infer, Operator, Types, one};
use crate::program::{BinaryOp, CompareOp, UnaryOp};
use crate::reference::{Array, Evaluate, Values};
use crate::{DType, TensorType};
use serde::{Deserialize, Serialize};

/// An elementwise function of two tensors of one type; see [`BinaryOp`] for each. [`Graph`](crate::Graph)'s builder methods broadcast first.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Binary {
    /// The function.
    pub op: BinaryOp,
}

impl Operator for Binary {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [a, b] = cx.expect::<2>()?;
        check_same_type(a, b)?;
        use BinaryOp::*;
        let (accepted, expected) = match self.op {
            Add | Sub | Mul | Div | Rem | Pow => (a.dtype != DType::Bool, "a float or an integer"),
            Max | Min => (true, ""),
            Atan2 => (a.dtype.is_float(), "a float"),
            And | Or | Xor => (!a.dtype.is_float(), "an integer or bool"),
            Shl | Shr => (a.dtype.is_int(), "an integer"),
        };
        if !accepted {
            return Err(OpError::DType {
                what: "both operands".into(),
                expected: expected.into(),
                given: a.dtype,
            });
        }
        one(a.clone())
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [a, b] = cx.expect::<2>()?;
        let values = match (&a.values, &b.values) {
            (Values::Float(a), Values::Float(b)) => {
                Values::Float(a.iter().zip(b).map(|(&a, &b)| float_binary(self.op, a, b)).collect())
            }
            (Values::Int(x), Values::Int(y)) => {
                Values::Int(x.iter().zip(y).map(|(&x, &y)| int_binary(self.op, x, y, a.dtype)).collect())
            }
            _ => return Err(OpError::Value("the operands differ in kind".into())),
        };
        Ok(vec![Array { dtype: a.dtype, shape: a.shape.clone(), values }])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let (a, b, y, d) = (cx.input(0), cx.input(1), cx.node, cx.gradient()?);
        let g = &mut *cx.graph;
        let (d_a, d_b) = match self.op {
            BinaryOp::Add => (d, d),
            BinaryOp::Sub => (d, g.unary(UnaryOp::Neg, d)?),
            BinaryOp::Mul => (g.mul(d, b)?, g.mul(d, a)?),
            BinaryOp::Div => {
                let d_a = g.div(d, b)?;
                let product = g.mul(d_a, y)?;
                (d_a, g.unary(UnaryOp::Neg, product)?)
            }
            BinaryOp::Rem => {
                let quotient = g.div(a, b)?;
                let whole = g.unary(UnaryOp::Trunc, quotient)?;
                let product = g.mul(d, whole)?;
                (d, g.unary(UnaryOp::Neg, product)?)
            }
            BinaryOp::Pow => return pow_gradient(g, a, b, y, d),
            BinaryOp::Max => {
                (extreme_share(g, CompareOp::Gt, a, b, d)?, extreme_share(g, CompareOp::Gt, b, a, d)?)
            }
            BinaryOp::Min => {
                (extreme_share(g, CompareOp::Lt, a, b, d)?, extreme_share(g, CompareOp::Lt, b, a, d)?)
            }
            BinaryOp::Atan2 => {
                let (a_square, b_square) = (g.mul(a, a)?, g.mul(b, b)?);
                let square = g.add(a_square, b_square)?;
                let scaled = g.div(d, square)?;
                let product = g.mul(scaled, a)?;
                (g.mul(scaled, b)?, g.unary(UnaryOp::Neg, product)?)
            }
            BinaryOp::And | BinaryOp::Or | BinaryOp::Xor | BinaryOp::Shl | BinaryOp::Shr => {
                return Ok(vec![None, None]);
            }
        };
        Ok(vec![Some(d_a), Some(d_b)])
    }
}

/// Checks that two operands have one dtype and one shape. Errors: `DType`, `Broadcast`.
pub(crate) fn check_same_type(a: &TensorType, b: &TensorType) -> Result<(), OpError> {
    if a.dtype != b.dtype {
        let expected = format!("{} like the first", a.dtype);
        return Err(OpError::DType { what: "the second operand".into(), expected, given: b.dtype });
    }
    if a.shape != b.shape {
        return Err(OpError::Broadcast { a: a.shape.clone(), b: b.shape.clone() });
    }
    Ok(())
}

/// A function of two floats; NaN for those that take no floats.
pub(crate) fn float_binary(op: BinaryOp, a: f64, b: f64) -> f64 {
    match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::Rem => a % b,
        BinaryOp::Pow => libm::pow(a, b),
        BinaryOp::Max | BinaryOp::Min if a.is_nan() || b.is_nan() => f64::NAN,
        BinaryOp::Max => a.max(b),
        BinaryOp::Min => a.min(b),
        BinaryOp::Atan2 => libm::atan2(a, b),
        BinaryOp::And | BinaryOp::Or | BinaryOp::Xor | BinaryOp::Shl | BinaryOp::Shr => f64::NAN,
    }
}

/// A function of two integers or booleans, before it is wrapped; 0 for those that take only floats.
fn int_binary(op: BinaryOp, a: i128, b: i128, dtype: DType) -> i128 {
    let shift = || b.rem_euclid(dtype.size() as i128 * 8) as u32;
    match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a.wrapping_mul(b),
        BinaryOp::Div if b == 0 => a,
        BinaryOp::Div => a / b,
        BinaryOp::Rem if b == 0 => 0,
        BinaryOp::Rem => a % b,
        BinaryOp::Pow => int_pow(a, b, dtype),
        BinaryOp::Max => a.max(b),
        BinaryOp::Min => a.min(b),
        BinaryOp::And => a & b,
        BinaryOp::Or => a | b,
        BinaryOp::Xor => a ^ b,
        BinaryOp::Shl => a.wrapping_shl(shift()),
        BinaryOp::Shr => a >> shift(),
        BinaryOp::Atan2 => 0,
    }
}

fn int_pow(base: i128, exponent: i128, dtype: DType) -> i128 {
    if exponent < 0 {
        return match base {
            1 => 1,
            -1 if exponent % 2 == 0 => 1,
            -1 => -1,
            _ => 0,
        };
    }
    let (mut result, mut square, mut rest) = (1i128, base, exponent);
    while rest > 0 {
        if rest & 1 == 1 {
            result = dtype.wrap(result.wrapping_mul(square));
        }
        square = dtype.wrap(square.wrapping_mul(square));
        rest >>= 1;
    }
    result
}

/// The gradient of the operand that wins where `wins(it, other)` holds; on a tie each gets half, as in PyTorch.
fn extreme_share(
    g: &mut Graph,
    wins: CompareOp,
    operand: NodeId,
    other: NodeId,
    d: NodeId,
) -> Result<NodeId, GraphError> {
    let zero = g.scalar(0.0, g.dtype(d))?;
    let alone = g.compare(wins, operand, other)?;
    let tie = g.compare(CompareOp::Eq, operand, other)?;
    let half = affine(g, 0.5, d, 0.0)?;
    let lost_or_tie = g.select(tie, half, zero)?;
    g.select(alone, d, lost_or_tie)
}

/// `b a^(b-1)` and `a^b ln a`; both are 0 where the power does not depend on the operand (`b = 0`, and `a = 0` with `b >= 0`).
fn pow_gradient(
    g: &mut Graph,
    a: NodeId,
    b: NodeId,
    y: NodeId,
    d: NodeId,
) -> Result<Vec<Option<NodeId>>, GraphError> {
    let dtype = g.dtype(a);
    let zero = g.scalar(0.0, dtype)?;
    let one = g.scalar(1.0, dtype)?;
    let constant = g.compare(CompareOp::Eq, b, zero)?;
    let lower = g.sub(b, one)?;
    let lower = g.select(constant, one, lower)?;
    let power = g.pow(a, lower)?;
    let slope = g.mul(b, power)?;
    let slope = g.mul(d, slope)?;
    let d_a = g.select(constant, zero, slope)?;
    let base_zero = g.compare(CompareOp::Eq, a, zero)?;
    let exponent_positive = g.compare(CompareOp::Ge, b, zero)?;
    let stays_zero = g.binary(BinaryOp::And, base_zero, exponent_positive)?;
    let base = g.select(stays_zero, one, a)?;
    let log = g.unary(UnaryOp::Log, base)?;
    let slope = g.mul(y, log)?;
    let slope = g.mul(d, slope)?;
    let d_b = g.select(stays_zero, zero, slope)?;
    Ok(vec![Some(d_a), Some(d_b)])
}
