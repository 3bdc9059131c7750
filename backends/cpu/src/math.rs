//! Elementary functions on `f32`, written without branches or calls so that loops over them vectorise.
//!
//! Polynomials are Chebyshev fits computed for this file; the errors in the comments are the largest seen over all (or, for functions of wide
//! domain, densely sampled) arguments by the tests below. One ulp is 2⁻²³ relative at worst.

const LN2_HI: f32 = 0.693_359_4; // 9 significant bits, so `n * LN2_HI` is exact for |n| < 2^15
const LN2_LO: f32 = -2.121_944_4e-4;

#[inline(always)]
fn polynomial<const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut sum = coefficients[N - 1];
    for i in (0..N - 1).rev() {
        sum = sum * x + coefficients[i];
    }
    sum
}

/// 2^n for -126 <= n <= 127; anything for other n.
#[inline(always)]
fn exp2i(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) << 23) as u32)
}

/// Adding it to |x| < 2^22 leaves the nearest integer in the low bits: rounding and conversion without a library call or a branch.
const MAGIC: f32 = 12_582_912.0; // 1.5 · 2^23

/// `e^x`, within 2 ulp; gradual underflow, infinity above 88.7, NaN kept.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let clamped = if x > 89.0 { 89.0 } else { x };
    let clamped = if clamped < -104.0 { -104.0 } else { clamped };
    let shifted = clamped * std::f32::consts::LOG2_E + MAGIC;
    let n = shifted - MAGIC;
    let r = (clamped - n * LN2_HI) - n * LN2_LO;
    let p =
        polynomial(r, [0.5, 0.166_666_67, 0.041_666_463, 0.008_333_311, 0.001_393_388_1, 0.000_198_912_47]);
    let y = r * r * p + r + 1.0;
    // Two factors, because 2^n alone may be below the smallest normal number or above the largest.
    let n = shifted.to_bits().wrapping_sub(MAGIC.to_bits()) as i32;
    let half = n >> 1;
    y * exp2i(half) * exp2i(n.wrapping_sub(half))
}

/// `e^x - 1`, within 3 ulp.
#[inline(always)]
pub(crate) fn expm1(x: f32) -> f32 {
    let s = x * x;
    let p = polynomial(
        x,
        [0.166_666_67, 0.041_666_668, 0.008_333_236, 0.001_388_879_2, 0.000_199_448_74, 0.000_024_905_148],
    );
    let near = x + (0.5 * s + s * x * p);
    let far = exp(x) - 1.0;
    if x.abs() < 0.5 { near } else { far }
}

/// `ln x`, within 2 ulp; -inf at 0, NaN below.
#[inline(always)]
pub(crate) fn log(x: f32) -> f32 {
    let subnormal = x < f32::MIN_POSITIVE;
    let scaled = if subnormal { x * 8_388_608.0 } else { x };
    let bits = scaled.to_bits();
    // Split so that the mantissa lies in [sqrt(1/2), sqrt(2)).
    let shifted = bits.wrapping_sub(0x3f35_04f3);
    let e = (shifted as i32) >> 23;
    let m = f32::from_bits((shifted & 0x007f_ffff).wrapping_add(0x3f35_04f3));
    let e = e as f32 - if subnormal { 23.0 } else { 0.0 };
    let f = m - 1.0;
    let p = polynomial(
        f,
        [
            0.333_333_3,
            -0.249_999_97,
            0.200_007_17,
            -0.166_678_07,
            0.142_490_07,
            -0.124_255_23,
            0.116_857_85,
            -0.114_812_12,
            0.069_725_186,
        ],
    );
    let s = f * f;
    let tail = s * f * p + e * LN2_LO;
    let y = (tail - 0.5 * s) + f + e * LN2_HI;
    let y = if x == 0.0 { f32::NEG_INFINITY } else { y };
    let y = if x < 0.0 { f32::NAN } else { y };
    if x < f32::INFINITY { y } else { x } // infinity and NaN
}

/// `ln(1 + x)`, within 3 ulp.
#[inline(always)]
pub(crate) fn log1p(x: f32) -> f32 {
    let u = 1.0 + x;
    // What rounding `1 + x` lost, to first order.
    let lost = if x.abs() < 1.0 { x - (u - 1.0) } else { 1.0 - (u - x) };
    let y = log(u) + lost / u;
    let y = if u == 1.0 { x } else { y };
    let y = if u == 0.0 { f32::NEG_INFINITY } else { y };
    if x < f32::INFINITY { y } else { x }
}

/// Hyperbolic tangent, within 3 ulp.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    let t = x.abs();
    let s = x * x;
    let p = polynomial(
        s,
        [-0.333_333_33, 0.133_333_13, -0.053_961_552, 0.021_788_322, -0.008_410_071, 0.002_370_765_6],
    );
    let near = x + x * (s * p);
    let far = 1.0 - 2.0 / (exp(2.0 * t) + 1.0);
    let far = far.copysign(x);
    if t < 0.6 { near } else { far }
}

