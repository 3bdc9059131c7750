//! `f64` to the bits of narrower formats, in every rounding direction.

use super::Rounding;

/// A binary interchange format with infinities.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Format {
    pub(crate) fraction: u32,
    pub(crate) exponent: u32,
}

pub(crate) const F32: Format = Format { fraction: 23, exponent: 8 };
pub(crate) const F16: Format = Format { fraction: 10, exponent: 5 };
pub(crate) const BF16: Format = Format { fraction: 7, exponent: 8 };
pub(crate) const TF32: Format = Format { fraction: 10, exponent: 8 };
pub(crate) const E5M2: Format = Format { fraction: 2, exponent: 5 };

impl Format {
    fn infinity(self) -> u64 {
        ((1 << self.exponent) - 1) << self.fraction
    }

    /// PTX's canonical NaN: every bit but the sign.
    fn nan(self) -> u64 {
        (1 << (self.exponent + self.fraction)) - 1
    }
}

/// Magnitude bits, rounded, without a check for overflow.
fn magnitude(value: f64, fraction: u32, exponent: u32, rounding: Rounding) -> u64 {
    let bits = value.to_bits();
    let negative = value.is_sign_negative();
    let field = (bits >> 52 & 0x7ff) as i32;
    let mantissa = bits & ((1 << 52) - 1) | u64::from(field != 0) << 52;
    let power = field.max(1) - 1023;
    let bias = (1 << (exponent - 1)) - 1;
    let smallest = 1 - bias;
    let dropped = (power.max(smallest) - fraction as i32 - (power - 52)) as u32;
    let (kept, rest, half) = match dropped {
        0..=63 => (mantissa >> dropped, mantissa & ((1 << dropped) - 1), 1u64 << (dropped.max(1) - 1)),
        _ => (0, u64::from(mantissa != 0), 2),
    };
    let up = match rounding {
        Rounding::Nearest => rest > half || rest == half && kept & 1 == 1,
        Rounding::Away => rest >= half,
        Rounding::Zero => false,
        Rounding::Down => negative && rest != 0,
        Rounding::Up => !negative && rest != 0,
    };
    let kept = kept + u64::from(up);
    match power < smallest {
        true => kept,
        false => (((power + bias - 1) as u64) << fraction) + kept,
    }
}

/// The bits of `value` in `format`.
pub(crate) fn bits(value: f64, format: Format, rounding: Rounding) -> u64 {
    let sign = u64::from(value.is_sign_negative()) << (format.exponent + format.fraction);
    if value.is_nan() {
        return format.nan();
    }
    if value.is_infinite() {
        return sign | format.infinity();
    }
    let found = magnitude(value, format.fraction, format.exponent, rounding);
    let stays_finite = match rounding {
        Rounding::Nearest | Rounding::Away => false,
        Rounding::Zero => true,
        Rounding::Down => sign == 0,
        Rounding::Up => sign != 0,
    };
    match found >= format.infinity() {
        true if stays_finite => sign | (format.infinity() - 1),
        true => sign | format.infinity(),
        false => sign | found,
    }
}

/// `f32`, rounded.
pub(crate) fn single(value: f64, rounding: Rounding) -> f32 {
    match rounding {
        Rounding::Nearest => value as f32,
        _ => f32::from_bits(bits(value, F32, rounding) as u32),
    }
}

/// `.rn.satfinite.e4m3x2`: an element without infinities; what is too large becomes the largest number.
pub(crate) fn e4m3(value: f64) -> u64 {
    let sign = u64::from(value.is_sign_negative()) << 7;
    if value.is_nan() {
        return 0x7f;
    }
    if value.is_infinite() {
        return sign | 0x7e;
    }
    sign | magnitude(value, 3, 4, Rounding::Nearest).min(0x7e)
}

/// `.rn.satfinite.e5m2x2`.
pub(crate) fn e5m2(value: f64) -> u64 {
    let found = bits(value, E5M2, Rounding::Nearest);
    if value.is_nan() { 0x7f } else { found & 0x80 | (found & 0x7f).min(0x7b) }
}

