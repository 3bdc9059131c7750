// Operators of vectors of f32, with vectors and with scalars on either side.
//: in f32: 1.0, -2.0, 3.5, -4.25, 0.5, 6.0, -7.5, 8.0
//: out f32 36
//: out u32 4
//: within 0 3e-7
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> out: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> compared: array<u32>;

@compute @workgroup_size(1)
fn main() {
    let a = x[0];
    let b = x[1];
    out[0] = a + b;
    out[1] = a - b;
    out[2] = a * b;
    out[3] = a / (b + 2.5);
    out[4] = a * 2.5;
    out[5] = 2.5 * b;
    out[6] = a + 2.5;
    out[7] = 2.5 - b;
    out[8] = select(a, b, a < b);
    let less = vec4<u32>(a < b) | vec4<u32>(a <= b) << vec4<u32>(1u) | vec4<u32>(a == b) << vec4<u32>(2u);
    let more = vec4<u32>(a > b) << vec4<u32>(3u) | vec4<u32>(a >= b) << vec4<u32>(4u) | vec4<u32>(a != b) << vec4<u32>(5u);
    compared[0] = dot(less | more, vec4<u32>(1u, 64u, 4096u, 262144u));
    compared[1] = u32(all(a < b)) | u32(any(a < b)) << 1u;
}
