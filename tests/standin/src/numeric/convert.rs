//! `cvt` between integers and floats.

use super::Rounding;
use super::integer::mask;

/// Rounds to an integer; ties of [`Rounding::Nearest`] go to even.
pub(crate) fn integral(value: f64, rounding: Rounding) -> f64 {
    match rounding {
        Rounding::Nearest => value.round_ties_even(),
        Rounding::Away => value.round(),
        Rounding::Zero => value.trunc(),
        Rounding::Down => value.floor(),
        Rounding::Up => value.ceil(),
    }
}

/// A float to an integer of `bits`: clamped; NaN becomes 0, or the top bit where a type of 64 bits takes part.
pub(crate) fn to_integer(value: f64, rounding: Rounding, bits: u32, signed: bool, from_bits: u32) -> u64 {
    if value.is_nan() {
        return if bits == 64 || from_bits == 64 { 1 << (bits - 1) } else { 0 };
    }
    let rounded = integral(value, rounding);
    let (low, high) = range(bits, signed);
    // Rust's conversion clamps to `i128`, which holds every range.
    clamp(rounded as i128, low, high) as u64 & mask(bits)
}

/// The numbers that a type holds.
pub(crate) fn range(bits: u32, signed: bool) -> (i128, i128) {
    match signed {
        true => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
        false => (0, (1i128 << bits) - 1),
    }
}

pub(crate) fn clamp(value: i128, low: i128, high: i128) -> i128 {
    value.max(low).min(high)
}

/// An integer to `f64`, rounded to odd, so that it can be rounded once more.
pub(crate) fn to_odd_float(value: i128) -> f64 {
    let magnitude = value.unsigned_abs();
    let length = 128 - magnitude.leading_zeros();
    let odd = match length {
        0..=53 => magnitude as f64,
        _ => {
            let dropped = length - 53;
            let sticky = u128::from(magnitude & ((1 << dropped) - 1) != 0);
            ((magnitude >> dropped | sticky) << dropped) as f64
        }
    };
    if value < 0 { -odd } else { odd }
}

/// An integer to `f64`, rounded.
pub(crate) fn to_double(value: i128, rounding: Rounding) -> f64 {
    let nearest = value as f64;
    let error = value - nearest as i128;
    match rounding {
        Rounding::Nearest | Rounding::Away => nearest,
        Rounding::Down if error < 0 => nearest.next_down(),
        Rounding::Up if error > 0 => nearest.next_up(),
        Rounding::Zero if error < 0 && value > 0 => nearest.next_down(),
        Rounding::Zero if error > 0 && value < 0 => nearest.next_up(),
        _ => nearest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::narrow::single;

    #[test]
    fn floats_clamp_to_integers() {
        assert_eq!(to_integer(300.0, Rounding::Zero, 8, false, 32), 255);
        assert_eq!(to_integer(-1.0, Rounding::Zero, 32, false, 32), 0);
        assert_eq!(to_integer(-1e30, Rounding::Zero, 32, true, 32), 0x8000_0000);
        assert_eq!(to_integer(f64::NAN, Rounding::Zero, 32, true, 32), 0);
        assert_eq!(to_integer(f64::NAN, Rounding::Zero, 64, true, 32), 1 << 63);
        assert_eq!(to_integer(1e30, Rounding::Zero, 64, false, 32), u64::MAX);
        assert_eq!(to_integer(2.5, Rounding::Nearest, 32, true, 32), 2);
        assert_eq!(to_integer(-2.5, Rounding::Down, 32, true, 32), -3i32 as u32 as u64);
    }

    #[test]
    fn integers_round_once() {
        // Just above a tie of f32, by a bit that f64 drops.
        let above_tie = (1i128 << 60) + (1 << 36) + 1;
        assert_eq!(single(to_odd_float(above_tie), Rounding::Nearest) as i128, (1 << 60) + (1 << 37));
        assert_eq!(single(to_odd_float(above_tie), Rounding::Zero) as i128, 1 << 60);
        assert_eq!(to_double((1 << 60) + 1, Rounding::Up) as i128, (1 << 60) + 256);
        assert_eq!(to_double(-(1 << 60) - 1, Rounding::Zero) as i128, -(1 << 60));
        for i in [0i64, 1, -1, i64::MAX, i64::MIN, 16_777_217] {
            assert_eq!(single(to_odd_float(i.into()), Rounding::Nearest), i as f32);
        }
    }
}
