// Functions on f32 that WGSL lacks, or has with too little precision.
//
// A compiler may assume that NaN and infinity do not occur, so both are recognised by their bits and made from them.

fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

fn is_inf(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u;
}

// A variable keeps compilers from evaluating, and rejecting, the constant.
fn float_from_bits(bits: u32) -> f32 {
    var pattern = bits;
    return bitcast<f32>(pattern);
}

fn nan() -> f32 {
    return float_from_bits(0x7fc00000u);
}

fn infinity() -> f32 {
    return float_from_bits(0x7f800000u);
}

fn copy_sign(magnitude: f32, sign: f32) -> f32 {
    return bitcast<f32>((bitcast<u32>(magnitude) & 0x7fffffffu) | (bitcast<u32>(sign) & 0x80000000u));
}

fn max_f32(a: f32, b: f32) -> f32 {
    return select(select(max(a, b), b, is_nan(b)), a, is_nan(a));
}

fn min_f32(a: f32, b: f32) -> f32 {
    return select(select(min(a, b), b, is_nan(b)), a, is_nan(a));
}

fn sign_f32(x: f32) -> f32 {
    return select(sign(x), x, is_nan(x));
}

// For |x| < 0.5 the series of e^x without its first term, so that nothing cancels.
fn expm1(x: f32) -> f32 {
    if abs(x) < 0.5 {
        return x * (1.0 + x * (0.5 + x * (0.16666667 + x * (0.041666668
            + x * (0.008333334 + x * (0.001388889 + x * (1.9841270e-4 + x * 2.4801588e-5)))))));
    }
    return exp(x) - 1.0;
}

// For |x| < 0.4, 2·atanh(x / (2 + x)), so that nothing cancels.
fn log1p(x: f32) -> f32 {
    if abs(x) < 0.4 {
        let s = x / (2.0 + x);
        let z = s * s;
        return 2.0 * s * (1.0 + z * (0.33333334 + z * (0.2 + z * (0.14285715 + z * (0.11111111 + z * 0.09090909)))));
    }
    return log(1.0 + x);
}

// Some drivers compute tanh from two exponentials that overflow.
fn tanh_f32(x: f32) -> f32 {
    if is_nan(x) {
        return x;
    }
    let e = expm1(2.0 * clamp(x, -10.0, 10.0));
    return e / (e + 2.0);
}

fn sinh_f32(x: f32) -> f32 {
    let a = abs(x);
    if a > 20.0 {
        let h = exp(0.5 * a);
        return copy_sign(0.5 * h * h, x);
    }
    let e = expm1(a);
    return copy_sign(0.5 * (e + e / (e + 1.0)), x);
}

fn cosh_f32(x: f32) -> f32 {
    let h = exp(0.5 * abs(x));
    return 0.5 * h * h + 0.5 / h / h;
}

fn asinh_f32(x: f32) -> f32 {
    let a = abs(x);
    if a > 1e9 {
        return copy_sign(log(a) + 0.6931472, x);
    }
    return copy_sign(log1p(a + a * a / (1.0 + sqrt(a * a + 1.0))), x);
}

fn acosh_f32(x: f32) -> f32 {
    if !(x >= 1.0) {
        return nan();
    }
    if x > 1e9 {
        return log(x) + 0.6931472;
    }
    let t = x - 1.0;
    return log1p(t + sqrt(2.0 * t + t * t));
}

fn atanh_f32(x: f32) -> f32 {
    let a = abs(x);
    if !(a <= 1.0) {
        return nan();
    }
    if a == 1.0 {
        return copy_sign(infinity(), x);
    }
    return copy_sign(0.5 * log1p(2.0 * a / (1.0 - a)), x);
}

// Arc tangent of 0 <= q <= 1.
fn atan_unit(q: f32) -> f32 {
    let far = q > 0.41421357;
    let t = select(q, (q - 1.0) / (q + 1.0), far);
    let z = t * t;
    let series = t * (1.0 + z * (-0.33333308 + z * (0.1999821 + z * (-0.14239964 + z * (0.10572672 + z * -0.06032873)))));
    return series + select(0.0, 0.7853982, far);
}

fn atan_f32(x: f32) -> f32 {
    if is_nan(x) {
        return x;
    }
    let a = abs(x);
    if a > 1.0 {
        return copy_sign(1.5707964 - atan_unit(1.0 / a), x);
    }
    return copy_sign(atan_unit(a), x);
}

fn atan2_f32(y: f32, x: f32) -> f32 {
    if is_nan(y) || is_nan(x) {
        return nan();
    }
    let ax = abs(x);
    let ay = abs(y);
    let large = max(ax, ay);
    var q = select(min(ax, ay) / large, 1.0, ax == ay);
    q = select(q, 0.0, large == 0.0);
    var angle = atan_unit(q);
    angle = select(angle, 1.5707964 - angle, ay > ax);
    angle = select(angle, 3.1415927 - angle, (bitcast<u32>(x) >> 31u) == 1u);
    return copy_sign(angle, y);
}

