// Where an invocation stands in its workgroup.
namespace wgsl {
#define WGSL_INVOCATIONS (WGSL_X * WGSL_Y * WGSL_Z)
WGSL_FN u32 local_invocation_index() {
    const u32 rows = WGSL_Y * WGSL_Z == 1 ? 0 : threadIdx.y + threadIdx.z * WGSL_Y;
    return threadIdx.x + rows * WGSL_X;
}
// The lanes of this subgroup that have an invocation: only the last subgroup can be short of some.
template <class M> WGSL_FN M lanes_that_exist(u32 wave) {
    const u32 first = local_invocation_index() / wave * wave;
    const u32 rest = WGSL_INVOCATIONS - first;
    return WGSL_INVOCATIONS % wave == 0 || rest >= wave ? M(M(~M(0)) >> (8 * sizeof(M) - wave)) : M((M(1) << rest) - 1);
}
} // namespace wgsl
