// Operators of vectors of u32, with vectors and with scalars on either side.
//: in u32: 1, 2, 3, 4294967295, 5, 0, 7, 8
//: out u32 56
//: out u32 4
//: within 0 3e-7
@group(0) @binding(0) var<storage, read> x: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> out: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> compared: array<u32>;

@compute @workgroup_size(1)
fn main() {
    let a = x[0];
    let b = x[1];
    out[0] = a + b;
    out[1] = a - b;
    out[2] = a * b;
    out[3] = a / (b + 3u);
    out[4] = a * 3u;
    out[5] = 3u * b;
    out[6] = a + 3u;
    out[7] = 3u - b;
    out[8] = select(a, b, a < b);
    out[9] = (a & b) | (a ^ b);
    out[10] = a << vec4<u32>(b & vec4<u32>(31));
    out[11] = a >> vec4<u32>(1u, 2u, 3u, 4u);
    out[12] = ~a;
    out[13] = a % b;
    let less = vec4<u32>(a < b) | vec4<u32>(a <= b) << vec4<u32>(1u) | vec4<u32>(a == b) << vec4<u32>(2u);
    let more = vec4<u32>(a > b) << vec4<u32>(3u) | vec4<u32>(a >= b) << vec4<u32>(4u) | vec4<u32>(a != b) << vec4<u32>(5u);
    compared[0] = dot(less | more, vec4<u32>(1u, 64u, 4096u, 262144u));
    compared[1] = u32(all(a < b)) | u32(any(a < b)) << 1u;
}
