// `atanh` of scalars and of vectors.
//: in f32: 0.0, 0.1, -0.1, 0.5, -0.5, 0.7, 0.9, -0.9
//: out f32 8
//: out f32 8
//: within 1e-4 1e-3
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> scalars: array<f32>;
@group(0) @binding(2) var<storage, read_write> vectors: array<f32>;

@compute @workgroup_size(1)
fn main() {
    for (var i = 0u; i < arrayLength(&x); i++) {
        scalars[i] = atanh(x[i]);
    }
    for (var i = 0u; i + 3u < arrayLength(&x); i += 4u) {
        let v = atanh(vec4<f32>(x[i], x[i + 1u], x[i + 2u], x[i + 3u]));
        vectors[i] = v.x;
        vectors[i + 1u] = v.y;
        vectors[i + 2u] = v.z;
        vectors[i + 3u] = v.w;
    }
}
