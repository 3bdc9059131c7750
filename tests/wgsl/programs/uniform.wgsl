// Uniform buffers: numbers, vectors, matrices and arrays of vec4.
//: uniform u32: 3, 0, 0, 0, 10, 20, 30, 40, 1065353216, 1073741824, 1077936128, 0, 1082130432, 1084227584, 1086324736, 0, 1088421888, 1090519040, 1091567616, 0, 50, 60, 70, 80, 51, 61, 71, 81, 52, 62, 72, 82
//: out u32 8
//: out f32 4
struct Parameters {
    count: u32,
    v: vec4<u32>,
    m: mat3x3<f32>,
    rows: array<vec4<u32>, 3>,
}
@group(0) @binding(0) var<uniform> p: Parameters;
@group(0) @binding(1) var<storage, read_write> out: array<u32>;
@group(0) @binding(2) var<storage, read_write> product: vec3<f32>;

@compute @workgroup_size(1)
fn main() {
    for (var i = 0u; i < p.count; i++) {
        out[i] = p.rows[i][i] + p.v[i];
    }
    out[3] = p.v.w;
    out[4] = p.count;
    product = p.m * vec3<f32>(1.0, 2.0, 3.0);
}
