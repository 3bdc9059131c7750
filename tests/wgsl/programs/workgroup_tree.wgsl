// A sum over a workgroup as a tree, with a barrier for each round, and a storage barrier.
//: in u32: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32
//: out u32 33
var<workgroup> part: array<u32, 32>;
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> out: array<u32>;

@compute @workgroup_size(32)
fn main(@builtin(local_invocation_index) i: u32) {
    part[i] = x[i];
    workgroupBarrier();
    for (var width = 16u; width > 0u; width /= 2u) {
        if i < width {
            part[i] += part[i + width];
        }
        workgroupBarrier();
    }
    out[i] = part[0] * i;
    storageBarrier();
    if i == 0u {
        out[32] = out[31] + out[1];
    }
}
