// Operations of a subgroup, on any type that is made of words.
namespace wgsl {
WGSL_FN u32 lane() { return local_invocation_index() % WAVE; }
#define WGSL_SHUFFLE(NAME)                                                                                                 \
    WGSL_FN u32 NAME(u32 x, u32 n) { return NAME##_word(x, n); }                                                           \
    WGSL_FN i32 NAME(i32 x, u32 n) { return i32(NAME##_word(u32(x), n)); }                                                 \
    WGSL_FN f32 NAME(f32 x, u32 n) { return bits_of<f32>(NAME##_word(bits_of<u32>(x), n)); }                               \
    WGSL_FN bool NAME(bool x, u32 n) { return NAME##_word(u32(x), n) != 0; }                                               \
    WGSL_FN f16 NAME(f16 x, u32 n) { return half_from_bits(u16(NAME##_word(bits_of<u16>(x), n))); }                        \
    WGSL_FN u64 NAME(u64 x, u32 n) { return u64(NAME##_word(u32(x), n)) | u64(NAME##_word(u32(x >> 32), n)) << 32; }       \
    WGSL_FN i64 NAME(i64 x, u32 n) { return i64(NAME(u64(x), n)); }                                                        \
    WGSL_FN f64 NAME(f64 x, u32 n) { return bits_of<f64>(NAME(bits_of<u64>(x), n)); }                                      \
    template <class T> WGSL_FN vec2<T> NAME(vec2<T> v, u32 n) { return {NAME(v.x, n), NAME(v.y, n)}; }                     \
    template <class T> WGSL_FN vec3<T> NAME(vec3<T> v, u32 n) { return {NAME(v.x, n), NAME(v.y, n), NAME(v.z, n)}; }       \
    template <class T> WGSL_FN vec4<T> NAME(vec4<T> v, u32 n) {                                                            \
        return {NAME(v.x, n), NAME(v.y, n), NAME(v.z, n), NAME(v.w, n)};                                                   \
    }
WGSL_SHUFFLE(shuffle)
WGSL_SHUFFLE(shuffle_up)
WGSL_SHUFFLE(shuffle_down)
WGSL_SHUFFLE(shuffle_xor)
template <class T> WGSL_FN T broadcast_first(T x) { return shuffle(x, first_lane(lanes())); }
template <class T> WGSL_FN T quad_broadcast(T x, u32 n) { return shuffle(x, (lane() & ~3u) | (n & 3u)); }
WGSL_FN vec4<u32> subgroup_ballot(bool p) { return words_of(ballot(p)); }
WGSL_FN bool subgroup_all(bool p) { return ballot(p) == ballot(true); }
WGSL_FN bool subgroup_any(bool p) { return ballot(p) != 0; }

#define WGSL_FOLD(NAME, FUNCTION)                                             \
    struct NAME {                                                             \
        template <class T> static WGSL_FN T of(T a, T b) { return FUNCTION(a, b); } \
    };
WGSL_FOLD(fold_add, add)
WGSL_FOLD(fold_mul, mul)
WGSL_FOLD(fold_min, min)
WGSL_FOLD(fold_max, max)
WGSL_FOLD(fold_and, and_)
WGSL_FOLD(fold_or, or_)
WGSL_FOLD(fold_xor, xor_)
// Whether every lane has an invocation and takes part.
constexpr bool FULL = !WGSL_DIVERGED && WGSL_INVOCATIONS % WAVE == 0;

template <class Fold, class T> WGSL_FN T reduce(T x) {
    if (FULL) {
        for (u32 d = WAVE / 2; d > 0; d /= 2) {
            x = Fold::of(x, shuffle_xor(x, d));
        }
        return x;
    }
    lane_mask rest = lanes();
    T sum = shuffle(x, first_lane(rest));
    for (rest &= rest - 1; rest != 0; rest &= rest - 1) {
        sum = Fold::of(sum, shuffle(x, first_lane(rest)));
    }
    return sum;
}
template <class Fold, class T> WGSL_FN T inclusive_scan(T x) {
    if (FULL) {
        for (u32 d = 1; d < WAVE; d *= 2) {
            const T below = shuffle_up(x, d);
            x = lane() >= d ? Fold::of(below, x) : x;
        }
        return x;
    }
    lane_mask rest = lanes();
    T sum = shuffle(x, first_lane(rest));
    for (rest &= rest - 1; rest != 0; rest &= rest - 1) {
        const T next = shuffle(x, first_lane(rest));
        sum = first_lane(rest) <= lane() ? Fold::of(sum, next) : sum;
    }
    return sum;
}
// `nothing` is what a fold of no lanes gives.
template <class Fold, class T> WGSL_FN T exclusive_scan(T x, T nothing) {
    if (FULL) {
        const T below = shuffle_up(inclusive_scan<Fold>(x), 1);
        return lane() == 0 ? nothing : below;
    }
    T sum = nothing;
    for (lane_mask rest = lanes(); rest != 0; rest &= rest - 1) {
        const T next = shuffle(x, first_lane(rest));
        sum = first_lane(rest) < lane() ? Fold::of(sum, next) : sum;
    }
    return sum;
}
} // namespace wgsl
