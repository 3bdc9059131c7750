//! Rules for elementwise ops.

use super::{filled, repeated};
use crate::error::GraphError;
use crate::graph::{Graph, NodeId};
use crate::op::{Compare, Op, Select, Unary};
use crate::program::{BinaryOp, CompareOp, UnaryOp};
use crate::{DType, Scalar};

type Replacement = Result<Option<NodeId>, GraphError>;

pub(super) fn unary(graph: &mut Graph, op: UnaryOp, x: NodeId) -> Replacement {
    use UnaryOp::*;
    let inner = graph.node(x);
    let result = match (&inner.op, op) {
        (Op::Unary(Unary { op: Neg }), Neg) | (Op::Unary(Unary { op: Not }), Not) => inner.inputs[0],
        (Op::Unary(Unary { op: earlier }), Floor | Ceil | Round | Trunc | Abs) if *earlier == op => x,
        // What is whole already stays as it is.
        (Op::Unary(Unary { op: Floor | Ceil | Round | Trunc }), Floor | Ceil | Round | Trunc) => x,
        (Op::Unary(Unary { op: Neg }), Abs) => {
            let x = inner.inputs[0];
            graph.unary(Abs, x)?
        }
        (Op::Compare(Compare { op: CompareOp::Eq }), Not) => {
            let (a, b) = (inner.inputs[0], inner.inputs[1]);
            graph.compare(CompareOp::Ne, a, b)?
        }
        (Op::Compare(Compare { op: CompareOp::Ne }), Not) => {
            let (a, b) = (inner.inputs[0], inner.inputs[1]);
            graph.compare(CompareOp::Eq, a, b)?
        }
        _ => return Ok(None),
    };
    Ok(Some(result))
}

pub(super) fn binary(graph: &mut Graph, op: BinaryOp, a: NodeId, b: NodeId) -> Replacement {
    use BinaryOp::*;
    let ty = graph.ty(a).clone();
    let exact = !ty.dtype.is_float();
    let (left, right) = (repeated(graph, a), repeated(graph, b));
    let is = |side: Option<Scalar>, value: Scalar| side == Some(value);
    let (zero, one) = (Scalar::zero(ty.dtype), Scalar::one(ty.dtype));
    // x + -0.0 is x for every x; x + 0.0 is not for -0.0.
    let nothing = if exact { zero } else { Scalar::Float(-0.0) };
    let every_bit = match ty.dtype.int_range() {
        Some((low, high)) if ty.dtype != DType::Bool => Scalar::Int(if low < 0 { -1 } else { high }),
        _ => one,
    };
    let result = match op {
        Add if is(right, nothing) => a,
        Add if is(left, nothing) => b,
        Add => match negated(graph, b) {
            Some(b) => graph.sub(a, b)?,
            None => return Ok(None),
        },
        Sub if is(right, zero) => a,
        Sub if exact && a == b => filled(graph, zero, ty.dtype, &ty.shape)?,
        Sub => match negated(graph, b) {
            Some(b) => graph.add(a, b)?,
            None => return Ok(None),
        },
        Mul if is(right, one) => a,
        Mul if is(left, one) => b,
        Mul if exact && (is(left, zero) || is(right, zero)) => filled(graph, zero, ty.dtype, &ty.shape)?,
        Div if is(right, one) => a,
        Div => match right.and_then(exact_reciprocal) {
            Some(reciprocal) => {
                let reciprocal = filled(graph, reciprocal, ty.dtype, &ty.shape)?;
                graph.mul(a, reciprocal)?
            }
            None => return Ok(None),
        },
        Rem if exact && is(right, one) => filled(graph, zero, ty.dtype, &ty.shape)?,
        Pow if is(right, zero) => filled(graph, one, ty.dtype, &ty.shape)?,
        Pow if is(right, one) => a,
        Pow if is(right, Scalar::new(2.0, ty.dtype)) => graph.mul(a, a)?,
        Max | Min | And | Or if a == b => a,
        And if is(left, zero) || is(right, zero) => filled(graph, zero, ty.dtype, &ty.shape)?,
        And if is(right, every_bit) => a,
        And if is(left, every_bit) => b,
        Or if is(left, every_bit) || is(right, every_bit) => filled(graph, every_bit, ty.dtype, &ty.shape)?,
        Or | Xor if is(right, zero) => a,
        Or | Xor if is(left, zero) => b,
        Xor if a == b => filled(graph, zero, ty.dtype, &ty.shape)?,
        Shl | Shr if is(right, zero) => a,
        _ => return Ok(None),
    };
    Ok(Some(result))
}

