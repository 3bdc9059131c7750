//! What quantised weights mean, in one pass: `(w - zero) · scale` of integers of 8 bits. Each step rounds as the instructions that it stands for.

use super::{Loop2, Loop3};
use crate::simd::multiversion;
use hadal_graph::DType;

/// The loop from lanes of `from` and scales in `f32` to their products.
pub(crate) fn scaled(from: DType) -> Option<Loop2> {
    match from {
        DType::I8 => Some(pick_scaled::<i8>()),
        DType::U8 => Some(pick_scaled::<u8>()),
        _ => None,
    }
}

/// As [`scaled`], with the zero points between them, in `i32`.
pub(crate) fn shifted(from: DType) -> Option<Loop3> {
    match from {
        DType::I8 => Some(pick_shifted::<i8>()),
        DType::U8 => Some(pick_shifted::<u8>()),
        _ => None,
    }
}

multiversion!(scaled_loop<T: Byte>(w: *const u8, scale: *const u8, out: *mut u8, n: usize) as pick_scaled);
multiversion!(shifted_loop<T: Byte>(w: *const u8, zero: *const u8, scale: *const u8, out: *mut u8, n: usize) as pick_shifted);

/// An integer of 8 bits.
trait Byte: Copy + Into<i32> {}
impl Byte for i8 {}
impl Byte for u8 {}

/// Safety: see [`Loop2`].
#[inline(always)]
unsafe fn scaled_loop<T: Byte>(w: *const u8, scale: *const u8, out: *mut u8, n: usize) {
    // SAFETY: the caller promises `n` lanes behind all pointers, and that `out` is apart.
    let (w, scale, out) = unsafe {
        (
            std::slice::from_raw_parts(w.cast::<T>(), n),
            std::slice::from_raw_parts(scale.cast::<f32>(), n),
            std::slice::from_raw_parts_mut(out.cast::<f32>(), n),
        )
    };
    for ((o, &w), &scale) in out.iter_mut().zip(w).zip(scale) {
        *o = w.into() as f32 * scale;
    }
}

/// Safety: see [`Loop3`].
#[inline(always)]
unsafe fn shifted_loop<T: Byte>(w: *const u8, zero: *const u8, scale: *const u8, out: *mut u8, n: usize) {
    // SAFETY: as above.
    let (w, zero, scale, out) = unsafe {
        (
            std::slice::from_raw_parts(w.cast::<T>(), n),
            std::slice::from_raw_parts(zero.cast::<i32>(), n),
            std::slice::from_raw_parts(scale.cast::<f32>(), n),
            std::slice::from_raw_parts_mut(out.cast::<f32>(), n),
        )
    };
    for (((o, &w), &zero), &scale) in out.iter_mut().zip(w).zip(zero).zip(scale) {
        *o = w.into().wrapping_sub(zero) as f32 * scale;
    }
}
