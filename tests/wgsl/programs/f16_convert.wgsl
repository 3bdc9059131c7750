// f16 from and to other types.
//: needs f16
//: in f32: 0.0, 1.0, -1.0, 0.1, 1000.37, -2049.0, 0.00001, 65504.0, 2.5, -7.75
//: out f16 10
//: out f32 10
//: out i32 10
//: out u32 10
//: out f16 20
enable f16;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> halves: array<f16>;
@group(0) @binding(2) var<storage, read_write> floats: array<f32>;
@group(0) @binding(3) var<storage, read_write> signed: array<i32>;
@group(0) @binding(4) var<storage, read_write> unsigned: array<u32>;
@group(0) @binding(5) var<storage, read_write> from_integers: array<f16>;

@compute @workgroup_size(1)
fn main() {
    for (var i = 0u; i < 10u; i++) {
        let h = f16(x[i]);
        halves[i] = h;
        floats[i] = f32(h);
        signed[i] = i32(h);
        unsigned[i] = u32(h);
        from_integers[2u * i] = f16(i32(x[i]));
        from_integers[2u * i + 1u] = f16(x[i] > 0.5);
    }
}
