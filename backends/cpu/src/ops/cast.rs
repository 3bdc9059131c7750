//! Conversions: between lanes, from memory to lanes, and back.

use super::{Loop1, map1, with_lane};
use hadal_graph::DType;
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

/// The loop that converts lanes of `from` to lanes of `to`. Rust's `as` truncates, saturates and wraps as
/// [`Instr::Cast`](hadal_graph::program::Instr::Cast) asks.
pub(crate) fn cast(from: DType, to: DType) -> Loop1 {
    match (super::lane(from), to) {
        (DType::F32, DType::BF16) => {
            return map1!(f32 => f32, |x| f32::from_bits((round_bf16(x) as u32) << 16));
        }
        (DType::F32, DType::F16) => return round_f16,
        _ => {}
    }
    with_lane!(from, S => match to {
        DType::Bool => map1!(S => u8, |x| (x != (0 as S)) as u8),
        DType::U8 => map1!(S => u8, |x| x as u8),
        DType::I8 => map1!(S => i8, |x| x as i8),
        DType::I16 => map1!(S => i16, |x| x as i16),
        DType::I32 => map1!(S => i32, |x| x as i32),
        DType::I64 => map1!(S => i64, |x| x as i64),
        DType::U16 => map1!(S => u16, |x| x as u16),
        DType::U32 => map1!(S => u32, |x| x as u32),
        DType::U64 => map1!(S => u64, |x| x as u64),
        DType::F32 => map1!(S => f32, |x| x as f32),
        DType::F64 => map1!(S => f64, |x| x as f64),
        DType::F16 => map1!(S => f32, |x| f16::from_f64(x as f64).to_f32()),
        DType::BF16 => map1!(S => f32, |x| bf16::from_f64(x as f64).to_f32()),
    })
}

/// The loop that reads contiguous elements of `dtype` into lanes.
pub(crate) fn load(dtype: DType) -> Loop1 {
    match dtype {
        DType::F16 => load_f16,
        DType::BF16 => map1!(u16 => f32, |x| f32::from_bits((x as u32) << 16)),
        _ => with_lane!(dtype, T => copy::<T>),
    }
}

/// The loop that writes lanes to contiguous elements of `dtype`, rounding.
pub(crate) fn store(dtype: DType) -> Loop1 {
    match dtype {
        DType::F16 => store_f16,
        DType::BF16 => map1!(f32 => u16, |x| round_bf16(x)),
        _ => with_lane!(dtype, T => copy::<T>),
    }
}

#[inline(always)]
fn round_bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
    let quiet = (bits >> 16) | 0x40;
    if x.is_nan() { quiet as u16 } else { rounded as u16 }
}

/// Safety: see [`Loop1`].
unsafe fn copy<T: Copy>(a: *const u8, out: *mut u8, n: usize) {
    // SAFETY: the caller promises `n` lanes behind both pointers, and that they are apart.
    unsafe { std::ptr::copy_nonoverlapping(a.cast::<T>(), out.cast::<T>(), n) }
}

/// Safety: see [`Loop1`].
unsafe fn load_f16(a: *const u8, out: *mut u8, n: usize) {
    // SAFETY: the caller promises `n` elements behind both pointers, and that they are apart.
    let (a, out) = unsafe {
        (std::slice::from_raw_parts(a.cast::<f16>(), n), std::slice::from_raw_parts_mut(out.cast::<f32>(), n))
    };
    a.convert_to_f32_slice(out);
}

/// Safety: see [`Loop1`].
unsafe fn round_f16(a: *const u8, out: *mut u8, n: usize) {
    let mut halves = [f16::ZERO; 64];
    for at in (0..n).step_by(halves.len()) {
        let count = halves.len().min(n - at);
        let temporary = halves.as_mut_ptr().cast::<u8>();
        // SAFETY: the caller's promise; the temporary holds `count` elements.
        unsafe {
            store_f16(a.add(4 * at), temporary, count);
            load_f16(temporary, out.add(4 * at), count);
        }
    }
}

/// Safety: see [`Loop1`].
unsafe fn store_f16(a: *const u8, out: *mut u8, n: usize) {
    // SAFETY: the caller promises `n` elements behind both pointers, and that they are apart.
    let (a, out) = unsafe {
        (std::slice::from_raw_parts(a.cast::<f32>(), n), std::slice::from_raw_parts_mut(out.cast::<f16>(), n))
    };
    out.convert_from_f32_slice(a);
}
