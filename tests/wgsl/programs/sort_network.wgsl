// A bitonic sort of 16 numbers in workgroup memory.
//: in i32: 5, -3, 12, 0, 7, -20, 33, 2, 9, 9, -1, 100, 4, -7, 8, 1
//: out i32 16
var<workgroup> v: array<i32, 16>;
@group(0) @binding(0) var<storage, read> x: array<i32>;
@group(0) @binding(1) var<storage, read_write> out: array<i32>;

@compute @workgroup_size(16)
fn main(@builtin(local_invocation_index) i: u32) {
    v[i] = x[i];
    workgroupBarrier();
    for (var k = 2u; k <= 16u; k *= 2u) {
        for (var j = k / 2u; j > 0u; j /= 2u) {
            let other = i ^ j;
            let a = v[i];
            let b = v[other];
            workgroupBarrier();
            let ascending = (i & k) == 0u;
            let low = i < other;
            v[i] = select(max(a, b), min(a, b), ascending == low);
            workgroupBarrier();
        }
    }
    out[i] = v[i];
}
