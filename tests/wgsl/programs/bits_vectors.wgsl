// Functions of bits on vectors.
//: in u32: 0, 1, 2147483648, 4294967295, 305419896, 65280, 7, 1048576
//: out u32 40
//: out i32 24
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> out: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> out_signed: array<vec2<i32>>;

@compute @workgroup_size(1)
fn main() {
    for (var i = 0u; i < 2u; i++) {
        let v = vec4<u32>(x[4u * i], x[4u * i + 1u], x[4u * i + 2u], x[4u * i + 3u]);
        out[5u * i] = countOneBits(v);
        out[5u * i + 1u] = countLeadingZeros(v) + countTrailingZeros(v) * 100u;
        out[5u * i + 2u] = reverseBits(v);
        out[5u * i + 3u] = extractBits(v, 5u, 9u);
        out[5u * i + 4u] = insertBits(v, vec4<u32>(1u, 2u, 3u, 4u), 3u, 17u);
        let s = vec2<i32>(v.zw);
        out_signed[6u * i] = firstLeadingBit(s);
        out_signed[6u * i + 1u] = firstTrailingBit(s);
        out_signed[6u * i + 2u] = extractBits(s, 28u, 4u);
        out_signed[6u * i + 3u] = abs(s);
        out_signed[6u * i + 4u] = sign(s);
        out_signed[6u * i + 5u] = -s;
    }
}
