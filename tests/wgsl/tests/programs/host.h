// Stands for HIP's header where a kernel runs on the host; `host.cpp` is the run time. It includes nothing, so that a kernel compiles fast.
#pragma once
#define __device__
#define __global__
#define __shared__ static
#define __constant__
#define __forceinline__ inline
#define __launch_bounds__(n)

extern "C" {
#define HOST_FUNCTION1(NAME)    \
    float NAME##f(float);       \
    double NAME(double);
#define HOST_FUNCTION2(NAME)    \
    float NAME##f(float, float); \
    double NAME(double, double);
HOST_FUNCTION1(acos)
HOST_FUNCTION1(acosh)
HOST_FUNCTION1(asin)
HOST_FUNCTION1(asinh)
HOST_FUNCTION1(atan)
HOST_FUNCTION1(atanh)
HOST_FUNCTION1(ceil)
HOST_FUNCTION1(cos)
HOST_FUNCTION1(cosh)
HOST_FUNCTION1(exp)
HOST_FUNCTION1(exp2)
HOST_FUNCTION1(fabs)
HOST_FUNCTION1(floor)
HOST_FUNCTION1(log)
HOST_FUNCTION1(log2)
HOST_FUNCTION1(rint)
HOST_FUNCTION1(sin)
HOST_FUNCTION1(sinh)
HOST_FUNCTION1(sqrt)
HOST_FUNCTION1(tan)
HOST_FUNCTION1(tanh)
HOST_FUNCTION1(trunc)
HOST_FUNCTION2(atan2)
HOST_FUNCTION2(fmax)
HOST_FUNCTION2(fmin)
HOST_FUNCTION2(pow)
float fmaf(float, float, float);
double fma(double, double, double);
float ldexpf(float, int);
double ldexp(double, int);
float frexpf(float, int*);
double frexp(double, int*);
}

namespace host {
struct coordinates {
    unsigned x, y, z;
};
extern thread_local coordinates thread, block;
extern coordinates extent, grid;

// All invocations of the workgroup, and those of a wavefront of 32.
void wait();
void wave_wait();
// What the lane `from` of this wavefront gives; its own where there is no such lane.
unsigned shuffle(unsigned x, int from);
unsigned long long ballot(bool p);
inline unsigned invocation() { return thread.x + extent.x * (thread.y + extent.y * thread.z); }

// Arguments of any type: a host passes the addresses of buffers and of values.
struct pointer {
    void* address;
    template <class T> operator T*() const { return static_cast<T*>(address); }
};
struct value {
    const void* address;
    template <class T> operator T() const {
        T copy;
        __builtin_memcpy(&copy, address, sizeof(T));
        return copy;
    }
};
void open(int count, char** arguments);
pointer buffer(unsigned long bytes);
value given(unsigned long bytes);
int close();
void launch(coordinates groups, coordinates size, void (*kernel)(void*), void* state);
} // namespace host
#define threadIdx host::thread
#define blockIdx host::block
#define gridDim host::grid

inline void __syncthreads() { host::wait(); }
inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
inline void __threadfence_block() { __threadfence(); }
inline unsigned __shfl(unsigned x, int lane, int) { return host::shuffle(x, lane); }
inline unsigned __shfl_up(unsigned x, unsigned by, int) { return host::shuffle(x, int(host::invocation() % 32) - int(by)); }
inline unsigned __shfl_down(unsigned x, unsigned by, int) { return host::shuffle(x, int(host::invocation() % 32 + by)); }
inline unsigned __shfl_xor(unsigned x, int by, int) { return host::shuffle(x, int(host::invocation() % 32) ^ by); }
inline unsigned long long __ballot(int p) { return host::ballot(p != 0); }

template <class T, class F> T host_update(T* place, F next) {
    T seen;
    __atomic_load(place, &seen, __ATOMIC_RELAXED);
    T made = next(seen);
    while (!__atomic_compare_exchange(place, &seen, &made, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
        made = next(seen);
    }
    return seen;
}
inline float host_sum(float a, float b) { return a + b; }
inline int host_sum(int a, int b) { return int(unsigned(a) + unsigned(b)); }
inline unsigned host_sum(unsigned a, unsigned b) { return a + b; }
inline unsigned long long host_sum(unsigned long long a, unsigned long long b) { return a + b; }
template <class T> T atomicAdd(T* place, T v) { return host_update(place, [=](T old) { return host_sum(old, v); }); }
template <class T> T atomicAnd(T* place, T v) { return host_update(place, [=](T old) { return T(old & v); }); }
template <class T> T atomicOr(T* place, T v) { return host_update(place, [=](T old) { return T(old | v); }); }
template <class T> T atomicXor(T* place, T v) { return host_update(place, [=](T old) { return T(old ^ v); }); }
template <class T> T atomicMin(T* place, T v) { return host_update(place, [=](T old) { return old < v ? old : v; }); }
template <class T> T atomicMax(T* place, T v) { return host_update(place, [=](T old) { return old > v ? old : v; }); }
template <class T> T atomicExch(T* place, T v) { return host_update(place, [=](T) { return v; }); }
template <class T> T atomicCAS(T* place, T compare, T v) { return host_update(place, [=](T old) { return old == compare ? v : old; }); }

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(unsigned(x)); }
inline int __clzll(long long x) { return x == 0 ? 64 : __builtin_clzll((unsigned long long)x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __ffsll(long long x) { return __builtin_ffsll(x); }
inline unsigned __brev(unsigned x) { return __builtin_bitreverse32(x); }
inline unsigned long long __brevll(unsigned long long x) { return __builtin_bitreverse64(x); }
