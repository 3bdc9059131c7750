// Inclusive and exclusive scans of a subgroup.
//: needs subgroups
//: out u32 64
@group(0) @binding(0) var<storage, read_write> out: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) i: u32, @builtin(subgroup_invocation_id) lane: u32) {
    let mine = (i * 2654435761u) >> 24u;
    var sum = 0u;
    var product = 1u;
    for (var l = 0u; l < lane; l++) {
        sum += ((i - lane + l) * 2654435761u) >> 24u;
        product *= (((i - lane + l) * 2654435761u) >> 24u) | 1u;
    }
    var right = 0u;
    right |= u32(subgroupExclusiveAdd(mine) == sum);
    right |= u32(subgroupInclusiveAdd(mine) == sum + mine) << 1u;
    right |= u32(subgroupExclusiveMul(mine | 1u) == product) << 2u;
    right |= u32(subgroupInclusiveMul(mine | 1u) == product * (mine | 1u)) << 3u;
    let v = subgroupExclusiveAdd(vec3<i32>(i32(mine), 1, -1));
    right |= u32(v.x == i32(sum) && v.y == i32(lane) && v.z == -i32(lane)) << 4u;
    out[i] = right;
}
