// The lanes of a warp.
namespace wgsl {
constexpr u32 WAVE = 32;
typedef u32 lane_mask;
#if WGSL_DIVERGED
WGSL_FN lane_mask lanes() { return ::__activemask(); }
#else
WGSL_FN lane_mask lanes() { return lanes_that_exist<lane_mask>(WAVE); }
#endif
WGSL_FN lane_mask ballot(bool p) { return ::__ballot_sync(lanes(), p); }
WGSL_FN u32 shuffle_word(u32 x, u32 lane) { return ::__shfl_sync(lanes(), x, i32(lane)); }
WGSL_FN u32 shuffle_up_word(u32 x, u32 by) { return ::__shfl_up_sync(lanes(), x, by); }
WGSL_FN u32 shuffle_down_word(u32 x, u32 by) { return ::__shfl_down_sync(lanes(), x, by); }
WGSL_FN u32 shuffle_xor_word(u32 x, u32 by) { return ::__shfl_xor_sync(lanes(), x, i32(by)); }
WGSL_FN u32 first_lane(lane_mask m) { return u32(::__ffs(i32(m))) - 1; }
WGSL_FN vec4<u32> words_of(lane_mask m) { return {m, 0, 0, 0}; }
WGSL_FN void subgroup_barrier() { ::__syncwarp(lanes()); }
} // namespace wgsl
