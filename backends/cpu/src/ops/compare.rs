//! Comparisons and selection.

use super::{Loop2, Loop3, map2, with_lane};
use crate::simd::multiversion;
use hadal_graph::DType;
use hadal_graph::program::CompareOp;

/// The loop for `op` on operands of `dtype`; the result is `Bool`.
pub(crate) fn compare(op: CompareOp, dtype: DType) -> Loop2 {
    with_lane!(dtype, T => match op {
        CompareOp::Eq => map2!(T => u8, |a, b| (a == b) as u8),
        CompareOp::Ne => map2!(T => u8, |a, b| (a != b) as u8),
        CompareOp::Lt => map2!(T => u8, |a, b| (a < b) as u8),
        CompareOp::Le => map2!(T => u8, |a, b| (a <= b) as u8),
        CompareOp::Gt => map2!(T => u8, |a, b| (a > b) as u8),
        CompareOp::Ge => map2!(T => u8, |a, b| (a >= b) as u8),
    })
}

/// The loop that selects lanes of `dtype`.
pub(crate) fn select(dtype: DType) -> Loop3 {
    // Bits are moved, not interpreted, so only the width matters.
    match super::lane(dtype).size() {
        1 => pick_select::<u8>(),
        2 => pick_select::<u16>(),
        4 => pick_select::<u32>(),
        _ => pick_select::<u64>(),
    }
}

multiversion!(select_loop<T: Copy>(c: *const u8, a: *const u8, b: *const u8, out: *mut u8, n: usize) as pick_select);

/// Safety: see [`Loop3`].
#[inline(always)]
unsafe fn select_loop<T: Copy>(c: *const u8, a: *const u8, b: *const u8, out: *mut u8, n: usize) {
    // SAFETY: the caller promises `n` lanes behind all pointers, and that `out` is apart.
    let (c, a, b, out) = unsafe {
        (
            std::slice::from_raw_parts(c, n),
            std::slice::from_raw_parts(a.cast::<T>(), n),
            std::slice::from_raw_parts(b.cast::<T>(), n),
            std::slice::from_raw_parts_mut(out.cast::<T>(), n),
        )
    };
    for (((o, &c), &x), &y) in out.iter_mut().zip(c).zip(a).zip(b) {
        *o = if c != 0 { x } else { y };
    }
}
