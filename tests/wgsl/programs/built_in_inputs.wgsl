// What invocations know of themselves, in a workgroup and a grid of three dimensions.
//: groups 2 3 2
//: out u32 3456
struct Place {
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
}
@group(0) @binding(0) var<storage, read_write> out: array<u32>;

@compute @workgroup_size(4, 3, 2)
fn main(place: Place, @builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let group = place.group.x + place.groups.x * (place.group.y + place.groups.y * place.group.z);
    let at = 12u * (group * 24u + index);
    out[at] = id.x;
    out[at + 1u] = id.y;
    out[at + 2u] = id.z;
    out[at + 3u] = place.local.x + 10u * place.local.y + 100u * place.local.z;
    out[at + 4u] = place.group.x + 10u * place.group.y + 100u * place.group.z;
    out[at + 5u] = place.groups.x + 10u * place.groups.y + 100u * place.groups.z;
    out[at + 6u] = index;
    out[at + 7u] = group;
    out[at + 8u] = dot(id, vec3<u32>(1u, 100u, 10000u));
}
