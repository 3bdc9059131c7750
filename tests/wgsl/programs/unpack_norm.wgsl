// Unpacking words into floats.
//: in u32: 0, 4294967295, 2147450879, 2155905152, 1006649344, 305419896, 1065369600, 3221274624
//: out f32 64
//: out f32 48
//: within 1e-7 1e-7
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> fours: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> twos: array<vec2<f32>>;

@compute @workgroup_size(1)
fn main() {
    for (var i = 0u; i < 8u; i++) {
        fours[2u * i] = unpack4x8snorm(x[i]);
        fours[2u * i + 1u] = unpack4x8unorm(x[i]);
        twos[3u * i] = unpack2x16snorm(x[i]);
        twos[3u * i + 1u] = unpack2x16unorm(x[i]);
        twos[3u * i + 2u] = unpack2x16float(x[i] & 0x7bff7bffu);
    }
}
