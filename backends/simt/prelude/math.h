// Mathematical functions of scalars. f16 computes in f32 and rounds.
namespace wgsl {
#define WGSL_FLOAT1(NAME, F32, F64)                                       \
    WGSL_FN f32 NAME(f32 x) { return F32; }                               \
    WGSL_FN f64 NAME(f64 x) { return F64; }                               \
    WGSL_FN f16 NAME(f16 x) { return to_f16(NAME(to_f32(x))); }
#define WGSL_FLOAT2(NAME, F32, F64)                                       \
    WGSL_FN f32 NAME(f32 x, f32 y) { return F32; }                        \
    WGSL_FN f64 NAME(f64 x, f64 y) { return F64; }                        \
    WGSL_FN f16 NAME(f16 x, f16 y) { return to_f16(NAME(to_f32(x), to_f32(y))); }
#define WGSL_FLOAT3(NAME, F32, F64)                                       \
    WGSL_FN f32 NAME(f32 x, f32 y, f32 z) { return F32; }                 \
    WGSL_FN f64 NAME(f64 x, f64 y, f64 z) { return F64; }
#define WGSL_FLOAT3_HALF(NAME)                                            \
    WGSL_FN f16 NAME(f16 x, f16 y, f16 z) { return to_f16(NAME(to_f32(x), to_f32(y), to_f32(z))); }

WGSL_FLOAT1(abs, ::fabsf(x), ::fabs(x))
WGSL_FLOAT1(acos, ::acosf(x), ::acos(x))
WGSL_FLOAT1(acosh, ::acoshf(x), ::acosh(x))
WGSL_FLOAT1(asin, ::asinf(x), ::asin(x))
WGSL_FLOAT1(asinh, ::asinhf(x), ::asinh(x))
WGSL_FLOAT1(atan, ::atanf(x), ::atan(x))
WGSL_FLOAT1(atanh, ::atanhf(x), ::atanh(x))
WGSL_FLOAT1(ceil, ::ceilf(x), ::ceil(x))
WGSL_FLOAT1(cos, ::cosf(x), ::cos(x))
WGSL_FLOAT1(cosh, ::coshf(x), ::cosh(x))
WGSL_FLOAT1(degrees, x * 57.295779513082321f, x * 57.295779513082321)
WGSL_FLOAT1(exp, ::expf(x), ::exp(x))
WGSL_FLOAT1(exp2, ::exp2f(x), ::exp2(x))
WGSL_FLOAT1(floor, ::floorf(x), ::floor(x))
WGSL_FLOAT1(fract, x - ::floorf(x), x - ::floor(x))
WGSL_FLOAT1(inverse_sqrt, 1.0f / ::sqrtf(x), 1.0 / ::sqrt(x))
WGSL_FLOAT1(log, ::logf(x), ::log(x))
WGSL_FLOAT1(log2, ::log2f(x), ::log2(x))
WGSL_FLOAT1(radians, x * 0.017453292519943296f, x * 0.017453292519943296)
WGSL_FLOAT1(round, ::rintf(x), ::rint(x))
WGSL_FLOAT1(saturate, ::fminf(::fmaxf(x, 0.0f), 1.0f), ::fmin(::fmax(x, 0.0), 1.0))
WGSL_FLOAT1(sign, f32(x > 0.0f) - f32(x < 0.0f), f64(x > 0.0) - f64(x < 0.0))
WGSL_FLOAT1(sin, ::sinf(x), ::sin(x))
WGSL_FLOAT1(sinh, ::sinhf(x), ::sinh(x))
WGSL_FLOAT1(sqrt, ::sqrtf(x), ::sqrt(x))
WGSL_FLOAT1(tan, ::tanf(x), ::tan(x))
WGSL_FLOAT1(tanh, ::tanhf(x), ::tanh(x))
WGSL_FLOAT1(trunc, ::truncf(x), ::trunc(x))
WGSL_FLOAT2(atan2, ::atan2f(x, y), ::atan2(x, y))
WGSL_FLOAT2(min, ::fminf(x, y), ::fmin(x, y))
WGSL_FLOAT2(max, ::fmaxf(x, y), ::fmax(x, y))
WGSL_FLOAT2(pow, ::powf(x, y), ::pow(x, y))
WGSL_FLOAT2(step, x <= y ? 1.0f : 0.0f, x <= y ? 1.0 : 0.0)
WGSL_FLOAT3(clamp, ::fminf(::fmaxf(x, y), z), ::fmin(::fmax(x, y), z))
WGSL_FLOAT3_HALF(clamp)
WGSL_FLOAT3(fma, ::fmaf(x, y, z), ::fma(x, y, z))
WGSL_FLOAT3(mix, x * (1.0f - z) + y * z, x * (1.0 - z) + y * z)
WGSL_FLOAT3_HALF(mix)
WGSL_FN f32 smoothstep(f32 low, f32 high, f32 x) {
    const f32 t = saturate((x - low) / (high - low));
    return t * t * (3.0f - 2.0f * t);
}
WGSL_FN f64 smoothstep(f64 low, f64 high, f64 x) {
    const f64 t = saturate((x - low) / (high - low));
    return t * t * (3.0 - 2.0 * t);
}
WGSL_FLOAT3_HALF(smoothstep)

WGSL_FN f32 ldexp(f32 x, i32 e) { return ::ldexpf(x, e); }
WGSL_FN f64 ldexp(f64 x, i32 e) { return ::ldexp(x, e); }
WGSL_FN f16 ldexp(f16 x, i32 e) { return to_f16(::ldexpf(to_f32(x), e)); }
// The parts of frexp and of modf.
WGSL_FN f32 significand(f32 x) {
    int e;
    return ::frexpf(x, &e);
}
WGSL_FN f64 significand(f64 x) {
    int e;
    return ::frexp(x, &e);
}
WGSL_FN f16 significand(f16 x) { return to_f16(significand(to_f32(x))); }
WGSL_FN i32 exponent(f32 x) {
    int e;
    ::frexpf(x, &e);
    return e;
}
WGSL_FN i32 exponent(f64 x) {
    int e;
    ::frexp(x, &e);
    return e;
}
WGSL_FN i32 exponent(f16 x) { return exponent(to_f32(x)); }
template <class T> WGSL_FN scalar<T> fraction(T x) { return sub(x, trunc(x)); }

WGSL_FN bool is_nan(f32 x) { return (bits_of<u32>(x) & 0x7fffffffu) > 0x7f800000u; }
WGSL_FN bool is_nan(f64 x) { return (bits_of<u64>(x) & 0x7fffffffffffffffull) > 0x7ff0000000000000ull; }
WGSL_FN bool is_nan(f16 x) { return (bits_of<u16>(x) & 0x7fffu) > 0x7c00u; }
WGSL_FN bool is_inf(f32 x) { return (bits_of<u32>(x) & 0x7fffffffu) == 0x7f800000u; }
WGSL_FN bool is_inf(f64 x) { return (bits_of<u64>(x) & 0x7fffffffffffffffull) == 0x7ff0000000000000ull; }
WGSL_FN bool is_inf(f16 x) { return (bits_of<u16>(x) & 0x7fffu) == 0x7c00u; }
WGSL_FN f32 quantize_to_f16(f32 x) { return to_f32(to_f16(x)); }

WGSL_FN u32 count_one_bits(u32 x) { return u32(::__popc(x)); }
WGSL_FN u64 count_one_bits(u64 x) { return u64(::__popcll(x)); }
WGSL_FN u32 count_leading_zeros(u32 x) { return u32(::__clz(i32(x))); }
WGSL_FN u64 count_leading_zeros(u64 x) { return u64(::__clzll(i64(x))); }
WGSL_FN u32 reverse_bits(u32 x) { return ::__brev(x); }
WGSL_FN u64 reverse_bits(u64 x) { return ::__brevll(x); }
template <class T> WGSL_FN integer<T> count_trailing_zeros(T x) {
    return x == 0 ? T(8 * sizeof(T)) : T(8 * sizeof(T) - 1) - count_leading_zeros(T(x & (0 - x)));
}
template <class T> WGSL_FN integer<T> first_trailing_bit(T x) { return x == 0 ? T(-1) : count_trailing_zeros(x); }
template <class T> WGSL_FN integer<T> first_leading_bit(T x) { return T(8 * sizeof(T) - 1) - count_leading_zeros(x); }
#define WGSL_SIGNED_BITS(T, U)                                                              \
    WGSL_FN T count_one_bits(T x) { return T(count_one_bits(U(x))); }                       \
    WGSL_FN T count_leading_zeros(T x) { return T(count_leading_zeros(U(x))); }             \
    WGSL_FN T count_trailing_zeros(T x) { return T(count_trailing_zeros(U(x))); }           \
    WGSL_FN T reverse_bits(T x) { return T(reverse_bits(U(x))); }                           \
    WGSL_FN T first_trailing_bit(T x) { return T(first_trailing_bit(U(x))); }               \
    WGSL_FN T first_leading_bit(T x) { return T(first_leading_bit(U(x < 0 ? ~x : x))); }
WGSL_SIGNED_BITS(i32, u32)
WGSL_SIGNED_BITS(i64, u64)
template <class T> WGSL_FN integer<T> extract_bits(T x, u32 offset, u32 count) {
    const u32 bits = 8 * sizeof(T);
    const u32 o = offset < bits ? offset : bits;
    const u32 c = count < bits - o ? count : bits - o;
    return c == 0 ? T(0) : shr(shl(x, bits - o - c), bits - c);
}
template <class T> WGSL_FN integer<T> insert_bits(T x, T inserted, u32 offset, u32 count) {
    const u32 bits = 8 * sizeof(T);
    const u32 o = offset < bits ? offset : bits;
    const u32 c = count < bits - o ? count : bits - o;
    const T mask = c == 0 ? T(0) : shl(T(wrapping<T>(-1) >> (bits - c)), o);
    return T((x & ~mask) | (shl(inserted, o) & mask));
}
} // namespace wgsl