fn asin_f32(x: f32) -> f32 {
    let a = abs(x);
    if !(a <= 1.0) {
        return nan();
    }
    let far = a > 0.5;
    let z = select(a * a, 0.5 * (1.0 - a), far);
    let t = select(a, sqrt(z), far);
    let series = t + t * z * (0.16666657 + z * (0.075005915 + z * (0.04450524 + z * (0.031884143
        + z * (0.014198828 + z * 0.03780636)))));
    return copy_sign(select(series, 1.5707964 - 2.0 * series, far), x);
}

fn acos_f32(x: f32) -> f32 {
    let a = abs(x);
    if !(a <= 1.0) {
        return nan();
    }
    if a > 0.5 {
        let near = 2.0 * asin_f32(sqrt(0.5 * (1.0 - a)));
        return select(near, 3.1415927 - near, x < 0.0);
    }
    return 1.5707964 - asin_f32(x);
}

// Reduces an angle to [-π/4, π/4] around the nearest multiple of π/2; x is the rest and y the quadrant. π/2 is taken in three parts.
fn reduce_angle(x: f32) -> vec2<f32> {
    let n = round(x * 0.63661975);
    let r = ((x - n * 1.5703125) - n * 4.8351288e-4) - n * 3.1385579e-7 - n * 6.0771005e-11;
    return vec2<f32>(r, n - 4.0 * floor(n * 0.25));
}

fn sin_of_rest(r: f32) -> f32 {
    let z = r * r;
    return r + r * z * (-0.16666667 + z * (0.008333334 + z * (-1.9841270e-4 + z * 2.7557319e-6)));
}

fn cos_of_rest(r: f32) -> f32 {
    let z = r * r;
    return 1.0 + z * (-0.5 + z * (0.041666668 + z * (-0.001388889 + z * (2.4801588e-5 - z * 2.7557319e-7))));
}

fn sin_f32(x: f32) -> f32 {
    if !(abs(x) <= 1e30) {
        return nan();
    }
    let a = reduce_angle(x);
    let odd = a.y == 1.0 || a.y == 3.0;
    let value = select(sin_of_rest(a.x), cos_of_rest(a.x), odd);
    return select(value, -value, a.y >= 2.0);
}

fn cos_f32(x: f32) -> f32 {
    if !(abs(x) <= 1e30) {
        return nan();
    }
    let a = reduce_angle(x);
    let odd = a.y == 1.0 || a.y == 3.0;
    let value = select(cos_of_rest(a.x), sin_of_rest(a.x), odd);
    return select(value, -value, a.y == 1.0 || a.y == 2.0);
}

fn tan_f32(x: f32) -> f32 {
    return sin_f32(x) / cos_f32(x);
}

// Below 1 a polynomial in x², above it 1 - e^p(x) with p fitted to ln(erfc(x)).
fn erf(x: f32) -> f32 {
    let a = abs(x);
    if is_nan(x) {
        return x;
    }
    if a < 1.0 {
        let z = x * x;
        return x * (1.1283792 + z * (-0.3761264 + z * (0.11283783 + z * (-0.026865438 + z * (0.0052210534
            + z * (-8.4843965e-4 + z * (1.1268254e-4 + z * -9.6735904e-6)))))));
    }
    let t = min(a, 4.0);
    let p = 3.9389343e-4 + t * (-1.1305763 + t * (-0.6311406 + t * (-0.1108535 + t * (0.026964348
        + t * (-0.0050061584 + t * (6.6923605e-4 + t * (-5.9358829e-5 + t * (3.0250407e-6 + t * -6.2808002e-8))))))));
    return copy_sign(select(1.0 - exp(p), 1.0, a >= 4.0), x);
}

// C `pow`. Small integer exponents multiply, which is exact where the result is.
fn pow_f32(x: f32, y: f32) -> f32 {
    if y == 0.0 || x == 1.0 {
        return 1.0;
    }
    if is_nan(x) || is_nan(y) {
        return nan();
    }
    let a = abs(x);
    let integral = floor(y) == y;
    let odd = integral && abs(y) < 16777216.0 && floor(y * 0.5) * 2.0 != y;
    let negative = (bitcast<u32>(x) >> 31u) == 1u && odd;
    if is_inf(y) {
        if a == 1.0 {
            return 1.0;
        }
        return select(0.0, infinity(), (a > 1.0) == (y > 0.0));
    }
    if a == 0.0 || is_inf(x) {
        let magnitude = select(0.0, infinity(), (a == 0.0) == (y < 0.0));
        return select(magnitude, -magnitude, negative);
    }
    if x < 0.0 && !integral {
        return nan();
    }
    if y == 0.5 {
        return sqrt(a);
    }
    if integral && abs(y) <= 64.0 {
        var exponent = u32(abs(y));
        var base = a;
        var product = 1.0;
        while exponent != 0u {
            if (exponent & 1u) == 1u {
                product *= base;
            }
            base *= base;
            exponent >>= 1u;
        }
        let magnitude = select(product, 1.0 / product, y < 0.0);
        return select(magnitude, -magnitude, negative);
    }
    let magnitude = pow_positive(a, y);
    return select(magnitude, -magnitude, negative);
}

