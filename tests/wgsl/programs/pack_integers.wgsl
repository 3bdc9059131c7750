// Packing, unpacking and dot products of bytes.
//: in i32: 0, 1, -1, 127, -128, 128, -129, 255, 256, 1000, -1000, 65
//: out u32 12
//: out i32 12
//: out u32 12
//: out i32 9
@group(0) @binding(0) var<storage, read> x: array<i32>;
@group(0) @binding(1) var<storage, read_write> packed: array<u32>;
@group(0) @binding(2) var<storage, read_write> signed: array<i32>;
@group(0) @binding(3) var<storage, read_write> unsigned: array<u32>;
@group(0) @binding(4) var<storage, read_write> dots: array<i32>;

@compute @workgroup_size(1)
fn main() {
    var words: array<u32, 3>;
    for (var i = 0u; i < 3u; i++) {
        let v = vec4<i32>(x[4u * i], x[4u * i + 1u], x[4u * i + 2u], x[4u * i + 3u]);
        packed[4u * i] = pack4xI8(v);
        packed[4u * i + 1u] = pack4xU8(vec4<u32>(v));
        packed[4u * i + 2u] = pack4xI8Clamp(v);
        packed[4u * i + 3u] = pack4xU8Clamp(vec4<u32>(abs(v)));
        words[i] = pack4xI8(v) ^ 0x5a3c96c3u;
        let s = unpack4xI8(words[i]);
        let u = unpack4xU8(words[i]);
        for (var k = 0u; k < 4u; k++) {
            signed[4u * i + k] = s[k];
            unsigned[4u * i + k] = u[k];
        }
    }
    for (var i = 0u; i < 3u; i++) {
        dots[i] = dot4I8Packed(words[i], words[(i + 1u) % 3u]);
        dots[i + 3u] = i32(dot4U8Packed(words[i], words[(i + 1u) % 3u]));
        dots[i + 6u] = dot(vec3<i32>(x[i], x[i + 1u], x[i + 2u]), vec3<i32>(x[i + 3u], x[i + 4u], x[i + 5u]));
    }
}
