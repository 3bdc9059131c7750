// Subgroup operations on floats, signed integers, halves, 64 bits and vectors of them.
//: needs subgroups f16 int64
//: out u32 32
enable f16;
@group(0) @binding(0) var<storage, read_write> out: array<u32>;

@compute @workgroup_size(32)
fn main(
    @builtin(local_invocation_index) i: u32,
    @builtin(subgroup_size) size: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let last = i - lane + size - 1u;
    var right = 0u;
    right |= u32(subgroupMax(f32(i) * 0.5) == f32(last) * 0.5);
    right |= u32(subgroupMin(-f32(i)) == -f32(last)) << 1u;
    right |= u32(subgroupMin(3 - i32(i)) == 3 - i32(last)) << 2u;
    right |= u32(subgroupShuffleXor(f16(i) * 0.25h, 1u) == f16(i ^ 1u) * 0.25h) << 3u;
    right |= u32(subgroupAdd(1.0h) == f16(size)) << 4u;
    right |= u32(subgroupShuffle(i64(i) - 17179869184, 2u) == i64(i - lane + 2u) - 17179869184) << 5u;
    right |= u32(all(subgroupMax(vec2<i32>(i32(i), -i32(i))) == vec2<i32>(i32(last), -i32(last - size + 1u)))) << 6u;
    right |= u32(all(subgroupOr(vec3<u32>(1u << lane, 0u, 5u)) == vec3<u32>((2u << (size - 1u)) - 1u, 0u, 5u))) << 7u;
    right |= u32(subgroupBroadcast(f16(i), 1u) == f16(i - lane + 1u)) << 8u;
    out[i] = right;
}
