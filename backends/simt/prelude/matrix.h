// Matrices by columns, each column where WGSL has it.
namespace wgsl {
template <u32 R, class T> struct column_of;
template <class T> struct column_of<2, T> { typedef vec2<T> type; };
template <class T> struct column_of<3, T> { typedef vec3<T> type; };
template <class T> struct column_of<4, T> { typedef vec4<T> type; };
template <u32 C, u32 R, class T> struct mat {
    typedef typename column_of<R, T>::type column;
    slot<column, (R == 3 ? 4 : R) * sizeof(T)> columns[C];
    WGSL_FN column& operator[](u32 i) { return columns[i].value; }
    WGSL_FN const column& operator[](u32 i) const { return columns[i].value; }
};
template <class T, class V> WGSL_FN mat<2, sizeof(V) / sizeof(T), T> columns_of(V a, V b) { return {{{a}, {b}}}; }
template <class T, class V> WGSL_FN mat<3, sizeof(V) / sizeof(T), T> columns_of(V a, V b, V c) { return {{{a}, {b}, {c}}}; }
template <class T, class V> WGSL_FN mat<4, sizeof(V) / sizeof(T), T> columns_of(V a, V b, V c, V d) { return {{{a}, {b}, {c}, {d}}}; }

#define WGSL_EACH_COLUMN(EXPRESSION)       \
    mat<C, R, T> r;                        \
    for (u32 i = 0; i < C; i++) {          \
        r[i] = EXPRESSION;                 \
    }                                      \
    return r;
template <u32 C, u32 R, class T> WGSL_FN mat<C, R, T> operator+(const mat<C, R, T>& a, const mat<C, R, T>& b) { WGSL_EACH_COLUMN(a[i] + b[i]) }
template <u32 C, u32 R, class T> WGSL_FN mat<C, R, T> operator-(const mat<C, R, T>& a, const mat<C, R, T>& b) { WGSL_EACH_COLUMN(a[i] - b[i]) }
template <u32 C, u32 R, class T> WGSL_FN mat<C, R, T> operator-(const mat<C, R, T>& a) { WGSL_EACH_COLUMN(-a[i]) }
template <u32 C, u32 R, class T> WGSL_FN mat<C, R, T> operator*(const mat<C, R, T>& a, T b) { WGSL_EACH_COLUMN(a[i] * b) }
template <u32 C, u32 R, class T> WGSL_FN mat<C, R, T> operator*(T a, const mat<C, R, T>& b) { WGSL_EACH_COLUMN(b[i] * a) }
template <u32 R, class T> WGSL_FN typename column_of<R, T>::type operator*(const mat<2, R, T>& a, const vec2<T>& b) {
    return a[0] * b.x + a[1] * b.y;
}
template <u32 R, class T> WGSL_FN typename column_of<R, T>::type operator*(const mat<3, R, T>& a, const vec3<T>& b) {
    return a[0] * b.x + a[1] * b.y + a[2] * b.z;
}
template <u32 R, class T> WGSL_FN typename column_of<R, T>::type operator*(const mat<4, R, T>& a, const vec4<T>& b) {
    return a[0] * b.x + a[1] * b.y + a[2] * b.z + a[3] * b.w;
}
template <u32 C, u32 R, class T>
WGSL_FN typename column_of<C, T>::type row_times(const typename column_of<R, T>::type& a, const mat<C, R, T>& b) {
    typename column_of<C, T>::type r;
    for (u32 i = 0; i < C; i++) {
        r[i] = dot(a, b[i]);
    }
    return r;
}
template <u32 C, class T> WGSL_FN typename column_of<C, T>::type operator*(const vec2<T>& a, const mat<C, 2, T>& b) { return row_times(a, b); }
template <u32 C, class T> WGSL_FN typename column_of<C, T>::type operator*(const vec3<T>& a, const mat<C, 3, T>& b) { return row_times(a, b); }
template <u32 C, class T> WGSL_FN typename column_of<C, T>::type operator*(const vec4<T>& a, const mat<C, 4, T>& b) { return row_times(a, b); }
template <u32 K, u32 C, u32 R, class T> WGSL_FN mat<C, R, T> operator*(const mat<K, R, T>& a, const mat<C, K, T>& b) { WGSL_EACH_COLUMN(a * b[i]) }
template <u32 C, u32 R, class T> WGSL_FN mat<R, C, T> transpose(const mat<C, R, T>& a) {
    mat<R, C, T> r;
    for (u32 i = 0; i < R; i++) {
        for (u32 j = 0; j < C; j++) {
            r[i][j] = a[j][i];
        }
    }
    return r;
}
template <class T> WGSL_FN T determinant(const mat<2, 2, T>& m) { return m[0].x * m[1].y - m[0].y * m[1].x; }
template <class T> WGSL_FN T determinant(const mat<3, 3, T>& m) { return dot(m[0], cross(m[1], m[2])); }
template <class T> WGSL_FN T determinant(const mat<4, 4, T>& m) {
    // Along the minors of the last two columns.
    const T a = m[2].z * m[3].w - m[2].w * m[3].z;
    const T b = m[2].y * m[3].w - m[2].w * m[3].y;
    const T c = m[2].y * m[3].z - m[2].z * m[3].y;
    const T d = m[2].x * m[3].w - m[2].w * m[3].x;
    const T e = m[2].x * m[3].z - m[2].z * m[3].x;
    const T f = m[2].x * m[3].y - m[2].y * m[3].x;
    return m[0].x * (m[1].y * a - m[1].z * b + m[1].w * c) - m[0].y * (m[1].x * a - m[1].z * d + m[1].w * e) +
           m[0].z * (m[1].x * b - m[1].y * d + m[1].w * f) - m[0].w * (m[1].x * c - m[1].y * e + m[1].z * f);
}
template <class To, u32 C, u32 R, class T> WGSL_FN mat<C, R, To> convert(const mat<C, R, T>& a) {
    mat<C, R, To> r;
    for (u32 i = 0; i < C; i++) {
        r[i] = convert<To>(a[i]);
    }
    return r;
}
} // namespace wgsl
namespace program {
using wgsl::mat;
} // namespace program
