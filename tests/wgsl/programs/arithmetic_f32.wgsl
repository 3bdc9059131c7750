// Every operator of two f32, over pairs.
//: in f32: 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 0.25, 0.75, 1.5, -1.5, 2.5, -2.5, 3.5, 3.1415927, -2.7182817, 10.0
//: out f32 1024
//: out u32 256
//: within 0 3e-7
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read_write> compared: array<u32>;

@compute @workgroup_size(1)
fn main() {
    let n = arrayLength(&x);
    for (var i = 0u; i < n; i++) {
        for (var j = 0u; j < n; j++) {
            let a = x[i];
            let b = x[j];
            let k = n * i + j;
            out[4u * k] = a + b;
            out[4u * k + 1u] = a - b;
            out[4u * k + 2u] = a * b;
            out[4u * k + 3u] = a / select(b, 1.0, b == 0.0);
            compared[k] = u32(a == b) | u32(a != b) << 1u | u32(a < b) << 2u | u32(a <= b) << 3u | u32(a > b) << 4u | u32(a >= b) << 5u;
        }
    }
}
