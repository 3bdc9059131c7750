// Immediates: a structure by value.
//: needs immediates
//: immediate u32: 5, 0, 0, 0, 10, 20, 30, 40
//: out u32 8
struct Given {
    count: u32,
    v: vec4<u32>,
}
var<immediate> given: Given;
@group(0) @binding(0) var<storage, read_write> out: array<u32>;

fn third() -> u32 { return given.v.z; }

@compute @workgroup_size(1)
fn main() {
    for (var i = 0u; i < min(given.count, 4u); i++) {
        out[i] = given.v[i];
    }
    out[4] = given.count;
    out[5] = third();
}
