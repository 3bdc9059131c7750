// f16 in CUDA C++, without the headers of a toolkit, which a machine that only runs programs does not have.
namespace wgsl {
struct f16 {
    u16 bits;
};
WGSL_SCALAR(f16)
WGSL_FN f16 half_from_bits(u16 bits) { return f16{bits}; }
WGSL_FN f32 to_f32(f16 x) {
    f32 r;
    asm("cvt.f32.f16 %0, %1;" : "=f"(r) : "h"(x.bits));
    return r;
}
WGSL_FN f16 to_f16(f32 x) {
    f16 r;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(r.bits) : "f"(x));
    return r;
}
WGSL_FN f16 to_f16(f64 x) {
    f16 r;
    asm("cvt.rn.f16.f64 %0, %1;" : "=h"(r.bits) : "d"(x));
    return r;
}
WGSL_FN f16 operator+(f16 a, f16 b) {
    f16 r;
    asm("add.rn.f16 %0, %1, %2;" : "=h"(r.bits) : "h"(a.bits), "h"(b.bits));
    return r;
}
WGSL_FN f16 operator-(f16 a, f16 b) {
    f16 r;
    asm("sub.rn.f16 %0, %1, %2;" : "=h"(r.bits) : "h"(a.bits), "h"(b.bits));
    return r;
}
WGSL_FN f16 operator*(f16 a, f16 b) {
    f16 r;
    asm("mul.rn.f16 %0, %1, %2;" : "=h"(r.bits) : "h"(a.bits), "h"(b.bits));
    return r;
}
WGSL_FN f16 fma(f16 a, f16 b, f16 c) {
    f16 r;
    asm("fma.rn.f16 %0, %1, %2, %3;" : "=h"(r.bits) : "h"(a.bits), "h"(b.bits), "h"(c.bits));
    return r;
}
// An f32 has more than twice the digits, so rounding twice is rounding once.
WGSL_FN f16 operator/(f16 a, f16 b) { return to_f16(to_f32(a) / to_f32(b)); }
WGSL_FN f16 operator-(f16 a) { return f16{u16(a.bits ^ 0x8000u)}; }
WGSL_FN bool operator==(f16 a, f16 b) { return to_f32(a) == to_f32(b); }
WGSL_FN bool operator!=(f16 a, f16 b) { return to_f32(a) != to_f32(b); }
WGSL_FN bool operator<(f16 a, f16 b) { return to_f32(a) < to_f32(b); }
WGSL_FN bool operator<=(f16 a, f16 b) { return to_f32(a) <= to_f32(b); }
WGSL_FN bool operator>(f16 a, f16 b) { return to_f32(a) > to_f32(b); }
WGSL_FN bool operator>=(f16 a, f16 b) { return to_f32(a) >= to_f32(b); }
} // namespace wgsl
