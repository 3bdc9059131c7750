// What HIP's names mean to NVRTC.
#define __HIP__ 1
#define __HIPCC__ 1
#define __HIPCC_RTC__ 1
#define __HIP_PLATFORM_AMD__ 1
#define __HIP_DEVICE_COMPILE__ 1
#define __AMDGCN_WAVEFRONT_SIZE HADAL_WAVE
#define warpSize HADAL_WAVE
#define hipThreadIdx_x threadIdx.x
#define hipThreadIdx_y threadIdx.y
#define hipThreadIdx_z threadIdx.z
#define hipBlockIdx_x blockIdx.x
#define hipBlockIdx_y blockIdx.y
#define hipBlockIdx_z blockIdx.z
#define hipBlockDim_x blockDim.x
#define hipBlockDim_y blockDim.y
#define hipBlockDim_z blockDim.z
#define hipGridDim_x gridDim.x
#define hipGridDim_y gridDim.y
#define hipGridDim_z gridDim.z
#define HIP_DYNAMIC_SHARED(type, name) extern __shared__ type name[];

struct _Float16 {
    unsigned short bits;
    _Float16() = default;
    __device__ constexpr _Float16(float x) : bits(rounded(__builtin_bit_cast(unsigned, x))) {}
    __device__ constexpr _Float16(int x) : _Float16(float(x)) {}
    __device__ constexpr _Float16(unsigned x) : _Float16(float(x)) {}
    __device__ _Float16(double x) { asm("cvt.rn.f16.f64 %0, %1;" : "=h"(bits) : "d"(x)); }
    __device__ _Float16(long long x) { asm("cvt.rn.f16.s64 %0, %1;" : "=h"(bits) : "l"(x)); }
    __device__ _Float16(unsigned long long x) { asm("cvt.rn.f16.u64 %0, %1;" : "=h"(bits) : "l"(x)); }
    __device__ operator float() const {
        float r;
        asm("cvt.f32.f16 %0, %1;" : "=f"(r) : "h"(bits));
        return r;
    }
    // To nearest, ties to even.
    static __device__ constexpr unsigned short rounded(unsigned x) {
        unsigned sign = x >> 16 & 0x8000u, rest = x & 0x7fffffffu;
        if (rest > 0x7f800000u) return (unsigned short)(sign | 0x7e00u);
        if (rest >= 0x477ff000u) return (unsigned short)(sign | 0x7c00u);
        if (rest < 0x33000001u) return (unsigned short)sign;
        int power = int(rest >> 23) - 127;
        unsigned mantissa = (rest & 0x7fffffu) | 0x800000u;
        int dropped = power < -14 ? -1 - power : 13;
        unsigned kept = mantissa >> dropped, low = mantissa & ((1u << dropped) - 1u), half = 1u << (dropped - 1);
        kept += low > half || (low == half && (kept & 1u)) ? 1u : 0u;
        return (unsigned short)(sign | (power < -14 ? kept : (unsigned(power + 14) << 10) + kept));
    }
};
#define HADAL_HALF(OP, NAME)                                                                          \
    __device__ inline _Float16 operator OP(_Float16 a, _Float16 b) {                                  \
        _Float16 r;                                                                                   \
        asm(NAME ".f16 %0, %1, %2;" : "=h"(r.bits) : "h"(a.bits), "h"(b.bits));                       \
        return r;                                                                                     \
    }                                                                                                 \
    __device__ inline _Float16& operator OP##=(_Float16& a, _Float16 b) { return a = a OP b; }
HADAL_HALF(+, "add.rn")
HADAL_HALF(-, "sub.rn")
HADAL_HALF(*, "mul.rn")
__device__ inline _Float16 operator/(_Float16 a, _Float16 b) { return _Float16(float(a) / float(b)); }
__device__ inline _Float16& operator/=(_Float16& a, _Float16 b) { return a = a / b; }
__device__ inline _Float16 operator-(_Float16 a) {
    a.bits ^= 0x8000;
    return a;
}
#define HADAL_COMPARE(OP) __device__ inline bool operator OP(_Float16 a, _Float16 b) { return float(a) OP float(b); }
HADAL_COMPARE(==)
HADAL_COMPARE(!=)
HADAL_COMPARE(<)
HADAL_COMPARE(<=)
HADAL_COMPARE(>)
HADAL_COMPARE(>=)
__device__ inline _Float16 __builtin_fmaf16(_Float16 a, _Float16 b, _Float16 c) {
    _Float16 r;
    asm("fma.rn.f16 %0, %1, %2, %3;" : "=h"(r.bits) : "h"(a.bits), "h"(b.bits), "h"(c.bits));
    return r;
}
__device__ inline float unsafeAtomicAdd(float* to, float by) { return atomicAdd(to, by); }
__device__ inline void __builtin_amdgcn_wave_barrier() { __syncwarp(__activemask()); }
__device__ inline void __builtin_amdgcn_s_barrier() { __syncthreads(); }

