// NaN and infinity go where IEEE sends them through arithmetic.
//: in f32: 0x7fc00000, inf, -inf, 0.0, 1.0, -1.0, 3e38
//: out f32 49
//: out f32 49
//: out u32 49
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;
@group(0) @binding(2) var<storage, read_write> products: array<f32>;
@group(0) @binding(3) var<storage, read_write> bits: array<u32>;

@compute @workgroup_size(1)
fn main() {
    for (var i = 0u; i < 7u; i++) {
        for (var j = 0u; j < 7u; j++) {
            let a = x[i];
            let b = x[j];
            sums[7u * i + j] = a + b;
            products[7u * i + j] = a * b;
            bits[7u * i + j] = u32(a < b) | u32(a <= b) << 1u | u32(a == b) << 2u | u32(a > b) << 3u | u32(a >= b) << 4u;
        }
    }
}
