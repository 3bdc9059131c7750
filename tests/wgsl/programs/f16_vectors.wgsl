// Vectors and matrices of f16, and their layout.
//: needs f16
//: in f16: 1.0, 2.0, 3.0, 4.0, 0.5, 0.25, -1.0, -2.0
//: out f16 32
//: within 1e-3 2e-3
enable f16;
struct Mixed {
    a: f16,
    b: vec3<f16>,
    c: f16,
    d: vec2<f16>,
    e: vec4<f16>,
}
@group(0) @binding(0) var<storage, read> x: array<vec4<f16>>;
@group(0) @binding(1) var<storage, read_write> out: array<Mixed>;

@compute @workgroup_size(1)
fn main() {
    let a = x[0];
    let b = x[1];
    let m = mat2x2<f16>(a.xy, b.xy);
    out[0] = Mixed(dot(a, b), a.xyz * b.x, a.w, m * b.zw, a + b * 2.0h);
    out[1] = Mixed(length(b), cross(a.xyz, b.xyz), b.w, transpose(m) * a.xy, mix(a, b, 0.5h));
}