/// The error function, within 3 ulp.
#[inline(always)]
pub(crate) fn erf(x: f32) -> f32 {
    let t = x.abs();
    let s = x * x;
    let p = polynomial(
        s,
        [
            0.128_379_17,
            -0.376_126_38,
            0.112_837_83,
            -0.026_865_43,
            0.005_221_031_8,
            -0.000_848_408_04,
            0.000_112_659_59,
            -0.000_009_667_045,
        ],
    );
    // The leading coefficient is 1 + 0.128…: adding `x` itself last keeps its bits.
    let near = x + x * p;
    // 1 - exp(ln erfc(t)), the logarithm around 2.5; beyond 4 the result rounds to 1.
    let u = if t < 4.0 { t } else { 4.0 } - 2.5;
    let q = polynomial(
        u,
        [
            7.806_815,
            5.352_680_7,
            0.943_893_7,
            0.010_858_542,
            -0.002_165_303_5,
            0.000_420_122_52,
            -0.000_077_291_38,
            0.000_013_315_014,
            -0.000_001_637_151_4,
        ],
    );
    let far = (1.0 - exp(-q)).copysign(x);
    let y = if t < 1.0 { near } else { far };
    if x.is_nan() { x } else { y }
}

/// Hyperbolic sine, within 4 ulp.
#[inline(always)]
pub(crate) fn sinh(x: f32) -> f32 {
    // e^t / 2 as (e^(t/2))² / 2 does not overflow before the result does.
    let t = x.abs();
    let e = expm1(t);
    let near = 0.5 * (e + e / (e + 1.0));
    let half = exp(0.5 * t);
    let far = (0.5 * half) * half;
    if t < 20.0 { near } else { far }.copysign(x)
}

/// Hyperbolic cosine, within 3 ulp.
#[inline(always)]
pub(crate) fn cosh(x: f32) -> f32 {
    let half = exp(0.5 * x.abs());
    let far = (0.5 * half) * half;
    far + 0.5 / (half * half)
}

#[cfg(test)]
mod tests {
    /// Largest error in ulp of the correctly rounded result, over every 1009th bit pattern of finite floats in the range.
    fn worst(f: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64, range: std::ops::Range<f32>) -> f64 {
        let mut worst = 0.0f64;
        for bits in (0..u32::MAX).step_by(1009) {
            let x = f32::from_bits(bits);
            if !range.contains(&x) {
                continue;
            }
            let expected = exact(x as f64);
            let rounded = expected as f32;
            if !rounded.is_finite() || rounded.abs() < f32::MIN_POSITIVE {
                assert!(
                    (f(x) as f64 - expected).abs() <= 4e-45 || f(x) == rounded,
                    "{x}: {} for {rounded}",
                    f(x)
                );
                continue;
            }
            let ulp = (f32::from_bits(rounded.to_bits() + 1) - rounded).abs() as f64;
            let error = (f(x) as f64 - expected).abs() / ulp;
            assert!(!error.is_nan(), "{x}");
            worst = worst.max(error);
        }
        worst
    }

    #[test]
    fn every_function_is_within_its_bound() {
        let all = f32::NEG_INFINITY..f32::INFINITY;
        type Case = (&'static str, fn(f32) -> f32, fn(f64) -> f64, std::ops::Range<f32>, f64);
        let cases: [Case; 9] = [
            ("exp", super::exp, f64::exp, all.clone(), 2.0),
            ("expm1", super::expm1, f64::exp_m1, all.clone(), 3.0),
            ("log", super::log, f64::ln, 0.0..f32::INFINITY, 2.0),
            ("log1p", super::log1p, f64::ln_1p, -1.0..f32::INFINITY, 3.0),
            ("tanh", super::tanh, f64::tanh, all.clone(), 3.0),
            ("erf", super::erf, erf64, -6.0..6.0, 3.0),
            ("sinh", super::sinh, f64::sinh, all.clone(), 4.0),
            ("cosh", super::cosh, f64::cosh, all.clone(), 3.0),
            ("log near 1", super::log, f64::ln, 0.9..1.1, 2.0),
        ];
        for (name, f, exact, range, bound) in cases {
            let found = worst(f, exact, range);
            assert!(found <= bound, "{name}: {found} ulp");
        }
    }

    #[test]
    fn special_values() {
        use super::*;
        for f in [exp, expm1, log, log1p, tanh, erf, sinh, cosh] {
            assert!(f(f32::NAN).is_nan());
        }
        assert_eq!(exp(f32::INFINITY), f32::INFINITY);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(log(0.0), f32::NEG_INFINITY);
        assert_eq!(log(f32::INFINITY), f32::INFINITY);
        assert!(log(-1.0).is_nan() && log1p(-2.0).is_nan());
        assert_eq!(log1p(-1.0), f32::NEG_INFINITY);
        assert_eq!((tanh(100.0), tanh(-100.0), tanh(f32::INFINITY)), (1.0, -1.0, 1.0));
        assert_eq!((erf(10.0), erf(f32::NEG_INFINITY)), (1.0, -1.0));
        assert_eq!(sinh(f32::NEG_INFINITY), f32::NEG_INFINITY);
    }

    /// The series for small arguments, a continued fraction for the rest; both to 1e-15.
    fn erf64(x: f64) -> f64 {
        let t = x.abs();
        let magnitude = if t < 3.0 {
            let (mut term, mut sum, mut n) = (t, t, 0.0);
            while term.abs() > 1e-18 * sum.abs() {
                n += 1.0;
                term *= -t * t / n;
                sum += term / (2.0 * n + 1.0);
            }
            sum * 2.0 / std::f64::consts::PI.sqrt()
        } else {
            let mut fraction = t;
            for n in (1..60).rev() {
                fraction = t + n as f64 / 2.0 / fraction;
            }
            1.0 - (-t * t).exp() / fraction / std::f64::consts::PI.sqrt()
        };
        magnitude.copysign(x)
    }
}
