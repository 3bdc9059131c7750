//! Loops over blocks of registers: one function per instruction and type, found once when a program is compiled.
//!
//! Registers hold *lanes*: `f32` for `F16`, `BF16` and `F32`, a byte that is 0 or 1 for `Bool`, and otherwise the type itself.

mod binary;
mod cast;
mod compare;
mod dequantise;
mod fold;
mod unary;

pub(crate) use binary::binary;
pub(crate) use cast::{cast, load, store};
pub(crate) use compare::{compare, select};
pub(crate) use dequantise::{scaled, shifted};
pub(crate) use fold::{FoldLoops, Number, Total, fold};
pub(crate) use unary::unary;

use crate::simd::multiversion;
use hadal_graph::{DType, Scalar};

/// `out[i] = f(a[i])` for `i < n`. Safety: `a` and `out` are aligned, initialised, hold `n` lanes of the function's types and do not overlap.
pub(crate) type Loop1 = unsafe fn(*const u8, *mut u8, usize);
/// `out[i] = f(a[i], b[i])` for `i < n`. Safety: as [`Loop1`]; `a` and `b` may overlap each other.
pub(crate) type Loop2 = unsafe fn(*const u8, *const u8, *mut u8, usize);
/// `out[i] = if c[i] { a[i] } else { b[i] }`. Safety: as [`Loop2`].
pub(crate) type Loop3 = unsafe fn(*const u8, *const u8, *const u8, *mut u8, usize);

/// The dtype that registers of `dtype` are held in.
pub(crate) fn lane(dtype: DType) -> DType {
    dtype.accumulator()
}

/// The lane of a scalar as the low bytes of a word.
pub(crate) fn lane_bits(value: Scalar, dtype: DType) -> [u8; 8] {
    let mut word = [0u8; 8];
    let mut put = |bytes: &[u8]| word[..bytes.len()].copy_from_slice(bytes);
    match dtype {
        DType::Bool => put(&[(value.to_f64() != 0.0) as u8]),
        DType::F64 => put(&value.to_f64().to_ne_bytes()),
        d if d.is_float() => put(&(d.round(value.to_f64()) as f32).to_ne_bytes()),
        d => put(&(d.wrap(value.to_i128()) as i64).to_le_bytes()[..d.size()]),
    }
    word
}

/// A function of one lane.
pub(crate) trait Map1 {
    type In: Copy;
    type Out: Copy;
    fn apply(x: Self::In) -> Self::Out;
}

/// A function of two lanes.
pub(crate) trait Map2 {
    type In: Copy;
    type Out: Copy;
    fn apply(a: Self::In, b: Self::In) -> Self::Out;
}

/// Safety: see [`Loop1`].
#[inline(always)]
unsafe fn loop1<F: Map1>(a: *const u8, out: *mut u8, n: usize) {
    // SAFETY: the caller promises `n` lanes behind both pointers, and that they are apart.
    let (a, out) = unsafe {
        (
            std::slice::from_raw_parts(a.cast::<F::In>(), n),
            std::slice::from_raw_parts_mut(out.cast::<F::Out>(), n),
        )
    };
    for (o, &x) in out.iter_mut().zip(a) {
        *o = F::apply(x);
    }
}

/// Safety: see [`Loop2`].
#[inline(always)]
unsafe fn loop2<F: Map2>(a: *const u8, b: *const u8, out: *mut u8, n: usize) {
    // SAFETY: the caller promises `n` lanes behind all pointers, and that `out` is apart.
    let (a, b, out) = unsafe {
        (
            std::slice::from_raw_parts(a.cast::<F::In>(), n),
            std::slice::from_raw_parts(b.cast::<F::In>(), n),
            std::slice::from_raw_parts_mut(out.cast::<F::Out>(), n),
        )
    };
    for ((o, &x), &y) in out.iter_mut().zip(a).zip(b) {
        *o = F::apply(x, y);
    }
}

multiversion!(loop1<F: Map1>(a: *const u8, out: *mut u8, n: usize) as pick1);
multiversion!(loop2<F: Map2>(a: *const u8, b: *const u8, out: *mut u8, n: usize) as pick2);

/// A [`Loop1`] from an expression.
macro_rules! map1 {
    ($in:ty => $out:ty, |$x:ident| $e:expr) => {{
        struct F;
        impl $crate::ops::Map1 for F {
            type In = $in;
            type Out = $out;
            #[inline(always)]
            fn apply($x: $in) -> $out {
                $e
            }
        }
        $crate::ops::pick1::<F>()
    }};
}
pub(crate) use map1;

/// A [`Loop2`] from an expression.
macro_rules! map2 {
    ($in:ty => $out:ty, |$a:ident, $b:ident| $e:expr) => {{
        struct F;
        impl $crate::ops::Map2 for F {
            type In = $in;
            type Out = $out;
            #[inline(always)]
            fn apply($a: $in, $b: $in) -> $out {
                $e
            }
        }
        $crate::ops::pick2::<F>()
    }};
}
pub(crate) use map2;

/// Evaluates an expression with `$T` set to the lane type of a dtype.
macro_rules! with_lane {
    ($dtype:expr, $T:ident => $e:expr) => {
        match $dtype {
            hadal_graph::DType::Bool | hadal_graph::DType::U8 => {
                type $T = u8;
                $e
            }
            hadal_graph::DType::I8 => {
                type $T = i8;
                $e
            }
            hadal_graph::DType::I16 => {
                type $T = i16;
                $e
            }
            hadal_graph::DType::I32 => {
                type $T = i32;
                $e
            }
            hadal_graph::DType::I64 => {
                type $T = i64;
                $e
            }
            hadal_graph::DType::U16 => {
                type $T = u16;
                $e
            }
            hadal_graph::DType::U32 => {
                type $T = u32;
                $e
            }
            hadal_graph::DType::U64 => {
                type $T = u64;
                $e
            }
            hadal_graph::DType::F16 | hadal_graph::DType::BF16 | hadal_graph::DType::F32 => {
                type $T = f32;
                $e
            }
            hadal_graph::DType::F64 => {
                type $T = f64;
                $e
            }
        }
    };
}
pub(crate) use with_lane;
