// `sign` of scalars and of vectors.
//: in f32: 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 0.25, 0.75, 1.5, -1.5, 2.5, -2.5, 3.5, 3.1415927, -2.7182817, 10.0, 100.25, -1000.5, 1e-10, -3e-5, 16777216.0, -2147483648.0, 3e38, -3e38, 1e-30, 1234567.9
//: out f32 26
//: out f32 24
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> scalars: array<f32>;
@group(0) @binding(2) var<storage, read_write> vectors: array<f32>;

@compute @workgroup_size(1)
fn main() {
    for (var i = 0u; i < arrayLength(&x); i++) {
        scalars[i] = sign(x[i]);
    }
    for (var i = 0u; i + 3u < arrayLength(&x); i += 4u) {
        let v = sign(vec4<f32>(x[i], x[i + 1u], x[i + 2u], x[i + 3u]));
        vectors[i] = v.x;
        vectors[i + 1u] = v.y;
        vectors[i + 2u] = v.z;
        vectors[i + 3u] = v.w;
    }
}
