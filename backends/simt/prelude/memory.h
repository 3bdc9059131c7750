// Arrays with the stride of WGSL, whose elements may be shorter than that. What lies between them is never written.
namespace wgsl {
template <class T, u32 STRIDE, bool TIGHT = (STRIDE == sizeof(T))> struct slot {
    T value;
    u8 padding[STRIDE - sizeof(T)];
    WGSL_FN slot& operator=(const slot& other) {
        value = other.value;
        return *this;
    }
};
template <class T, u32 STRIDE> struct slot<T, STRIDE, true> {
    T value;
};
template <class T, u32 N, u32 STRIDE = sizeof(T)> struct array {
    slot<T, STRIDE> slots[N];
    WGSL_FN T& operator[](u32 i) { return slots[i].value; }
    WGSL_FN const T& operator[](u32 i) const { return slots[i].value; }
};
// An array that is as long as the buffer in which it lies.
template <class T, u32 STRIDE = sizeof(T)> struct unsized {
    slot<T, STRIDE> first;
    WGSL_FN T& operator[](u32 i) { return (&first)[i].value; }
    WGSL_FN const T& operator[](u32 i) const { return (&first)[i].value; }
};
// How many elements there are in a buffer from `offset` on.
WGSL_FN u32 elements(u64 bytes, u32 offset, u32 stride) {
    const u64 count = bytes < offset ? 0 : (bytes - offset) / stride;
    return count < 0xffffffffull ? u32(count) : 0xffffffffu;
}
// Zeroes a variable of a workgroup, every invocation its share.
template <class T> WGSL_FN void zero(T& place, u32 invocation, u32 invocations) {
    if (sizeof(T) % 4 == 0) {
        for (u32 i = invocation; i < sizeof(T) / 4; i += invocations) {
            reinterpret_cast<u32*>(&place)[i] = 0;
        }
    } else {
        for (u32 i = invocation; i < sizeof(T); i += invocations) {
            reinterpret_cast<u8*>(&place)[i] = 0;
        }
    }
}
} // namespace wgsl
namespace program {
using wgsl::array;
using wgsl::unsized;
} // namespace program
