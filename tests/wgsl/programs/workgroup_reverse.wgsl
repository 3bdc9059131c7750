// Invocations read what others of their workgroup wrote before a barrier.
//: groups 2
//: in f32: 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0
//: out f32 16
var<workgroup> tile: array<f32, 8>;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(8)
fn main(@builtin(local_invocation_index) i: u32, @builtin(global_invocation_id) id: vec3<u32>) {
    tile[i] = x[id.x];
    workgroupBarrier();
    out[id.x] = tile[7u - i];
}