// x^y for finite x > 0: log2 of the mantissa by series, so that the exponent's part stays exact.
fn pow_positive(x: f32, y: f32) -> f32 {
    let parts = frexp(x);
    var m = parts.fract;
    var e = f32(parts.exp);
    if m < 0.70710677 {
        m *= 2.0;
        e -= 1.0;
    }
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let l = s * (2.885390 + z * (0.96179669 + z * (0.57707802 + z * (0.41219858 + z * (0.32059890 + z * 0.26230819)))));
    // y·e in two parts: the upper half of y times a small integer is exact.
    let upper = bitcast<f32>(bitcast<u32>(y) & 0xfffff000u);
    let lower = y - upper;
    let exact = upper * e;
    let whole = round(exact);
    let rest = (exact - whole) + lower * e + y * l;
    let shift = round(rest);
    let total = whole + shift;
    if total > 130.0 {
        return infinity();
    }
    if total < -160.0 {
        return 0.0;
    }
    let half_total = floor(total * 0.5);
    return exp2(rest - shift) * exp2(half_total) * exp2(total - half_total);
}

// C `fmod`: exact, by long division of the mantissas.
fn fmod_f32(a: f32, b: f32) -> f32 {
    let ua = bitcast<u32>(a) & 0x7fffffffu;
    let ub = bitcast<u32>(b) & 0x7fffffffu;
    if ua >= 0x7f800000u || ub > 0x7f800000u || ub == 0u {
        return nan();
    }
    if ua < ub {
        return a;
    }
    let first_a = max(ua >> 23u, 1u);
    let first_b = max(ub >> 23u, 1u);
    var m = select(ua & 0x7fffffu, (ua & 0x7fffffu) | 0x800000u, (ua >> 23u) != 0u);
    let divisor = select(ub & 0x7fffffu, (ub & 0x7fffffu) | 0x800000u, (ub >> 23u) != 0u);
    for (var e = first_a; e > first_b; e--) {
        if m >= divisor {
            m -= divisor;
        }
        m <<= 1u;
    }
    if m >= divisor {
        m -= divisor;
    }
    // m · 2^(first_b - 150), in two exact steps so that neither factor is denormal.
    var bits = 0u;
    if m != 0u {
        let width = 31u - countLeadingZeros(m);
        let lift = min(23u - width, first_b - 1u);
        m <<= lift;
        let exponent = first_b - lift;
        bits = select(m, (m & 0x7fffffu) | (exponent << 23u), m >= 0x800000u);
    }
    return bitcast<f32>(bits | (bitcast<u32>(a) & 0x80000000u));
}

// The nearest bfloat16, ties to even.
fn round_bf16(x: f32) -> f32 {
    let bits = bitcast<u32>(x);
    let rounded = bitcast<f32>((bits + 0x7fffu + ((bits >> 16u) & 1u)) & 0xffff0000u);
    return select(rounded, x, is_nan(x));
}

// The nearest binary16, ties to even.
fn round_f16(x: f32) -> f32 {
    let bits = bitcast<u32>(x);
    let magnitude = bits & 0x7fffffffu;
    if magnitude > 0x7f800000u {
        return x;
    }
    if magnitude >= 0x477ff000u {
        return copy_sign(infinity(), x);
    }
    if magnitude < 0x38800000u {
        return copy_sign(round(x * 16777216.0) * 5.9604645e-8, x);
    }
    return bitcast<f32>((bits + 0xfffu + ((bits >> 13u) & 1u)) & 0xffffe000u);
}

// Keys whose unsigned order is the order of the floats, with NaN above everything.
fn key_for_max(x: f32) -> u32 {
    let bits = bitcast<u32>(x);
    let key = bits ^ select(0x80000000u, 0xffffffffu, (bits >> 31u) == 1u);
    return select(key, 0xffc00000u, is_nan(x));
}

// The same order with NaN below everything.
fn key_for_min(x: f32) -> u32 {
    return select(key_for_max(x), 0u, is_nan(x));
}

fn float_from_key(key: u32) -> f32 {
    return bitcast<f32>(key ^ select(0xffffffffu, 0x80000000u, (key >> 31u) == 1u));
}
