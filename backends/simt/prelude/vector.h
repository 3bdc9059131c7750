// Vectors as WGSL lays them out, with the scalar functions applied component by component.
namespace wgsl {
template <class T> struct alignas(2 * sizeof(T)) vec2 {
    T x, y;
    WGSL_FN T& operator[](u32 i) { return (&x)[i]; }
    WGSL_FN const T& operator[](u32 i) const { return (&x)[i]; }
};
// Twelve bytes of f32: what follows in a structure may lie in the sixteenth.
template <class T> struct vec3 {
    T x, y, z;
    WGSL_FN T& operator[](u32 i) { return (&x)[i]; }
    WGSL_FN const T& operator[](u32 i) const { return (&x)[i]; }
};
template <class T> struct alignas(4 * sizeof(T)) vec4 {
    T x, y, z, w;
    WGSL_FN T& operator[](u32 i) { return (&x)[i]; }
    WGSL_FN const T& operator[](u32 i) const { return (&x)[i]; }
};

// Component i of a vector in registers, without an address.
template <class T> WGSL_FN T at(vec2<T> v, u32 i) { return i == 0 ? v.x : v.y; }
template <class T> WGSL_FN T at(vec3<T> v, u32 i) { return i == 0 ? v.x : i == 1 ? v.y : v.z; }
template <class T> WGSL_FN T at(vec4<T> v, u32 i) { return i == 0 ? v.x : i == 1 ? v.y : i == 2 ? v.z : v.w; }
template <class T> WGSL_FN void set(vec2<T>& v, u32 i, T value) {
    v.x = i == 0 ? value : v.x;
    v.y = i == 1 ? value : v.y;
}
template <class T> WGSL_FN void set(vec3<T>& v, u32 i, T value) {
    v.x = i == 0 ? value : v.x;
    v.y = i == 1 ? value : v.y;
    v.z = i == 2 ? value : v.z;
}
template <class T> WGSL_FN void set(vec4<T>& v, u32 i, T value) {
    v.x = i == 0 ? value : v.x;
    v.y = i == 1 ? value : v.y;
    v.z = i == 2 ? value : v.z;
    v.w = i == 3 ? value : v.w;
}

template <class T> WGSL_FN vec2<T> splat2(T s) { return {s, s}; }
template <class T> WGSL_FN vec3<T> splat3(T s) { return {s, s, s}; }
template <class T> WGSL_FN vec4<T> splat4(T s) { return {s, s, s, s}; }
template <class T> WGSL_FN vec3<T> join(vec2<T> a, T b) { return {a.x, a.y, b}; }
template <class T> WGSL_FN vec3<T> join(T a, vec2<T> b) { return {a, b.x, b.y}; }
template <class T> WGSL_FN vec4<T> join(vec2<T> a, vec2<T> b) { return {a.x, a.y, b.x, b.y}; }
template <class T> WGSL_FN vec4<T> join(vec3<T> a, T b) { return {a.x, a.y, a.z, b}; }
template <class T> WGSL_FN vec4<T> join(T a, vec3<T> b) { return {a, b.x, b.y, b.z}; }
template <class T> WGSL_FN vec4<T> join(vec2<T> a, T b, T c) { return {a.x, a.y, b, c}; }
template <class T> WGSL_FN vec4<T> join(T a, vec2<T> b, T c) { return {a, b.x, b.y, c}; }
template <class T> WGSL_FN vec4<T> join(T a, T b, vec2<T> c) { return {a, b, c.x, c.y}; }
template <u32 A, u32 B, class T> WGSL_FN vec2<T> swizzle(vec2<T> v) { return {v[A], v[B]}; }
template <u32 A, u32 B, u32 C, class T> WGSL_FN vec3<T> swizzle(vec2<T> v) { return {v[A], v[B], v[C]}; }
template <u32 A, u32 B, u32 C, u32 D, class T> WGSL_FN vec4<T> swizzle(vec2<T> v) { return {v[A], v[B], v[C], v[D]}; }
template <u32 A, u32 B, class T> WGSL_FN vec2<T> swizzle(vec3<T> v) { return {v[A], v[B]}; }
template <u32 A, u32 B, u32 C, class T> WGSL_FN vec3<T> swizzle(vec3<T> v) { return {v[A], v[B], v[C]}; }
template <u32 A, u32 B, u32 C, u32 D, class T> WGSL_FN vec4<T> swizzle(vec3<T> v) { return {v[A], v[B], v[C], v[D]}; }
template <u32 A, u32 B, class T> WGSL_FN vec2<T> swizzle(vec4<T> v) { return {v[A], v[B]}; }
template <u32 A, u32 B, u32 C, class T> WGSL_FN vec3<T> swizzle(vec4<T> v) { return {v[A], v[B], v[C]}; }
template <u32 A, u32 B, u32 C, u32 D, class T> WGSL_FN vec4<T> swizzle(vec4<T> v) { return {v[A], v[B], v[C], v[D]}; }

// Functions of scalars, component by component.
#define WGSL_LIFT1(NAME)                                                                                             \
    template <class T> WGSL_FN auto NAME(vec2<T> a) -> vec2<decltype(NAME(a.x))> { return {NAME(a.x), NAME(a.y)}; }  \
    template <class T> WGSL_FN auto NAME(vec3<T> a) -> vec3<decltype(NAME(a.x))> {                                   \
        return {NAME(a.x), NAME(a.y), NAME(a.z)};                                                                    \
    }                                                                                                                \
    template <class T> WGSL_FN auto NAME(vec4<T> a) -> vec4<decltype(NAME(a.x))> {                                   \
        return {NAME(a.x), NAME(a.y), NAME(a.z), NAME(a.w)};                                                         \
    }
#define WGSL_LIFT2(NAME)                                                                                             \
    template <class T, class U> WGSL_FN auto NAME(vec2<T> a, vec2<U> b) -> vec2<decltype(NAME(a.x, b.x))> {          \
        return {NAME(a.x, b.x), NAME(a.y, b.y)};                                                                     \
    }                                                                                                                \
    template <class T, class U> WGSL_FN auto NAME(vec3<T> a, vec3<U> b) -> vec3<decltype(NAME(a.x, b.x))> {          \
        return {NAME(a.x, b.x), NAME(a.y, b.y), NAME(a.z, b.z)};                                                     \
    }                                                                                                                \
    template <class T, class U> WGSL_FN auto NAME(vec4<T> a, vec4<U> b) -> vec4<decltype(NAME(a.x, b.x))> {          \
        return {NAME(a.x, b.x), NAME(a.y, b.y), NAME(a.z, b.z), NAME(a.w, b.w)};                                     \
    }
#define WGSL_LIFT3(NAME)                                                                                             \
    template <class T, class U> WGSL_FN vec2<T> NAME(vec2<T> a, vec2<T> b, vec2<U> c) {                              \
        return {NAME(a.x, b.x, c.x), NAME(a.y, b.y, c.y)};                                                           \
    }                                                                                                                \
    template <class T, class U> WGSL_FN vec3<T> NAME(vec3<T> a, vec3<T> b, vec3<U> c) {                              \
        return {NAME(a.x, b.x, c.x), NAME(a.y, b.y, c.y), NAME(a.z, b.z, c.z)};                                      \
    }                                                                                                                \
    template <class T, class U> WGSL_FN vec4<T> NAME(vec4<T> a, vec4<T> b, vec4<U> c) {                              \
        return {NAME(a.x, b.x, c.x), NAME(a.y, b.y, c.y), NAME(a.z, b.z, c.z), NAME(a.w, b.w, c.w)};                 \
    }
#define WGSL_OPERATOR1(NAME, SYMBOL)                                                                                 \
    WGSL_LIFT1(NAME)                                                                                                 \
    template <class T> WGSL_FN vec2<T> operator SYMBOL(vec2<T> a) { return NAME(a); }                                \
    template <class T> WGSL_FN vec3<T> operator SYMBOL(vec3<T> a) { return NAME(a); }                                \
    template <class T> WGSL_FN vec4<T> operator SYMBOL(vec4<T> a) { return NAME(a); }
#define WGSL_OPERATOR2(NAME, SYMBOL)                                                                                 \
    WGSL_LIFT2(NAME)                                                                                                 \
    template <class T, class U> WGSL_FN auto operator SYMBOL(vec2<T> a, vec2<U> b) -> decltype(NAME(a, b)) {         \
        return NAME(a, b);                                                                                           \
    }                                                                                                                \
    template <class T, class U> WGSL_FN auto operator SYMBOL(vec3<T> a, vec3<U> b) -> decltype(NAME(a, b)) {         \
        return NAME(a, b);                                                                                           \
    }                                                                                                                \
    template <class T, class U> WGSL_FN auto operator SYMBOL(vec4<T> a, vec4<U> b) -> decltype(NAME(a, b)) {         \
        return NAME(a, b);                                                                                           \
    }
WGSL_FN bool invert(bool a) { return !a; }
WGSL_OPERATOR1(neg, -)
WGSL_OPERATOR1(not_, ~)
WGSL_OPERATOR1(invert, !)
WGSL_OPERATOR2(add, +)
WGSL_OPERATOR2(sub, -)
WGSL_OPERATOR2(mul, *)
WGSL_OPERATOR2(div, /)
WGSL_OPERATOR2(rem, %)
WGSL_OPERATOR2(and_, &)
WGSL_OPERATOR2(or_, |)
WGSL_OPERATOR2(xor_, ^)
WGSL_OPERATOR2(shl, <<)
WGSL_OPERATOR2(shr, >>)
WGSL_OPERATOR2(eq, ==)
WGSL_OPERATOR2(ne, !=)
WGSL_OPERATOR2(lt, <)
WGSL_OPERATOR2(le, <=)
WGSL_OPERATOR2(gt, >)
WGSL_OPERATOR2(ge, >=)
template <class T> WGSL_FN vec2<T> operator*(vec2<T> a, T b) { return a * splat2(b); }
template <class T> WGSL_FN vec3<T> operator*(vec3<T> a, T b) { return a * splat3(b); }
template <class T> WGSL_FN vec4<T> operator*(vec4<T> a, T b) { return a * splat4(b); }
template <class T> WGSL_FN vec2<T> operator*(T a, vec2<T> b) { return splat2(a) * b; }
template <class T> WGSL_FN vec3<T> operator*(T a, vec3<T> b) { return splat3(a) * b; }
template <class T> WGSL_FN vec4<T> operator*(T a, vec4<T> b) { return splat4(a) * b; }
WGSL_LIFT1(abs)
WGSL_LIFT1(acos)
WGSL_LIFT1(acosh)
WGSL_LIFT1(asin)
WGSL_LIFT1(asinh)
WGSL_LIFT1(atan)
WGSL_LIFT1(atanh)
WGSL_LIFT1(ceil)
WGSL_LIFT1(cos)
WGSL_LIFT1(cosh)
WGSL_LIFT1(degrees)
WGSL_LIFT1(exp)
WGSL_LIFT1(exp2)
WGSL_LIFT1(floor)
WGSL_LIFT1(fract)
WGSL_LIFT1(inverse_sqrt)
WGSL_LIFT1(log)
WGSL_LIFT1(log2)
WGSL_LIFT1(radians)
WGSL_LIFT1(round)
WGSL_LIFT1(saturate)
WGSL_LIFT1(sign)
WGSL_LIFT1(sin)
WGSL_LIFT1(sinh)
WGSL_LIFT1(sqrt)
WGSL_LIFT1(tan)
WGSL_LIFT1(tanh)
WGSL_LIFT1(trunc)
WGSL_LIFT1(significand)
WGSL_LIFT1(exponent)
WGSL_LIFT1(fraction)
WGSL_LIFT1(is_nan)
WGSL_LIFT1(is_inf)
WGSL_LIFT1(quantize_to_f16)
WGSL_LIFT1(count_one_bits)
WGSL_LIFT1(count_leading_zeros)
WGSL_LIFT1(count_trailing_zeros)
WGSL_LIFT1(reverse_bits)
WGSL_LIFT1(first_trailing_bit)
WGSL_LIFT1(first_leading_bit)
WGSL_LIFT2(atan2)
WGSL_LIFT2(min)
WGSL_LIFT2(max)
WGSL_LIFT2(pow)
WGSL_LIFT2(step)
WGSL_LIFT2(ldexp)
WGSL_LIFT3(clamp)
WGSL_LIFT3(fma)
WGSL_LIFT3(mix)
WGSL_LIFT3(smoothstep)
WGSL_LIFT3(select)
template <class T> WGSL_FN vec2<T> mix(vec2<T> a, vec2<T> b, T c) { return mix(a, b, splat2(c)); }
template <class T> WGSL_FN vec3<T> mix(vec3<T> a, vec3<T> b, T c) { return mix(a, b, splat3(c)); }
template <class T> WGSL_FN vec4<T> mix(vec4<T> a, vec4<T> b, T c) { return mix(a, b, splat4(c)); }
template <class T> WGSL_FN vec2<T> extract_bits(vec2<T> v, u32 o, u32 c) { return {extract_bits(v.x, o, c), extract_bits(v.y, o, c)}; }
template <class T> WGSL_FN vec3<T> extract_bits(vec3<T> v, u32 o, u32 c) {
    return {extract_bits(v.x, o, c), extract_bits(v.y, o, c), extract_bits(v.z, o, c)};
}
template <class T> WGSL_FN vec4<T> extract_bits(vec4<T> v, u32 o, u32 c) {
    return {extract_bits(v.x, o, c), extract_bits(v.y, o, c), extract_bits(v.z, o, c), extract_bits(v.w, o, c)};
}
template <class T> WGSL_FN vec2<T> insert_bits(vec2<T> v, vec2<T> n, u32 o, u32 c) {
    return {insert_bits(v.x, n.x, o, c), insert_bits(v.y, n.y, o, c)};
}
template <class T> WGSL_FN vec3<T> insert_bits(vec3<T> v, vec3<T> n, u32 o, u32 c) {
    return {insert_bits(v.x, n.x, o, c), insert_bits(v.y, n.y, o, c), insert_bits(v.z, n.z, o, c)};
}
template <class T> WGSL_FN vec4<T> insert_bits(vec4<T> v, vec4<T> n, u32 o, u32 c) {
    return {insert_bits(v.x, n.x, o, c), insert_bits(v.y, n.y, o, c), insert_bits(v.z, n.z, o, c), insert_bits(v.w, n.w, o, c)};
}
template <class To, class T> WGSL_FN vec2<To> convert(vec2<T> v) { return {convert<To>(v.x), convert<To>(v.y)}; }
template <class To, class T> WGSL_FN vec3<To> convert(vec3<T> v) { return {convert<To>(v.x), convert<To>(v.y), convert<To>(v.z)}; }
template <class To, class T> WGSL_FN vec4<To> convert(vec4<T> v) {
    return {convert<To>(v.x), convert<To>(v.y), convert<To>(v.z), convert<To>(v.w)};
}
template <class To, class T> WGSL_FN vec2<To> bitcast(vec2<T> v) { return {bits_of<To>(v.x), bits_of<To>(v.y)}; }
template <class To, class T> WGSL_FN vec3<To> bitcast(vec3<T> v) { return {bits_of<To>(v.x), bits_of<To>(v.y), bits_of<To>(v.z)}; }
template <class To, class T> WGSL_FN vec4<To> bitcast(vec4<T> v) {
    return {bits_of<To>(v.x), bits_of<To>(v.y), bits_of<To>(v.z), bits_of<To>(v.w)};
}
WGSL_FN bool all(bool v) { return v; }
WGSL_FN bool all(vec2<bool> v) { return v.x && v.y; }
WGSL_FN bool all(vec3<bool> v) { return v.x && v.y && v.z; }
WGSL_FN bool all(vec4<bool> v) { return v.x && v.y && v.z && v.w; }
WGSL_FN bool any(bool v) { return v; }
WGSL_FN bool any(vec2<bool> v) { return v.x || v.y; }
WGSL_FN bool any(vec3<bool> v) { return v.x || v.y || v.z; }
WGSL_FN bool any(vec4<bool> v) { return v.x || v.y || v.z || v.w; }

// Sums from the left.
template <class T> WGSL_FN T dot(vec2<T> a, vec2<T> b) { return add(mul(a.x, b.x), mul(a.y, b.y)); }
template <class T> WGSL_FN T dot(vec3<T> a, vec3<T> b) { return add(add(mul(a.x, b.x), mul(a.y, b.y)), mul(a.z, b.z)); }
template <class T> WGSL_FN T dot(vec4<T> a, vec4<T> b) {
    return add(add(add(mul(a.x, b.x), mul(a.y, b.y)), mul(a.z, b.z)), mul(a.w, b.w));
}
template <class T> WGSL_FN vec3<T> cross(vec3<T> a, vec3<T> b) {
    return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
template <class T> WGSL_FN scalar<T> length(T a) { return abs(a); }
template <class T> WGSL_FN T length(vec2<T> a) { return sqrt(dot(a, a)); }
template <class T> WGSL_FN T length(vec3<T> a) { return sqrt(dot(a, a)); }
template <class T> WGSL_FN T length(vec4<T> a) { return sqrt(dot(a, a)); }
template <class V> WGSL_FN auto distance(V a, V b) -> decltype(length(a)) { return length(sub(a, b)); }
template <class T> WGSL_FN vec2<T> normalize(vec2<T> a) { return a / splat2(length(a)); }
template <class T> WGSL_FN vec3<T> normalize(vec3<T> a) { return a / splat3(length(a)); }
template <class T> WGSL_FN vec4<T> normalize(vec4<T> a) { return a / splat4(length(a)); }
template <class V> WGSL_FN V face_forward(V a, V b, V c) { return dot(b, c) < convert<decltype(dot(b, c))>(0.0f) ? a : -a; }
template <class V> WGSL_FN V reflect(V a, V b) { return a - (dot(b, a) * convert<decltype(dot(b, a))>(2.0f)) * b; }
template <class V, class T> WGSL_FN V refract(V a, V b, T ratio) {
    const T one = convert<T>(1.0f);
    const T d = dot(b, a);
    const T k = one - ratio * ratio * (one - d * d);
    return k < convert<T>(0.0f) ? V{} : a * ratio - b * (ratio * d + sqrt(k));
}
} // namespace wgsl
namespace program {
using wgsl::i16;
using wgsl::u16;
using wgsl::i32;
using wgsl::u32;
using wgsl::i64;
using wgsl::u64;
using wgsl::f16;
using wgsl::f32;
using wgsl::f64;
using wgsl::vec2;
using wgsl::vec3;
using wgsl::vec4;
} // namespace program
