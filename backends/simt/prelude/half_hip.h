// f16 in HIP C++.
namespace wgsl {
typedef _Float16 f16;
WGSL_SCALAR(f16)
WGSL_FN f16 half_from_bits(u16 bits) { return bits_of<f16>(bits); }
WGSL_FN f32 to_f32(f16 x) { return f32(x); }
WGSL_FN f16 to_f16(f32 x) { return f16(x); }
WGSL_FN f16 to_f16(f64 x) { return f16(x); }
WGSL_FN f16 fma(f16 a, f16 b, f16 c) { return __builtin_fmaf16(a, b, c); }
} // namespace wgsl