/// `x`, if the node is `-x`.
fn negated(graph: &Graph, id: NodeId) -> Option<NodeId> {
    let node = graph.node(id);
    matches!(node.op, Op::Unary(Unary { op: UnaryOp::Neg })).then(|| node.inputs[0])
}

/// `1 / x` for a power of two whose reciprocal every float dtype holds: dividing by one and multiplying by the other round alike.
fn exact_reciprocal(x: Scalar) -> Option<Scalar> {
    const MANTISSA: u64 = (1 << 52) - 1;
    let Scalar::Float(x) = x else { return None };
    let in_range = (6.103515625e-5..=16384.0).contains(&x.abs());
    (in_range && x.to_bits() & MANTISSA == 0).then_some(Scalar::Float(1.0 / x))
}

pub(super) fn compare(graph: &mut Graph, op: CompareOp, a: NodeId, b: NodeId) -> Replacement {
    if a != b || graph.dtype(a).is_float() {
        return Ok(None);
    }
    let holds = matches!(op, CompareOp::Eq | CompareOp::Le | CompareOp::Ge);
    let shape = graph.shape(a).clone();
    filled(graph, Scalar::Bool(holds), DType::Bool, &shape).map(Some)
}

pub(super) fn select(graph: &mut Graph, condition: NodeId, a: NodeId, b: NodeId) -> Replacement {
    if a == b {
        return Ok(Some(a));
    }
    if let Some(value) = repeated(graph, condition) {
        return Ok(Some(if value.to_f64() != 0.0 { a } else { b }));
    }
    let node = graph.node(condition);
    if let Op::Unary(Unary { op: UnaryOp::Not }) = node.op {
        let condition = node.inputs[0];
        return graph.apply(Select, &[condition, b, a]).map(Some);
    }
    Ok(None)
}

pub(super) fn cast(graph: &mut Graph, to: DType, x: NodeId) -> Replacement {
    if graph.dtype(x) == to {
        return Ok(Some(x));
    }
    let node = graph.node(x);
    if let Op::Cast(_) = node.op {
        let origin = node.inputs[0];
        if passes_through(graph.dtype(origin), graph.dtype(x), to) {
            return graph.cast(origin, to).map(Some);
        }
    }
    Ok(None)
}

/// Whether casting from `from` to `via` and then to `to` is the same as casting directly.
fn passes_through(from: DType, via: DType, to: DType) -> bool {
    let range = |d: DType| d.int_range().unwrap_or((i128::MIN, i128::MAX));
    let within = |a: DType, b: DType| range(b).0 <= range(a).0 && range(a).1 <= range(b).1;
    match (from.is_float(), via.is_float()) {
        // Only the step to `f32` or `f64` keeps every value.
        (true, true) => matches!((from, via), (DType::F16 | DType::BF16, DType::F32) | (_, DType::F64)),
        (true, false) => false,
        (false, false) => via != DType::Bool && within(from, via),
        // An integer that a float holds exactly; back to a narrower integer, floats saturate while integers wrap.
        (false, true) => {
            let bits = match via {
                DType::F64 => 53,
                DType::F32 => 24,
                DType::F16 => 11,
                _ => 8,
            };
            let (low, high) = range(from);
            let held = -(1i128 << bits) <= low && high <= 1i128 << bits;
            held && (to.is_float() || to == DType::Bool || within(from, to))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn casts_that_lose_nothing_pass_through() {
        use DType::*;
        assert!(passes_through(F16, F32, I8));
        assert!(passes_through(I8, I32, F32));
        assert!(passes_through(Bool, F32, I64));
        assert!(passes_through(U8, F32, I16));
        assert!(!passes_through(I16, F32, I8), "floats saturate, integers wrap");
        assert!(!passes_through(I32, F32, F64), "f32 holds 24 bits");
        assert!(!passes_through(F32, F16, F32));
        assert!(!passes_through(F16, BF16, F32));
        assert!(!passes_through(U8, I8, I32));
        assert!(!passes_through(I32, Bool, I32));
    }

    #[test]
    fn only_powers_of_two_have_exact_reciprocals() {
        assert_eq!(exact_reciprocal(Scalar::Float(-4.0)), Some(Scalar::Float(-0.25)));
        assert_eq!(exact_reciprocal(Scalar::Float(3.0)), None);
        assert_eq!(exact_reciprocal(Scalar::Float(0.0)), None);
        assert_eq!(exact_reciprocal(Scalar::Float(f64::INFINITY)), None);
        assert_eq!(exact_reciprocal(Scalar::Int(4)), None);
    }
}
