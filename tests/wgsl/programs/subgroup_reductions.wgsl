// Reductions over a subgroup agree with what each invocation adds up by shuffles, whatever the size of a subgroup is.
//: needs subgroups
//: out u32 64
@group(0) @binding(0) var<storage, read_write> out: array<u32>;

@compute @workgroup_size(64)
fn main(
    @builtin(local_invocation_index) i: u32,
    @builtin(subgroup_size) size: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let mine = (i * 2654435761u) >> 20u;
    var sum = 0u;
    var product = 1u;
    var least = 0xffffffffu;
    var most = 0u;
    var all_bits = 0xffffffffu;
    var any_bits = 0u;
    var odd_bits = 0u;
    for (var l = 0u; l < size; l++) {
        let v = subgroupShuffle(mine, l);
        sum += v;
        product *= v | 1u;
        least = min(least, v);
        most = max(most, v);
        all_bits &= v;
        any_bits |= v;
        odd_bits ^= v;
    }
    var right = 0u;
    right |= u32(subgroupAdd(mine) == sum);
    right |= u32(subgroupMul(mine | 1u) == product) << 1u;
    right |= u32(subgroupMin(mine) == least) << 2u;
    right |= u32(subgroupMax(mine) == most) << 3u;
    right |= u32(subgroupAnd(mine) == all_bits) << 4u;
    right |= u32(subgroupOr(mine) == any_bits) << 5u;
    right |= u32(subgroupXor(mine) == odd_bits) << 6u;
    let v = subgroupAdd(vec2<f32>(f32(mine), 1.0));
    right |= u32(v.x == f32(sum) && v.y == f32(size)) << 7u;
    right |= u32(subgroupMin(-i32(mine)) == -i32(most)) << 8u;
    out[i] = right;
}
