// Between i32, u32, f32 and bool.
//: in i32: 0, 1, -1, 16777217, -16777217, 2147483647, -2147483648, 123456789
//: out f32 16
//: out u32 8
//: out i32 24
@group(0) @binding(0) var<storage, read> x: array<i32>;
@group(0) @binding(1) var<storage, read_write> floats: array<f32>;
@group(0) @binding(2) var<storage, read_write> unsigned: array<u32>;
@group(0) @binding(3) var<storage, read_write> bools: array<i32>;

@compute @workgroup_size(1)
fn main() {
    for (var i = 0u; i < 8u; i++) {
        floats[i] = f32(x[i]);
        floats[i + 8u] = f32(u32(x[i]));
        unsigned[i] = u32(x[i]);
        bools[3u * i] = i32(bool(x[i]));
        bools[3u * i + 1u] = select(3, 4, bool(f32(x[i])));
        bools[3u * i + 2u] = i32(f32(bool(u32(x[i]))) * 2.0);
    }
}
