// The lanes of a wavefront.
namespace wgsl {
constexpr u32 WAVE = WGSL_WAVE;
typedef u64 lane_mask;
#if WGSL_DIVERGED
WGSL_FN lane_mask lanes() { return ::__ballot(1); }
#else
WGSL_FN lane_mask lanes() { return lanes_that_exist<lane_mask>(WAVE); }
#endif
WGSL_FN lane_mask ballot(bool p) { return ::__ballot(p); }
WGSL_FN u32 shuffle_word(u32 x, u32 lane) { return ::__shfl(x, i32(lane), i32(WAVE)); }
WGSL_FN u32 shuffle_up_word(u32 x, u32 by) { return ::__shfl_up(x, by, i32(WAVE)); }
WGSL_FN u32 shuffle_down_word(u32 x, u32 by) { return ::__shfl_down(x, by, i32(WAVE)); }
WGSL_FN u32 shuffle_xor_word(u32 x, u32 by) { return ::__shfl_xor(x, i32(by), i32(WAVE)); }
WGSL_FN u32 first_lane(lane_mask m) { return u32(::__ffsll(i64(m))) - 1; }
WGSL_FN vec4<u32> words_of(lane_mask m) { return {u32(m), u32(m >> 32), 0, 0}; }
// A wavefront runs in step; memory must only keep its order.
WGSL_FN void subgroup_barrier() { ::__threadfence_block(); }
} // namespace wgsl
