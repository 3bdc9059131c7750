// Bits are kept between i32, u32 and f32, in scalars and in vectors.
//: in u32: 0, 1, 1065353216, 2147483648, 3212836864, 4294967295, 8388608, 1078530011
//: out f32 8
//: out i32 8
//: out u32 8
//: out f32 8
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> floats: array<f32>;
@group(0) @binding(2) var<storage, read_write> signed: array<i32>;
@group(0) @binding(3) var<storage, read_write> back: array<u32>;
@group(0) @binding(4) var<storage, read_write> vectors: array<vec4<f32>>;

@compute @workgroup_size(1)
fn main() {
    for (var i = 0u; i < 8u; i++) {
        floats[i] = bitcast<f32>(x[i]);
        signed[i] = bitcast<i32>(x[i]);
        back[i] = bitcast<u32>(bitcast<i32>(x[i]) + 1);
    }
    vectors[0] = bitcast<vec4<f32>>(vec4<u32>(x[0], x[1], x[2], x[3]));
    vectors[1] = bitcast<vec4<f32>>(bitcast<vec4<i32>>(vec4<u32>(x[4], x[2], x[6], x[7])));
}
