// A product and a sum round twice: with one rounding the difference would not be zero.
//: in f32: 1.0000001, 1.0000002, 3.1415927, 0.1, 1234.5677, 0.3333333
//: out f32 36
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(1)
fn main() {
    for (var i = 0u; i < 6u; i++) {
        for (var j = 0u; j < 6u; j++) {
            let product = x[i] * x[j];
            out[6u * i + j] = x[i] * x[j] - product;
        }
    }
}
