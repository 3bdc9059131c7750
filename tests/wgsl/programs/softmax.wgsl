// A stable softmax over a row, one invocation to a row.
//: in f32: 1.0, 2.0, 3.0, 4.0, -1000.0, 0.0, 1000.0, 999.0, 0.5, 0.5, 0.5, 0.5
//: out f32 12
//: within 1e-6 1e-4
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(3)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.x * 4u;
    var top = x[row];
    for (var i = 1u; i < 4u; i++) { top = max(top, x[row + i]); }
    var sum = 0.0;
    for (var i = 0u; i < 4u; i++) { sum += exp(x[row + i] - top); }
    for (var i = 0u; i < 4u; i++) { out[row + i] = exp(x[row + i] - top) / sum; }
}
