// Stands for HIP's device header where a plain clang compiles kernels, so that no ROCm is needed. It is good enough to compile and to count
// registers; the transcendental functions that AMD's library has in software are rough and not for running.
#pragma once
#define __device__ __attribute__((device))
#define __global__ __attribute__((global))
#define __shared__ __attribute__((shared))
#define __constant__ __attribute__((constant))
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(n) __attribute__((amdgpu_flat_work_group_size(1, n)))
#define SHIM static __device__ __forceinline__

struct shim_coordinates {
    unsigned x, y, z;
};
SHIM shim_coordinates shim_thread() {
    return {__builtin_amdgcn_workitem_id_x(), __builtin_amdgcn_workitem_id_y(), __builtin_amdgcn_workitem_id_z()};
}
SHIM shim_coordinates shim_block() {
    return {__builtin_amdgcn_workgroup_id_x(), __builtin_amdgcn_workgroup_id_y(), __builtin_amdgcn_workgroup_id_z()};
}
SHIM shim_coordinates shim_grid() {
    return {__builtin_amdgcn_grid_size_x() / __builtin_amdgcn_workgroup_size_x(),
            __builtin_amdgcn_grid_size_y() / __builtin_amdgcn_workgroup_size_y(),
            __builtin_amdgcn_grid_size_z() / __builtin_amdgcn_workgroup_size_z()};
}
#define threadIdx shim_thread()
#define blockIdx shim_block()
#define gridDim shim_grid()

SHIM void __threadfence() { __builtin_amdgcn_fence(__ATOMIC_SEQ_CST, "agent"); }
SHIM void __threadfence_block() { __builtin_amdgcn_fence(__ATOMIC_SEQ_CST, "workgroup"); }
SHIM void __syncthreads() {
    __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");
    __builtin_amdgcn_s_barrier();
    __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");
}

SHIM int shim_lane() { return __builtin_amdgcn_mbcnt_hi(~0u, __builtin_amdgcn_mbcnt_lo(~0u, 0u)); }
SHIM unsigned __shfl(unsigned x, int lane, int) { return __builtin_amdgcn_ds_bpermute(lane << 2, x); }
SHIM unsigned __shfl_up(unsigned x, unsigned by, int width) {
    const int lane = shim_lane();
    return __shfl(x, lane < int(by) ? lane : lane - int(by), width);
}
SHIM unsigned __shfl_down(unsigned x, unsigned by, int width) {
    const int lane = shim_lane();
    return __shfl(x, lane + int(by) < width ? lane + int(by) : lane, width);
}
SHIM unsigned __shfl_xor(unsigned x, int by, int width) { return __shfl(x, shim_lane() ^ by, width); }
SHIM unsigned long long __ballot(int p) {
#if __AMDGCN_WAVEFRONT_SIZE__ == 32
    return __builtin_amdgcn_ballot_w32(p != 0);
#else
    return __builtin_amdgcn_ballot_w64(p != 0);
#endif
}

#define SHIM_ATOMIC(NAME, BUILTIN)                                                                      \
    template <class T> SHIM T NAME(T* place, T value) {                                                 \
        return BUILTIN(place, value, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);                       \
    }