/// The value of a small float's bits.
pub(crate) fn widen(bits: u64, fraction: u32, exponent: u32, has_infinity: bool) -> f64 {
    let field = bits >> fraction & ((1 << exponent) - 1);
    let mantissa = bits & ((1 << fraction) - 1);
    let negative = bits >> (fraction + exponent) & 1 == 1;
    let bias = (1i32 << (exponent - 1)) - 1;
    let largest = (1 << exponent) - 1;
    let unsigned = match (field, mantissa) {
        (f, 0) if f == largest && has_infinity => f64::INFINITY,
        (f, m) if f == largest && (has_infinity || m == (1 << fraction) - 1) => f64::NAN,
        (0, m) => m as f64 * 2f64.powi(1 - bias - fraction as i32),
        (f, m) => ((1 << fraction) + m) as f64 * 2f64.powi(f as i32 - bias - fraction as i32),
    };
    if negative { -unsigned } else { unsigned }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::half::f16;

    #[test]
    fn every_half_survives_and_nearest_agrees_with_the_half_crate() {
        for i in 0..=u16::MAX {
            let value = f16::from_bits(i).to_f64();
            if value.is_nan() {
                continue;
            }
            assert_eq!(bits(value, F16, Rounding::Nearest), u64::from(i));
            assert_eq!(widen(u64::from(i), 10, 5, true).to_bits(), value.to_bits());
            // Between this one and the next.
            for weight in [0.25, 0.5, 0.75] {
                let next = f16::from_bits(i.wrapping_add(1)).to_f64();
                let between = value + (next - value) * weight;
                if between.is_finite() {
                    assert_eq!(
                        bits(between, F16, Rounding::Nearest),
                        u64::from(f16::from_f64(between).to_bits())
                    );
                }
            }
        }
    }

    #[test]
    fn directions_at_the_edges() {
        let max = 65504.0;
        assert_eq!(bits(65520.0, F16, Rounding::Nearest), 0x7c00);
        assert_eq!(bits(65519.9, F16, Rounding::Nearest), 0x7bff);
        assert_eq!(bits(1e9, F16, Rounding::Zero), 0x7bff);
        assert_eq!(bits(1e9, F16, Rounding::Up), 0x7c00);
        assert_eq!(bits(-1e9, F16, Rounding::Up), 0xfbff);
        assert_eq!(bits(max, F16, Rounding::Up), 0x7bff);
        assert_eq!(bits(1e-30, F16, Rounding::Up), 1);
        assert_eq!(bits(1e-30, F16, Rounding::Nearest), 0);
        assert_eq!(bits(-1e-30, F16, Rounding::Nearest), 0x8000);
        assert_eq!(bits(-1e-30, F16, Rounding::Down), 0x8001);
        assert_eq!(bits(f64::NAN, BF16, Rounding::Nearest), 0x7fff);
        assert_eq!(bits(1.0 + 2f64.powi(-11), TF32, Rounding::Away) << 13, 0x3f80_2000);
    }

    #[test]
    fn eight_bit_floats() {
        assert_eq!(e4m3(448.0), 0x7e);
        assert_eq!(e4m3(1e6), 0x7e);
        assert_eq!(e4m3(-1e6), 0xfe);
        assert_eq!(e4m3(1.0), 0x38);
        assert_eq!(e4m3(2f64.powi(-9)), 1);
        assert_eq!(e5m2(57344.0), 0x7b);
        assert_eq!(e5m2(1e9), 0x7b);
        assert_eq!(e5m2(1.0), 0x3c);
        for i in 0..=0xffu64 {
            let (a, b) = (widen(i, 3, 4, false), widen(i, 2, 5, true));
            assert!(a.is_nan() || e4m3(a) == i, "{i:#x}");
            assert!(!b.is_finite() || e5m2(b) == i, "{i:#x}");
        }
    }
}