__device__ inline unsigned hadal_thread() { return threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z); }
__device__ inline unsigned hadal_threads() { return blockDim.x * blockDim.y * blockDim.z; }
__device__ inline unsigned __lane_id() { return hadal_thread() % HADAL_WAVE; }

#if HADAL_WAVE == 64
// The two halves of a wavefront meet at a barrier of their own.
__device__ inline void hadal_meet() {
    unsigned first = hadal_thread() / 64 * 64, left = hadal_threads() - first;
    asm volatile("bar.sync %0, %1;" ::"r"(first / 64 + 1), "r"(left > 32 ? 64 : 32) : "memory");
}
__device__ inline unsigned hadal_exchange(unsigned value, int from) {
    __shared__ unsigned box[1024];
    unsigned me = hadal_thread(), other = me / 64 * 64 + (unsigned(from) & 63u);
    hadal_meet();
    box[me] = value;
    hadal_meet();
    return box[other < hadal_threads() ? other : me];
}
__device__ inline unsigned long long hadal_ballot(int p) {
    unsigned mine = __ballot_sync(__activemask(), p), wave = hadal_threads() - hadal_thread() / 64 * 64;
    unsigned low = hadal_exchange(mine, 0), high = hadal_exchange(mine, 32);
    return low | (wave > 32 ? (unsigned long long)high << 32 : 0ull);
}
__device__ inline int hadal_any(int p) { return hadal_ballot(p) != 0; }
__device__ inline int hadal_all(int p) { return hadal_ballot(!p) == 0; }
#else
__device__ inline unsigned hadal_exchange(unsigned value, int from) { return __shfl_sync(__activemask(), value, from, 32); }
__device__ inline unsigned long long hadal_ballot(int p) { return __ballot_sync(__activemask(), p); }
__device__ inline int hadal_any(int p) { return __any_sync(__activemask(), p); }
__device__ inline int hadal_all(int p) { return __all_sync(__activemask(), p); }
#endif
template <class T> __device__ inline T hadal_shuffle(T value, int from) {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8, "shuffles are of words");
    if constexpr (sizeof(T) == 4) {
        return __builtin_bit_cast(T, hadal_exchange(__builtin_bit_cast(unsigned, value), from));
    } else {
        unsigned long long bits = __builtin_bit_cast(unsigned long long, value);
        unsigned low = hadal_exchange(unsigned(bits), from), high = hadal_exchange(unsigned(bits >> 32), from);
        return __builtin_bit_cast(T, low | (unsigned long long)high << 32);
    }
}
template <class T> __device__ inline T hadal_shfl(T value, int lane, int width = HADAL_WAVE) {
    int me = __lane_id();
    return hadal_shuffle(value, (me & -width) + (lane & (width - 1)));
}
template <class T> __device__ inline T hadal_shfl_up(T value, unsigned by, int width = HADAL_WAVE) {
    int me = __lane_id(), from = me - int(by);
    return hadal_shuffle(value, from < (me & -width) ? me : from);
}
template <class T> __device__ inline T hadal_shfl_down(T value, unsigned by, int width = HADAL_WAVE) {
    int me = __lane_id();
    return hadal_shuffle(value, (me & (width - 1)) + int(by) >= width ? me : me + int(by));
}
template <class T> __device__ inline T hadal_shfl_xor(T value, int by, int width = HADAL_WAVE) {
    int me = __lane_id(), from = me ^ by;
    return hadal_shuffle(value, from >= (me & -width) + width ? me : from);
}
// A wavefront runs in step, so a fence alone orders what its lanes do; here they must meet. Where some of them are elsewhere, it is a fence and no more.
__device__ inline void hadal_fence_block() {
    __threadfence_block();
#if HADAL_WAVE == 64
    unsigned here = hadal_threads() - hadal_thread() / 32 * 32;
    if (__activemask() == (here < 32 ? (1u << here) - 1u : ~0u)) hadal_meet();
#else
    __syncwarp(__activemask());
#endif
}
// CUDA has these names, too, for other things.
#define __ballot hadal_ballot
#define __any hadal_any
#define __all hadal_all
#define __shfl_up hadal_shfl_up
#define __shfl_down hadal_shfl_down
#define __shfl_xor hadal_shfl_xor
#define __shfl hadal_shfl
#define __threadfence_block hadal_fence_block
