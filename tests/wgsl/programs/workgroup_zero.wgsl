// Workgroup variables are zero at the beginning of each workgroup, whatever the one before left.
//: groups 3
//: out u32 48
struct Shared { a: array<u32, 20>, b: vec3<f32>, c: bool }
var<workgroup> shared_values: Shared;
var<workgroup> flag: u32;
var<workgroup> halves: array<vec2<u32>, 9>;
@group(0) @binding(0) var<storage, read_write> out: array<u32>;

@compute @workgroup_size(16)
fn main(@builtin(local_invocation_index) i: u32, @builtin(workgroup_id) group: vec3<u32>) {
    var sum = flag + shared_values.a[i] + shared_values.a[19u - i] + u32(shared_values.b.z) + u32(shared_values.c);
    sum += halves[i % 9u].x + halves[i % 9u].y;
    out[16u * group.x + i] = sum + 1u;
    workgroupBarrier();
    shared_values.a[i] = 77u;
    shared_values.b = vec3<f32>(5.0);
    shared_values.c = true;
    flag = 3u;
    halves[i % 9u] = vec2<u32>(4u);
}