SHIM_ATOMIC(atomicAdd, __hip_atomic_fetch_add)
SHIM_ATOMIC(atomicAnd, __hip_atomic_fetch_and)
SHIM_ATOMIC(atomicOr, __hip_atomic_fetch_or)
SHIM_ATOMIC(atomicXor, __hip_atomic_fetch_xor)
SHIM_ATOMIC(atomicMin, __hip_atomic_fetch_min)
SHIM_ATOMIC(atomicMax, __hip_atomic_fetch_max)
SHIM_ATOMIC(atomicExch, __hip_atomic_exchange)
template <class T> SHIM T atomicCAS(T* place, T compare, T value) {
    __hip_atomic_compare_exchange_strong(place, &compare, value, __ATOMIC_RELAXED, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
    return compare;
}

SHIM int __popc(unsigned x) { return __builtin_popcount(x); }
SHIM int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
SHIM int __clz(int x) { return x == 0 ? 32 : __builtin_clz(unsigned(x)); }
SHIM int __clzll(long long x) { return x == 0 ? 64 : __builtin_clzll((unsigned long long)x); }
SHIM int __ffs(int x) { return __builtin_ffs(x); }
SHIM int __ffsll(long long x) { return __builtin_ffsll(x); }
SHIM unsigned __brev(unsigned x) { return __builtin_bitreverse32(x); }
SHIM unsigned long long __brevll(unsigned long long x) { return __builtin_bitreverse64(x); }

#define SHIM_NATIVE(NAME)                                              \
    SHIM float NAME##f(float x) { return __builtin_##NAME##f(x); }     \
    SHIM double NAME(double x) { return __builtin_##NAME(x); }
SHIM_NATIVE(ceil)
SHIM_NATIVE(floor)
SHIM_NATIVE(trunc)
SHIM_NATIVE(rint)
SHIM_NATIVE(fabs)
SHIM_NATIVE(sqrt)
SHIM float fminf(float x, float y) { return __builtin_fminf(x, y); }
SHIM float fmaxf(float x, float y) { return __builtin_fmaxf(x, y); }
SHIM float fmaf(float x, float y, float z) { return __builtin_fmaf(x, y, z); }
SHIM double fmin(double x, double y) { return __builtin_fmin(x, y); }
SHIM double fmax(double x, double y) { return __builtin_fmax(x, y); }
SHIM double fma(double x, double y, double z) { return __builtin_fma(x, y, z); }
SHIM float ldexpf(float x, int e) { return __builtin_amdgcn_ldexpf(x, e); }
SHIM double ldexp(double x, int e) { return __builtin_amdgcn_ldexp(x, e); }
SHIM float frexpf(float x, int* e) {
    *e = __builtin_amdgcn_frexp_expf(x);
    return __builtin_amdgcn_frexp_mantf(x);
}
SHIM double frexp(double x, int* e) {
    *e = __builtin_amdgcn_frexp_exp(x);
    return __builtin_amdgcn_frexp_mant(x);
}
SHIM float expf(float x) { return __builtin_expf(x); }
SHIM float exp2f(float x) { return __builtin_exp2f(x); }
SHIM float logf(float x) { return __builtin_logf(x); }
SHIM float log2f(float x) { return __builtin_log2f(x); }
SHIM float sinf(float x) { return __builtin_sinf(x); }
SHIM float cosf(float x) { return __builtin_cosf(x); }
SHIM float tanf(float x) { return sinf(x) / cosf(x); }
SHIM float powf(float x, float y) { return exp2f(y * log2f(x)); }
SHIM float sinhf(float x) { return 0.5f * (expf(x) - expf(-x)); }
SHIM float coshf(float x) { return 0.5f * (expf(x) + expf(-x)); }
SHIM float tanhf(float x) { return 1.0f - 2.0f / (expf(2.0f * x) + 1.0f); }
SHIM float asinhf(float x) { return logf(x + sqrtf(x * x + 1.0f)); }
SHIM float acoshf(float x) { return logf(x + sqrtf(x * x - 1.0f)); }
SHIM float atanhf(float x) { return 0.5f * logf((1.0f + x) / (1.0f - x)); }
SHIM float atanf(float x) {
    const float a = fabsf(x);
    const float z = a > 1.0f ? 1.0f / a : a;
    const float q = z * z;
    const float r = z * (0.9998660f + q * (-0.3302995f + q * (0.1801410f + q * (-0.0851330f + q * 0.0208351f))));
    const float s = a > 1.0f ? 1.5707963f - r : r;
    return x < 0.0f ? -s : s;
}
SHIM float asinf(float x) { return atanf(x / sqrtf(1.0f - x * x)); }
SHIM float acosf(float x) { return 1.5707963f - asinf(x); }
SHIM float atan2f(float y, float x) {
    const float a = atanf(y / x);
    return x < 0.0f ? (y < 0.0f ? a - 3.1415927f : a + 3.1415927f) : a;
}
// Of f64 AMD's cards have none of these; only what is used would be missed.
#define SHIM_ABSENT(NAME) extern "C" __device__ double NAME(double);
SHIM_ABSENT(acos)
SHIM_ABSENT(acosh)
SHIM_ABSENT(asin)
SHIM_ABSENT(asinh)
SHIM_ABSENT(atan)
SHIM_ABSENT(atanh)
SHIM_ABSENT(cos)
SHIM_ABSENT(cosh)
SHIM_ABSENT(exp)
SHIM_ABSENT(exp2)
SHIM_ABSENT(log)
SHIM_ABSENT(log2)
SHIM_ABSENT(sin)
SHIM_ABSENT(sinh)
SHIM_ABSENT(tan)
SHIM_ABSENT(tanh)
extern "C" __device__ double atan2(double, double);
extern "C" __device__ double pow(double, double);
