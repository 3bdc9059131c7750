//! Elementwise arithmetic, comparisons and conversions.
//!
//! Operands broadcast as in NumPy and must have one dtype; nothing is converted silently. The operators `+ - * /` return a `Result`, since
//! shapes can be wrong: `((&a + &b)? * 2.0)?`.

use super::Tensor;
use crate::{Error, Result};
use hadal_graph::program::{BinaryOp, CompareOp, UnaryOp};
use hadal_graph::{DType, Graph, GraphError, NodeId, Scalar};
use std::ops;

macro_rules! unary {
    ($($name:ident $op:ident $doc:literal),* $(,)?) => {impl Tensor {$(
        #[doc = $doc]
        #[track_caller]
        pub fn $name(&self) -> Result<Tensor> {
            Tensor::compose(&[self], |g, x| g.unary(UnaryOp::$op, x[0]))
        }
    )*}};
}

unary! {
    neg Neg "`-x`.", abs Abs "`|x|`.", sign Sign "-1, 0 or 1.", floor Floor "Greatest integer not above.",
    ceil Ceil "Least integer not below.", round Round "Nearest integer, ties to even.", trunc Trunc "Towards zero.",
    exp Exp "`e^x`.", expm1 Expm1 "`e^x - 1`, accurate near zero.", log Log "Natural logarithm.",
    log1p Log1p "`ln(1 + x)`, accurate near zero.", sqrt Sqrt "Square root.", rsqrt Rsqrt "`1 / sqrt(x)`.",
    recip Reciprocal "`1 / x`.", sin Sin "Sine.", cos Cos "Cosine.", tan Tan "Tangent.", asin Asin "Inverse sine.",
    acos Acos "Inverse cosine.", atan Atan "Inverse tangent.", sinh Sinh "Hyperbolic sine.", cosh Cosh "Hyperbolic cosine.",
    tanh Tanh "Hyperbolic tangent.", asinh Asinh "Inverse hyperbolic sine.", acosh Acosh "Inverse hyperbolic cosine.",
    atanh Atanh "Inverse hyperbolic tangent.", erf Erf "The error function.",
    logical_not Not "Not, of a boolean; of an integer bit by bit.", is_nan IsNan "Whether it is NaN.", is_inf IsInf "Whether it is infinite.",
}

/// The right-hand side of arithmetic: a tensor, or a number that takes the tensor's dtype.
pub trait Operand {
    /// Applies `f` to the left tensor and this.
    #[doc(hidden)]
    fn with(
        self,
        left: &Tensor,
        f: impl FnOnce(&mut Graph, NodeId, NodeId) -> Result<NodeId, GraphError>,
    ) -> Result<Tensor>;
}

impl Operand for &Tensor {
    #[track_caller]
    fn with(
        self,
        left: &Tensor,
        f: impl FnOnce(&mut Graph, NodeId, NodeId) -> Result<NodeId, GraphError>,
    ) -> Result<Tensor> {
        Tensor::compose(&[left, self], |g, x| f(g, x[0], x[1]))
    }
}

impl Operand for Tensor {
    #[track_caller]
    fn with(
        self,
        left: &Tensor,
        f: impl FnOnce(&mut Graph, NodeId, NodeId) -> Result<NodeId, GraphError>,
    ) -> Result<Tensor> {
        (&self).with(left, f)
    }
}

impl Operand for f64 {
    #[track_caller]
    fn with(
        self,
        left: &Tensor,
        f: impl FnOnce(&mut Graph, NodeId, NodeId) -> Result<NodeId, GraphError>,
    ) -> Result<Tensor> {
        let value = number(self, left.dtype())?;
        Tensor::compose(&[left], |g, x| {
            let right = g.constant_scalar(value, g.dtype(x[0]))?;
            f(g, x[0], right)
        })
    }
}

impl Operand for f32 {
    #[track_caller]
    fn with(
        self,
        left: &Tensor,
        f: impl FnOnce(&mut Graph, NodeId, NodeId) -> Result<NodeId, GraphError>,
    ) -> Result<Tensor> {
        (self as f64).with(left, f)
    }
}

impl Operand for i32 {
    #[track_caller]
    fn with(
        self,
        left: &Tensor,
        f: impl FnOnce(&mut Graph, NodeId, NodeId) -> Result<NodeId, GraphError>,
    ) -> Result<Tensor> {
        (self as f64).with(left, f)
    }
}

/// A number in an expression over `dtype`. Errors: a fraction, or one out of range, among integers.
#[track_caller]
fn number(value: f64, dtype: DType) -> Result<Scalar> {
    let scalar = Scalar::new(value, dtype);
    if !dtype.is_float() && scalar.to_f64() != value {
        return Err(Error::argument(format!(
            "{value} is not a {dtype}\n  hint: cast the tensor with `to_dtype` first"
        )));
    }
    Ok(scalar)
}

macro_rules! binary {
    ($($name:ident $op:ident $doc:literal),* $(,)?) => {impl Tensor {$(
        #[doc = $doc]
        ///
        /// Broadcasts. Errors: shapes that do not broadcast, dtypes that differ.
        #[track_caller]
        pub fn $name(&self, other: impl Operand) -> Result<Tensor> {
            other.with(self, |g, a, b| g.binary(BinaryOp::$op, a, b))
        }
    )*}};
}

