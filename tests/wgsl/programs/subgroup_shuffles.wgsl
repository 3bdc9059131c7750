// Shuffles, broadcasts, quads: who gets whose value.
//: needs subgroups
//: out u32 64
@group(0) @binding(0) var<storage, read_write> out: array<u32>;

@compute @workgroup_size(64)
fn main(
    @builtin(local_invocation_index) i: u32,
    @builtin(subgroup_size) size: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let first = i - lane;
    let mine = i * 3u + 1u;
    var right = 0u;
    right |= u32(subgroupShuffle(mine, size - 1u - lane) == (first + size - 1u - lane) * 3u + 1u);
    right |= u32(subgroupShuffleXor(mine, 2u) == (first + (lane ^ 2u)) * 3u + 1u) << 1u;
    let up = subgroupShuffleUp(mine, 1u);
    right |= u32(lane == 0u || up == (i - 1u) * 3u + 1u) << 2u;
    let down = subgroupShuffleDown(mine, 2u);
    right |= u32(lane + 2u >= size || down == (i + 2u) * 3u + 1u) << 3u;
    right |= u32(subgroupBroadcast(mine, 3u) == (first + 3u) * 3u + 1u) << 4u;
    right |= u32(subgroupBroadcastFirst(mine) == first * 3u + 1u) << 5u;
    right |= u32(quadBroadcast(mine, 2u) == ((i & ~3u) + 2u) * 3u + 1u) << 6u;
    right |= u32(quadSwapX(mine) == (i ^ 1u) * 3u + 1u) << 7u;
    right |= u32(quadSwapY(mine) == (i ^ 2u) * 3u + 1u) << 8u;
    right |= u32(quadSwapDiagonal(mine) == (i ^ 3u) * 3u + 1u) << 9u;
    let v = subgroupShuffleXor(vec4<f32>(f32(i), -1.0, f32(lane), 0.5), 1u);
    right |= u32(all(v == vec4<f32>(f32(i ^ 1u), -1.0, f32(lane ^ 1u), 0.5))) << 10u;
    out[i] = right;
}
