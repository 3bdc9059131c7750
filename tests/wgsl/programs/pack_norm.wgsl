// Packing floats into words.
//: in f32: 0.0, 1.0, -1.0, 0.45, -0.45, 2.0, -2.0, 0.1, 0.3337, -0.7771, 0.999, 0.0039
//: out u32 15
//: out u32 6
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<u32>;
@group(0) @binding(2) var<storage, read_write> halves: array<u32>;

@compute @workgroup_size(1)
fn main() {
    for (var i = 0u; i < 3u; i++) {
        let v = vec4<f32>(x[4u * i], x[4u * i + 1u], x[4u * i + 2u], x[4u * i + 3u]);
        out[5u * i] = pack4x8snorm(v);
        out[5u * i + 1u] = pack4x8unorm(v);
        out[5u * i + 2u] = pack2x16snorm(v.xy);
        out[5u * i + 3u] = pack2x16unorm(v.zw);
        out[5u * i + 4u] = pack2x16snorm(v.zw);
        halves[2u * i] = pack2x16float(v.xy);
        halves[2u * i + 1u] = pack2x16float(v.zw * 1000.0);
    }
}
