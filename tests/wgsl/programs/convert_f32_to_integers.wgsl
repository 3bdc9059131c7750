// Floats become integers towards zero; what does not fit saturates. NaN is left out, since WGSL leaves it open.
//: in f32: 0.0, -0.0, 0.9, -0.9, 1.5, -1.5, 2147483520.0, 2147483648.0, -2147483648.0, -3e9, 4294967040.0, 4294967296.0, 1e20, -1e20, inf, -inf, 1e-20, 16777217.0
//: out i32 18
//: out u32 18
//: out i32 16
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> signed: array<i32>;
@group(0) @binding(2) var<storage, read_write> unsigned: array<u32>;
@group(0) @binding(3) var<storage, read_write> vectors: array<vec4<i32>>;

@compute @workgroup_size(1)
fn main() {
    for (var i = 0u; i < 18u; i++) {
        signed[i] = i32(x[i]);
        unsigned[i] = u32(x[i]);
    }
    for (var i = 0u; i < 4u; i++) {
        vectors[i] = vec4<i32>(vec4<f32>(x[4u * i], x[4u * i + 1u], x[4u * i + 2u], x[4u * i + 3u]));
    }
}
