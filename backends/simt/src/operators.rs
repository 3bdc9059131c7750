//! Operators, conversions and selection.

use crate::functions::Body;
use crate::{Error, types};
use naga::{
    BinaryOperator, Expression, Handle, RelationalFunction, Scalar, ScalarKind, TypeInner, UnaryOperator,
};

impl Body<'_, '_> {
    pub(crate) fn unary(&self, op: UnaryOperator, expr: Handle<Expression>) -> Result<String, Error> {
        let value = self.value(expr)?;
        let by_function = match self.ty(expr) {
            TypeInner::Scalar(s) => s.kind == ScalarKind::Sint || is_short(*s),
            _ => false,
        };
        Ok(match op {
            UnaryOperator::Negate if by_function => format!("wgsl::neg({value})"),
            UnaryOperator::BitwiseNot if by_function => format!("wgsl::not_({value})"),
            UnaryOperator::Negate => format!("(-{value})"),
            UnaryOperator::LogicalNot => format!("(!{value})"),
            UnaryOperator::BitwiseNot => format!("(~{value})"),
        })
    }

    pub(crate) fn binary(
        &self,
        op: BinaryOperator,
        left: Handle<Expression>,
        right: Handle<Expression>,
    ) -> Result<String, Error> {
        let (a, b) = (self.value(left)?, self.value(right)?);
        // Vectors and matrices have operators that mean what WGSL means, except where both sides are not vectors.
        let native = match self.ty(left) {
            TypeInner::Scalar(s) if matches!(self.ty(right), TypeInner::Scalar(_)) => is_native(op, *s),
            _ => true,
        };
        Ok(match native {
            true => format!("({a} {} {b})", symbol(op)),
            false => format!("wgsl::{}({a}, {b})", function(op)),
        })
    }

    pub(crate) fn select(
        &self,
        condition: Handle<Expression>,
        accept: Handle<Expression>,
        reject: Handle<Expression>,
    ) -> Result<String, Error> {
        let (c, a, r) = (self.value(condition)?, self.value(accept)?, self.value(reject)?);
        Ok(match self.ty(condition) {
            TypeInner::Vector { .. } => format!("wgsl::select({r}, {a}, {c})"),
            _ => format!("({c} ? {a} : {r})"),
        })
    }

    pub(crate) fn relational(
        &self,
        fun: RelationalFunction,
        argument: Handle<Expression>,
    ) -> Result<String, Error> {
        let name = match fun {
            RelationalFunction::All => "all",
            RelationalFunction::Any => "any",
            RelationalFunction::IsNan => "is_nan",
            RelationalFunction::IsInf => "is_inf",
        };
        Ok(format!("wgsl::{name}({})", self.value(argument)?))
    }

    pub(crate) fn conversion(
        &self,
        expr: Handle<Expression>,
        kind: ScalarKind,
        convert: Option<u8>,
    ) -> Result<String, Error> {
        let value = self.value(expr)?;
        let Some(from) = self.ty(expr).scalar() else {
            return Err(self.unsupported("a conversion of something without a scalar type", expr));
        };
        let to = Scalar { kind, width: convert.unwrap_or(from.width) };
        let Some(name) = types::scalar(to) else {
            return Err(self.unsupported(format!("a conversion to {to:?}"), expr));
        };
        if to == from {
            return Ok(value);
        }
        let is_scalar = matches!(self.ty(expr), TypeInner::Scalar(_));
        let plain = to.kind != ScalarKind::Bool
            && (from.kind != ScalarKind::Float || to.kind == ScalarKind::Float)
            && !is_half(from)
            && !is_half(to);
        Ok(match convert {
            None => format!("wgsl::bitcast<{name}>({value})"),
            Some(_) if is_scalar && plain => format!("{name}({value})"),
            Some(_) => format!("wgsl::convert<{name}>({value})"),
        })
    }
}

fn is_half(scalar: Scalar) -> bool {
    scalar == Scalar::F16
}

/// Whether C++ would compute in `int` instead.
fn is_short(scalar: Scalar) -> bool {
    scalar.width == 2 && matches!(scalar.kind, ScalarKind::Sint | ScalarKind::Uint)
}

/// Whether C++'s operator on scalars means what WGSL's means.
fn is_native(op: BinaryOperator, scalar: Scalar) -> bool {
    use BinaryOperator as Op;
    match op {
        Op::Equal | Op::NotEqual | Op::Less | Op::LessEqual | Op::Greater | Op::GreaterEqual => true,
        Op::LogicalAnd | Op::LogicalOr => true,
        Op::ShiftLeft | Op::ShiftRight | Op::Modulo => false,
        Op::Divide => scalar.kind == ScalarKind::Float,
        Op::Add | Op::Subtract | Op::Multiply => {
            scalar.kind == ScalarKind::Float || scalar.kind == ScalarKind::Uint && !is_short(scalar)
        }
        // On `bool` they would give an `int`.
        Op::And | Op::InclusiveOr | Op::ExclusiveOr => scalar.kind != ScalarKind::Bool && !is_short(scalar),
    }
}

fn symbol(op: BinaryOperator) -> &'static str {
    naga::back::binary_operation_str(op)
}

/// The prelude's function for an operator.
fn function(op: BinaryOperator) -> &'static str {
    use BinaryOperator as Op;
    match op {
        Op::Add => "add",
        Op::Subtract => "sub",
        Op::Multiply => "mul",
        Op::Divide => "div",
        Op::Modulo => "rem",
        Op::Equal => "eq",
        Op::NotEqual => "ne",
        Op::Less => "lt",
        Op::LessEqual => "le",
        Op::Greater => "gt",
        Op::GreaterEqual => "ge",
        Op::And | Op::LogicalAnd => "and_",
        Op::ExclusiveOr => "xor_",
        Op::InclusiveOr | Op::LogicalOr => "or_",
        Op::ShiftLeft => "shl",
        Op::ShiftRight => "shr",
    }
}