binary! {
    add Add "`a + b`.", sub Sub "`a - b`.", mul Mul "`a · b`.", div Div "`a / b`; integers truncate.",
    rem Rem "Remainder with the sign of `a`.", pow Pow "`a^b`.", maximum Max "The larger.", minimum Min "The smaller.",
    atan2 Atan2 "The angle of `(b, a)`.", logical_and And "And; of integers bit by bit.", logical_or Or "Or; of integers bit by bit.",
    logical_xor Xor "Exclusive or; of integers bit by bit.", shl Shl "Shift left.", shr Shr "Shift right.",
}

macro_rules! compare {
    ($($name:ident $op:ident $doc:literal),* $(,)?) => {impl Tensor {$(
        #[doc = $doc]
        ///
        /// Broadcasts; the result is boolean. Errors: shapes that do not broadcast, dtypes that differ.
        #[track_caller]
        pub fn $name(&self, other: impl Operand) -> Result<Tensor> {
            other.with(self, |g, a, b| g.compare(CompareOp::$op, a, b))
        }
    )*}};
}

compare! {
    eq Eq "`a == b`.", ne Ne "`a != b`.", lt Lt "`a < b`.", le Le "`a <= b`.", gt Gt "`a > b`.", ge Ge "`a >= b`.",
}

impl Tensor {
    /// `a` where this boolean tensor holds, else `b`; all three broadcast. Errors: shapes, dtypes.
    #[track_caller]
    pub fn where_(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        Tensor::compose(&[self, a, b], |g, x| g.select(x[0], x[1], x[2]))
    }

    /// `value` where `mask` holds, else this tensor. Errors: shapes; a mask that is not boolean.
    #[track_caller]
    pub fn masked_fill(&self, mask: &Tensor, value: f64) -> Result<Tensor> {
        let value = number(value, self.dtype())?;
        Tensor::compose(&[self, mask], |g, x| {
            let fill = g.constant_scalar(value, g.dtype(x[0]))?;
            g.select(x[1], fill, x[0])
        })
    }

    /// Each element, moved into `low..=high`. NaN stays. An element at a bound keeps its whole gradient, as in `torch.clamp`.
    #[track_caller]
    pub fn clamp(&self, low: impl Operand, high: impl Operand) -> Result<Tensor> {
        let raised = low.with(self, |g, x, low| {
            let (inside, bound) = (g.compare(CompareOp::Ge, x, low)?, g.maximum(x, low)?);
            g.select(inside, x, bound)
        })?;
        high.with(&raised, |g, x, high| {
            let (inside, bound) = (g.compare(CompareOp::Le, x, high)?, g.minimum(x, high)?);
            g.select(inside, x, bound)
        })
    }

    /// `x²`.
    #[track_caller]
    pub fn sqr(&self) -> Result<Tensor> {
        Tensor::compose(&[self], |g, x| g.mul(x[0], x[0]))
    }

    /// Conversion. Float to integer truncates and saturates, integers wrap, anything to boolean is `x != 0`.
    #[track_caller]
    pub fn to_dtype(&self, dtype: DType) -> Result<Tensor> {
        let _as_asked = crate::amp::off();
        Tensor::compose(&[self], |g, x| g.cast(x[0], dtype))
    }
}

macro_rules! operators {
    ($($trait:ident $method:ident $op:ident),*) => {$(
        impl<R: Operand> ops::$trait<R> for &Tensor {
            type Output = Result<Tensor>;
            #[track_caller]
            fn $method(self, other: R) -> Result<Tensor> {
                other.with(self, |g, a, b| g.binary(BinaryOp::$op, a, b))
            }
        }
        impl<R: Operand> ops::$trait<R> for Tensor {
            type Output = Result<Tensor>;
            #[track_caller]
            fn $method(self, other: R) -> Result<Tensor> {
                other.with(&self, |g, a, b| g.binary(BinaryOp::$op, a, b))
            }
        }
        impl ops::$trait<&Tensor> for f64 {
            type Output = Result<Tensor>;
            #[track_caller]
            fn $method(self, other: &Tensor) -> Result<Tensor> {
                self.with(other, |g, a, b| g.binary(BinaryOp::$op, b, a))
            }
        }
        impl ops::$trait<Tensor> for f64 {
            type Output = Result<Tensor>;
            #[track_caller]
            fn $method(self, other: Tensor) -> Result<Tensor> {
                self.with(&other, |g, a, b| g.binary(BinaryOp::$op, b, a))
            }
        }
    )*};
}
operators!(Add add Add, Sub sub Sub, Mul mul Mul, Div div Div, Rem rem Rem);

impl ops::Neg for &Tensor {
    type Output = Result<Tensor>;
    #[track_caller]
    fn neg(self) -> Result<Tensor> {
        Tensor::neg(self)
    }
}

impl ops::Neg for Tensor {
    type Output = Result<Tensor>;
    #[track_caller]
    fn neg(self) -> Result<Tensor> {
        Tensor::neg(&self)
    }
}
