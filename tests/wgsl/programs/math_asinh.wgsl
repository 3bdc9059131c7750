// `asinh` of scalars and of vectors.
//: in f32: 0.0, 0.1, -0.1, 0.5, -0.5, 0.7853982, 1.0, -1.0, 1.5, 2.0, -2.0, 3.0, -3.0, 3.1, -3.1, 0.001
//: out f32 16
//: out f32 16
//: within 1e-5 1e-3
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> scalars: array<f32>;
@group(0) @binding(2) var<storage, read_write> vectors: array<f32>;

@compute @workgroup_size(1)
fn main() {
    for (var i = 0u; i < arrayLength(&x); i++) {
        scalars[i] = asinh(x[i]);
    }
    for (var i = 0u; i + 3u < arrayLength(&x); i += 4u) {
        let v = asinh(vec4<f32>(x[i], x[i + 1u], x[i + 2u], x[i + 3u]));
        vectors[i] = v.x;
        vectors[i + 1u] = v.y;
        vectors[i + 2u] = v.z;
        vectors[i + 3u] = v.w;
    }
}
