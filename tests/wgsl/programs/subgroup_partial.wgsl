// A workgroup that does not fill its last subgroup: lanes without an invocation take no part in reductions, scans and votes.
//: needs subgroups
//: out u32 44
@group(0) @binding(0) var<storage, read_write> out: array<u32>;

@compute @workgroup_size(44)
fn main(
    @builtin(local_invocation_index) i: u32,
    @builtin(subgroup_size) size: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let mine = (i * 2654435761u) >> 24u;
    let first = i - lane;
    let count = min(size, 44u - first);
    var sum = 0u;
    var below = 0u;
    var most = 0u;
    for (var l = 0u; l < count; l++) {
        let v = ((first + l) * 2654435761u) >> 24u;
        sum += v;
        most = max(most, v);
        below += select(0u, v, l < lane);
    }
    var right = 0u;
    right |= u32(subgroupAdd(mine) == sum);
    right |= u32(subgroupMax(mine) == most) << 1u;
    right |= u32(subgroupExclusiveAdd(mine) == below) << 2u;
    right |= u32(subgroupInclusiveAdd(mine) == below + mine) << 3u;
    right |= u32(dot(countOneBits(subgroupBallot(true)), vec4<u32>(1u)) == count) << 4u;
    right |= u32(subgroupAll(i < 44u)) << 5u;
    right |= u32(subgroupBroadcastFirst(i) == first) << 6u;
    right |= u32(subgroupShuffle(mine, 0u) == (first * 2654435761u) >> 24u) << 7u;
    out[i] = right;
}
