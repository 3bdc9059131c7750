// Adding to and exchanging f32 atomically.
//: needs f32_atomics
//: inout f32: 1.5, 10.0, 7.0, 0.0
//: out f32 3
@group(0) @binding(0) var<storage, read_write> x: array<atomic<f32>>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(1)
fn main() {
    out[0] = atomicAdd(&x[0], 2.25);
    out[1] = atomicSub(&x[1], 3.0);
    out[2] = atomicExchange(&x[2], 8.0);
}
