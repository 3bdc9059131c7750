// An index out of range reads some element of the same array; here all elements are equal, so it does not matter which. From a buffer
// zero may come, too.
//: in u32: 9, 9, 9, 9
//: in u32: 4, 100, 4294967295, 2147483648
//: in i32: -1, -2147483648, 4, 2147483647
//: out u32 32
var<private> kept: array<u32, 3>;
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> unsigned: array<u32>;
@group(0) @binding(2) var<storage, read> signed: array<i32>;
@group(0) @binding(3) var<storage, read_write> out: array<u32>;

@compute @workgroup_size(1)
fn main() {
    let filled = array<u32, 5>(7u, 7u, 7u, 7u, 7u);
    var local = filled;
    let v = vec3<u32>(6u);
    var w = vec4<u32>(5u);
    kept = array<u32, 3>(8u, 8u, 8u);
    for (var i = 0u; i < 4u; i++) {
        let u = unsigned[i];
        let s = signed[i];
        out[8u * i] = x[u] % 9u;
        out[8u * i + 1u] = x[s] % 9u;
        out[8u * i + 2u] = local[u];
        out[8u * i + 3u] = local[s];
        out[8u * i + 4u] = v[u];
        out[8u * i + 5u] = w[s];
        out[8u * i + 6u] = kept[u];
        out[8u * i + 7u] = filled[s];
    }
}
