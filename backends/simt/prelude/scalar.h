// Scalars of WGSL and the arithmetic in which WGSL and C++ differ: integers wrap, division by zero is defined, shift amounts are
// masked, floats that do not fit an integer saturate.
#define WGSL_FN __device__ __forceinline__
namespace wgsl {
typedef unsigned char u8;
typedef short i16;
typedef unsigned short u16;
typedef int i32;
typedef unsigned int u32;
typedef long long i64;
typedef unsigned long long u64;
typedef float f32;
typedef double f64;

// The same bits as another type.
template <class To, class From> WGSL_FN To bits_of(From x) {
    static_assert(sizeof(To) == sizeof(From), "a bitcast keeps the size");
    union {
        From from;
        To to;
    } u;
    u.from = x;
    return u.to;
}

// Scalars, and what a comparison of them gives. Keeps templates for scalars away from vectors.
template <class T> struct scalar_of;
#define WGSL_SCALAR(T)                     \
    template <> struct scalar_of<T> {      \
        typedef T type;                    \
        typedef bool truth;                \
    };
WGSL_SCALAR(bool)
WGSL_SCALAR(f32)
WGSL_SCALAR(f64)
template <class T> using scalar = typename scalar_of<T>::type;
template <class T> using truth = typename scalar_of<T>::truth;

// Integers, and the type in which arithmetic on them wraps.
template <class T> struct integer_of;
#define WGSL_INTEGER(T, WRAPPING)          \
    WGSL_SCALAR(T)                         \
    template <> struct integer_of<T> {     \
        typedef T type;                    \
        typedef WRAPPING wrapping;         \
    };
WGSL_INTEGER(i16, u32)
WGSL_INTEGER(u16, u32)
WGSL_INTEGER(i32, u32)
WGSL_INTEGER(u32, u32)
WGSL_INTEGER(i64, u64)
WGSL_INTEGER(u64, u64)
template <class T> using integer = typename integer_of<T>::type;
template <class T> using wrapping = typename integer_of<T>::wrapping;

template <class T> WGSL_FN integer<T> add(T a, T b) {
    typedef wrapping<T> U;
    return T(U(a) + U(b));
}
template <class T> WGSL_FN integer<T> sub(T a, T b) {
    typedef wrapping<T> U;
    return T(U(a) - U(b));
}
template <class T> WGSL_FN integer<T> mul(T a, T b) {
    typedef wrapping<T> U;
    return T(U(a) * U(b));
}
template <class T> WGSL_FN integer<T> neg(T a) {
    typedef wrapping<T> U;
    return T(U(0) - U(a));
}
// The divisor by which dividing is defined and gives what WGSL says: a by zero and the least integer by -1 are the dividend.
template <class T> WGSL_FN integer<T> divisor(T a, T b) {
    const bool least = T(-1) < T(0) && b == T(-1) && a == T(u64(1) << (8 * sizeof(T) - 1));
    return b == T(0) || least ? T(1) : b;
}
template <class T> WGSL_FN integer<T> div(T a, T b) { return T(a / divisor(a, b)); }
template <class T> WGSL_FN integer<T> rem(T a, T b) { return T(a % divisor(a, b)); }
template <class T> WGSL_FN integer<T> shl(T a, u32 b) {
    typedef wrapping<T> U;
    return T(U(a) << (b & (8 * sizeof(T) - 1)));
}
template <class T> WGSL_FN integer<T> shr(T a, u32 b) { return T(a >> (b & (8 * sizeof(T) - 1))); }
template <class T> WGSL_FN scalar<T> and_(T a, T b) { return T(a & b); }
template <class T> WGSL_FN scalar<T> or_(T a, T b) { return T(a | b); }
template <class T> WGSL_FN scalar<T> xor_(T a, T b) { return T(a ^ b); }
template <class T> WGSL_FN integer<T> not_(T a) { return T(~a); }
template <class T> WGSL_FN truth<T> eq(T a, T b) { return a == b; }
template <class T> WGSL_FN truth<T> ne(T a, T b) { return a != b; }
template <class T> WGSL_FN truth<T> lt(T a, T b) { return a < b; }
template <class T> WGSL_FN truth<T> le(T a, T b) { return a <= b; }
template <class T> WGSL_FN truth<T> gt(T a, T b) { return a > b; }
template <class T> WGSL_FN truth<T> ge(T a, T b) { return a >= b; }
template <class T> WGSL_FN scalar<T> select(T reject, T accept, bool condition) { return condition ? accept : reject; }

template <class T> WGSL_FN integer<T> min(T a, T b) { return a < b ? a : b; }
template <class T> WGSL_FN integer<T> max(T a, T b) { return a > b ? a : b; }
template <class T> WGSL_FN integer<T> clamp(T x, T low, T high) { return wgsl::min(wgsl::max(x, low), high); }
template <class T> WGSL_FN integer<T> abs(T a) { return a < T(0) ? neg(a) : a; }
template <class T> WGSL_FN integer<T> sign(T a) { return T(a > T(0)) - T(a < T(0)); }

// An index into something whose last element is `last`.
WGSL_FN u32 within(u32 index, u32 last) { return index < last ? index : last; }
WGSL_FN u32 within(i32 index, u32 last) { return within(u32(index), last); }

#define WGSL_FLOAT_OPERATORS(T)                                      \
    WGSL_FN T add(T a, T b) { return a + b; }                        \
    WGSL_FN T sub(T a, T b) { return a - b; }                        \
    WGSL_FN T mul(T a, T b) { return a * b; }                        \
    WGSL_FN T div(T a, T b) { return a / b; }                        \
    WGSL_FN T neg(T a) { return -a; }
WGSL_FLOAT_OPERATORS(f32)
WGSL_FLOAT_OPERATORS(f64)
WGSL_FN f32 rem(f32 a, f32 b) { return a - b * ::truncf(a / b); }
WGSL_FN f64 rem(f64 a, f64 b) { return a - b * ::trunc(a / b); }
} // namespace wgsl
