//! Products of small integers in `f32`, without error.
//!
//! Every integer up to 2²⁴ is an `f32`, so a sum of products whose magnitudes add up to no more than that is exact, in any order. Where the
//! operands of an `I32` contraction are known to be small (bytes, less a zero point), the depth is cut so that this holds,
//! each part goes through the fast `f32` product, and parts are added as integers.

use crate::eval::Stepped;
use crate::simd::multiversion;
use hadal_graph::DType;
use hadal_graph::program::{BinaryOp, Contract, Instr, Operand, UnaryOp};

/// Parts shorter than this are not worth the conversion.
const SHORTEST: i128 = 64;

/// The greatest depth at which products stay exact; `None` where the operands may be too large.
pub(super) fn depth(kernel: &Contract, step: &Stepped<'_>) -> Option<usize> {
    if kernel.dtype != DType::I32 {
        return None;
    }
    let largest = |operand: &Operand| -> Option<i128> {
        let (low, high) = range(operand, step)?;
        Some(low.abs().max(high.abs()).max(1))
    };
    let depth = (1i128 << 24) / largest(&kernel.a)?.checked_mul(largest(&kernel.b)?)?;
    (depth >= SHORTEST).then(|| usize::try_from(depth).unwrap_or(usize::MAX))
}

/// Least and greatest value of an operand, by interval arithmetic; `None` if it is no integer.
fn range(operand: &Operand, step: &Stepped<'_>) -> Option<(i128, i128)> {
    let program = &operand.program;
    let mut ranges: Vec<Option<(i128, i128)>> = Vec::new();
    for typed in &program.instrs {
        let whole = typed.dtype.int_range();
        let of = |r: usize| ranges.get(r).copied().flatten();
        let found = match &typed.instr {
            // A load whose guard fails is zero, which every range of a type holds.
            Instr::Load { operand, .. } => step.reads.get(*operand).and_then(|r| r.0.int_range()),
            Instr::Const(value) => Some((value.to_i128(), value.to_i128())),
            Instr::Cast(x) => of(*x),
            Instr::Unary(UnaryOp::Neg, x) => of(*x).map(|(low, high)| (-high, -low)),
            Instr::Binary(op, a, b) => match (op, of(*a), of(*b)) {
                (BinaryOp::Add, Some(a), Some(b)) => Some((a.0 + b.0, a.1 + b.1)),
                (BinaryOp::Sub, Some(a), Some(b)) => Some((a.0 - b.1, a.1 - b.0)),
                _ => None,
            },
            Instr::Select(_, a, b) => match (of(*a), of(*b)) {
                (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
                _ => None,
            },
            _ => None,
        };
        // What leaves the type's range wraps, to anywhere in it.
        let kept = found.filter(|f| whole.is_some_and(|w| w.0 <= f.0 && f.1 <= w.1));
        ranges.push(kept.or(whole));
    }
    ranges.get(operand.value).copied().flatten()
}

multiversion!(add_rounded<T: Exact>(sum: *mut i32, product: *const T, n: usize) as pick_add);

/// `sum[i] += product[i]` for integral products below 2³¹.
pub(super) fn add<T: Exact>(sum: &mut [i32], product: &[T]) {
    let n = sum.len().min(product.len());
    // SAFETY: both hold `n` elements.
    unsafe { pick_add::<T>()(sum.as_mut_ptr(), product.as_ptr(), n) }
}

/// A type that products are computed in.
pub(super) trait Exact: Copy + 'static {
    fn integer(self) -> i32;
}

macro_rules! exact {
    ($($t:ty),*) => {$(
        impl Exact for $t {
            #[inline(always)]
            fn integer(self) -> i32 {
                self as i32
            }
        }
    )*};
}
exact!(f32, f64, i8, i16, i32, i64, u8, u16, u32, u64);

/// Safety: both hold `n` elements.
#[inline(always)]
unsafe fn add_rounded<T: Exact>(sum: *mut i32, product: *const T, n: usize) {
    // SAFETY: the caller's promise.
    let (sum, product) =
        unsafe { (std::slice::from_raw_parts_mut(sum, n), std::slice::from_raw_parts(product, n)) };
    for (s, &p) in sum.iter_mut().zip(product) {
        *s = s.wrapping_add(p.integer());
    }
}
