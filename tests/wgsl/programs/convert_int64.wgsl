// 64-bit integers from and to 32 bits and floats.
//: needs int64
//: in i64: 0, 1, -1, 4294967296, -4294967297, 9223372036854775807, -9223372036854775808, 1234567890123
//: out i32 8
//: out u32 8
//: out f32 16
//: out u64 8
//: out i64 24
@group(0) @binding(0) var<storage, read> x: array<i64>;
@group(0) @binding(1) var<storage, read_write> signed: array<i32>;
@group(0) @binding(2) var<storage, read_write> unsigned: array<u32>;
@group(0) @binding(3) var<storage, read_write> floats: array<f32>;
@group(0) @binding(4) var<storage, read_write> wide: array<u64>;
@group(0) @binding(5) var<storage, read_write> back: array<i64>;

@compute @workgroup_size(1)
fn main() {
    for (var i = 0u; i < 8u; i++) {
        signed[i] = i32(x[i]);
        unsigned[i] = u32(x[i]);
        floats[2u * i] = f32(x[i]);
        floats[2u * i + 1u] = f32(u64(x[i]));
        wide[i] = u64(x[i]);
        back[3u * i] = i64(i32(x[i]));
        // naga 30 extends the sign of an u32 that becomes an i64, in SPIR-V; so it goes by u64.
        back[3u * i + 1u] = i64(u64(u32(x[i])));
        back[3u * i + 2u] = i64(f32(i32(x[i])) * 3.0);
    }
}
