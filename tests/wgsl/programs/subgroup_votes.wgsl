// Ballots and votes.
//: needs subgroups
//: out u32 64
@group(0) @binding(0) var<storage, read_write> out: array<u32>;

@compute @workgroup_size(64)
fn main(
    @builtin(local_invocation_index) i: u32,
    @builtin(subgroup_size) size: u32,
    @builtin(subgroup_invocation_id) lane: u32,
    @builtin(subgroup_id) id: u32,
    @builtin(num_subgroups) count: u32,
) {
    let votes = subgroupBallot(i % 3u == 0u);
    let own = (votes[lane / 32u] >> (lane % 32u)) & 1u;
    let everyone = subgroupBallot(true);
    var right = 0u;
    right |= u32(own == u32(i % 3u == 0u));
    right |= u32(dot(countOneBits(everyone), vec4<u32>(1u)) == size) << 1u;
    right |= u32(subgroupAll(i < 64u)) << 2u;
    right |= u32(!subgroupAll(lane > 0u)) << 3u;
    right |= u32(subgroupAny(lane == 2u)) << 4u;
    right |= u32(!subgroupAny(lane >= size)) << 5u;
    right |= u32(count * size == 64u && id * size + lane == i) << 6u;
    subgroupBarrier();
    out[i] = right;
}
