// Atomics: relaxed, seen by the whole device.
namespace wgsl {
template <class T> WGSL_FN T atomic_load(const T& place) { return *const_cast<const volatile T*>(&place); }
template <class T> WGSL_FN void atomic_store(T& place, T value) { *const_cast<volatile T*>(&place) = value; }
// 64 bits go by the unsigned type.
WGSL_FN u64& unsigned_place(i64& place) { return reinterpret_cast<u64&>(place); }
#define WGSL_ATOMIC(NAME, DEVICE)                                                              \
    WGSL_FN u32 NAME(u32& place, u32 value) { return DEVICE(&place, value); }                  \
    WGSL_FN i32 NAME(i32& place, i32 value) { return DEVICE(&place, value); }                  \
    WGSL_FN u64 NAME(u64& place, u64 value) { return DEVICE(&place, value); }
#define WGSL_ATOMIC_SIGNED64(NAME)                                                             \
    WGSL_FN i64 NAME(i64& place, i64 value) { return i64(NAME(unsigned_place(place), u64(value))); }
WGSL_ATOMIC(atomic_add, ::atomicAdd)
WGSL_ATOMIC_SIGNED64(atomic_add)
WGSL_ATOMIC(atomic_and, ::atomicAnd)
WGSL_ATOMIC_SIGNED64(atomic_and)
WGSL_ATOMIC(atomic_or, ::atomicOr)
WGSL_ATOMIC_SIGNED64(atomic_or)
WGSL_ATOMIC(atomic_xor, ::atomicXor)
WGSL_ATOMIC_SIGNED64(atomic_xor)
WGSL_ATOMIC(atomic_min, ::atomicMin)
WGSL_FN i64 atomic_min(i64& place, i64 value) { return ::atomicMin(&place, value); }
WGSL_ATOMIC(atomic_max, ::atomicMax)
WGSL_FN i64 atomic_max(i64& place, i64 value) { return ::atomicMax(&place, value); }
WGSL_ATOMIC(atomic_exchange, ::atomicExch)
WGSL_ATOMIC_SIGNED64(atomic_exchange)
WGSL_FN f32 atomic_add(f32& place, f32 value) { return ::atomicAdd(&place, value); }
WGSL_FN f32 atomic_exchange(f32& place, f32 value) { return ::atomicExch(&place, value); }
template <class T> WGSL_FN T atomic_sub(T& place, T value) { return atomic_add(place, neg(value)); }
// What was there; it was replaced if that is `compare`.
WGSL_FN u32 atomic_compare_exchange(u32& place, u32 compare, u32 value) { return ::atomicCAS(&place, compare, value); }
WGSL_FN i32 atomic_compare_exchange(i32& place, i32 compare, i32 value) { return ::atomicCAS(&place, compare, value); }
WGSL_FN u64 atomic_compare_exchange(u64& place, u64 compare, u64 value) { return ::atomicCAS(&place, compare, value); }
WGSL_FN i64 atomic_compare_exchange(i64& place, i64 compare, i64 value) {
    return i64(atomic_compare_exchange(unsigned_place(place), u64(compare), u64(value)));
}
} // namespace wgsl
