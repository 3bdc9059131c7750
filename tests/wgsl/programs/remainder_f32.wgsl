// `%` of floats has the sign of the dividend.
//: in f32: 5.0, -5.0, 5.5, -5.5, 0.75, -0.75, 100.25, 3.0
//: in f32: 3.0, 3.0, -2.0, -2.0, 0.5, 0.25, 7.0, 4.0
//: out f32 8
//: out f32 8
//: within 1e-6 1e-6
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<storage, read_write> vectors: array<vec2<f32>>;

@compute @workgroup_size(1)
fn main() {
    for (var i = 0u; i < 8u; i++) {
        out[i] = x[i] % y[i];
    }
    for (var i = 0u; i < 4u; i++) {
        vectors[i] = vec2<f32>(x[2u * i], x[2u * i + 1u]) % vec2<f32>(y[2u * i], y[2u * i + 1u]);
    }
}
