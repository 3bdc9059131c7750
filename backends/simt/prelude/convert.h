// Conversions between scalars. Floats are brought into the range that both types hold, then truncated; NaN becomes 0.
namespace wgsl {
WGSL_FLOAT_OPERATORS(f16)
WGSL_FN f16 rem(f16 a, f16 b) { return a - b * to_f16(::truncf(to_f32(a / b))); }

template <class To> struct convert_to {
    template <class From> static WGSL_FN To of(From x) { return To(x); }
    static WGSL_FN To of(f16 x) { return To(to_f32(x)); }
};
template <> struct convert_to<bool> {
    template <class From> static WGSL_FN bool of(From x) { return x != From(0); }
    static WGSL_FN bool of(f16 x) { return to_f32(x) != 0.0f; }
};
template <> struct convert_to<f16> {
    template <class From> static WGSL_FN f16 of(From x) { return to_f16(f32(x)); }
    static WGSL_FN f16 of(f64 x) { return to_f16(x); }
    static WGSL_FN f16 of(f16 x) { return x; }
};
#define WGSL_SATURATING(T, LOW, HIGH32, HIGH64)                                                                     \
    template <> struct convert_to<T> {                                                                              \
        template <class From> static WGSL_FN T of(From x) { return T(x); }                                          \
        static WGSL_FN T of(f32 x) { return x == x ? T(::fminf(::fmaxf(x, LOW##f), HIGH32##f)) : T(0); }            \
        static WGSL_FN T of(f64 x) { return x == x ? T(::fmin(::fmax(x, LOW), HIGH64)) : T(0); }                    \
        static WGSL_FN T of(f16 x) { return of(::fminf(::fmaxf(to_f32(x), -65504.0f), 65504.0f), x); }              \
        static WGSL_FN T of(f32 x, f16 given) { return given == given ? of(x) : T(0); }                             \
    };
WGSL_SATURATING(i16, -32768.0, 32767.0, 32767.0)
WGSL_SATURATING(u16, 0.0, 65535.0, 65535.0)
WGSL_SATURATING(i32, -2147483648.0, 2147483520.0, 2147483647.0)
WGSL_SATURATING(u32, 0.0, 4294967040.0, 4294967295.0)
WGSL_SATURATING(i64, -9223372036854775808.0, 9223371487098961920.0, 9223372036854774784.0)
WGSL_SATURATING(u64, 0.0, 18446742974197923840.0, 18446744073709549568.0)

template <class To, class From> WGSL_FN To convert(From x) { return convert_to<To>::of(x); }
template <class To, class From> WGSL_FN To bitcast(From x) { return bits_of<To>(x); }
} // namespace wgsl
