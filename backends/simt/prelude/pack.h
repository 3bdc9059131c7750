// Packing into words and dot products of packed bytes.
namespace wgsl {
WGSL_FN u32 byte_of(u32 x, u32 i) { return (x >> (8u * i)) & 0xffu; }
WGSL_FN i32 signed_byte_of(u32 x, u32 i) { return i32(x << (24u - 8u * i)) >> 24; }
WGSL_FN u32 word_of_bytes(u32 a, u32 b, u32 c, u32 d) {
    return (a & 0xffu) | (b & 0xffu) << 8u | (c & 0xffu) << 16u | (d & 0xffu) << 24u;
}
WGSL_FN u32 snorm(f32 x, f32 scale) { return u32(i32(::floorf(0.5f + scale * ::fminf(1.0f, ::fmaxf(-1.0f, x))))); }
WGSL_FN u32 unorm(f32 x, f32 scale) { return u32(::floorf(0.5f + scale * ::fminf(1.0f, ::fmaxf(0.0f, x)))); }
WGSL_FN u32 pack4x8snorm(vec4<f32> v) {
    return word_of_bytes(snorm(v.x, 127.0f), snorm(v.y, 127.0f), snorm(v.z, 127.0f), snorm(v.w, 127.0f));
}
WGSL_FN u32 pack4x8unorm(vec4<f32> v) {
    return word_of_bytes(unorm(v.x, 255.0f), unorm(v.y, 255.0f), unorm(v.z, 255.0f), unorm(v.w, 255.0f));
}
WGSL_FN u32 pack2x16snorm(vec2<f32> v) { return (snorm(v.x, 32767.0f) & 0xffffu) | snorm(v.y, 32767.0f) << 16u; }
WGSL_FN u32 pack2x16unorm(vec2<f32> v) { return unorm(v.x, 65535.0f) | unorm(v.y, 65535.0f) << 16u; }
WGSL_FN u32 pack2x16float(vec2<f32> v) { return u32(bits_of<u16>(to_f16(v.x))) | u32(bits_of<u16>(to_f16(v.y))) << 16u; }
WGSL_FN u32 pack4xI8(vec4<i32> v) { return word_of_bytes(u32(v.x), u32(v.y), u32(v.z), u32(v.w)); }
WGSL_FN u32 pack4xU8(vec4<u32> v) { return word_of_bytes(v.x, v.y, v.z, v.w); }
WGSL_FN u32 pack4xI8Clamp(vec4<i32> v) { return pack4xI8(clamp(v, splat4(-128), splat4(127))); }
WGSL_FN u32 pack4xU8Clamp(vec4<u32> v) { return pack4xU8(min(v, splat4(255u))); }
WGSL_FN vec4<i32> unpack4xI8(u32 x) { return {signed_byte_of(x, 0), signed_byte_of(x, 1), signed_byte_of(x, 2), signed_byte_of(x, 3)}; }
WGSL_FN vec4<u32> unpack4xU8(u32 x) { return {byte_of(x, 0), byte_of(x, 1), byte_of(x, 2), byte_of(x, 3)}; }
WGSL_FN vec4<f32> unpack4x8snorm(u32 x) { return max(convert<f32>(unpack4xI8(x)) / splat4(127.0f), splat4(-1.0f)); }
WGSL_FN vec4<f32> unpack4x8unorm(u32 x) { return convert<f32>(unpack4xU8(x)) / splat4(255.0f); }
WGSL_FN vec2<f32> unpack2x16snorm(u32 x) {
    return max(vec2<f32>{f32(i32(x << 16u) >> 16), f32(i32(x) >> 16)} / splat2(32767.0f), splat2(-1.0f));
}
WGSL_FN vec2<f32> unpack2x16unorm(u32 x) { return vec2<f32>{f32(x & 0xffffu), f32(x >> 16u)} / splat2(65535.0f); }
WGSL_FN vec2<f32> unpack2x16float(u32 x) { return {to_f32(half_from_bits(u16(x & 0xffffu))), to_f32(half_from_bits(u16(x >> 16u)))}; }
WGSL_FN i32 dot4I8Packed(u32 a, u32 b) { return dot(unpack4xI8(a), unpack4xI8(b)); }
WGSL_FN u32 dot4U8Packed(u32 a, u32 b) { return dot(unpack4xU8(a), unpack4xU8(b)); }
} // namespace wgsl
