// `step` of scalars and of vectors.
//: in f32: 1.0, 2.0, -3.0, 4.5, 0.1, 100.0, -0.5, 7.0, -1e10, 3.0
//: in f32: 2.0, -1.0, 2.0, 0.5, 0.3, 1e-3, -0.25, 7.0, 1e10, 1.5
//: out f32 10
//: out f32 10
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> scalars: array<f32>;
@group(0) @binding(3) var<storage, read_write> vectors: array<f32>;

@compute @workgroup_size(1)
fn main() {
    for (var i = 0u; i < arrayLength(&x); i++) {
        scalars[i] = step(x[i], y[i]);
    }
    for (var i = 0u; i + 1u < arrayLength(&x); i += 2u) {
        let v = step(vec2<f32>(x[i], x[i + 1u]), vec2<f32>(y[i], y[i + 1u]));
        vectors[i] = v.x;
        vectors[i + 1u] = v.y;
    }
}
