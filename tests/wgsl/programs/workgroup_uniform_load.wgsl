// workgroupUniformLoad is a barrier before and after, and gives all invocations one value.
//: out u32 16
var<workgroup> turn: u32;
var<workgroup> sums: array<u32, 2>;
@group(0) @binding(0) var<storage, read_write> out: array<u32>;

@compute @workgroup_size(16)
fn main(@builtin(local_invocation_index) i: u32) {
    var sum = 0u;
    for (var k = 0u; k < 4u; k++) {
        if i == k * 3u {
            turn = i + 1u;
        }
        sum = sum * 20u + workgroupUniformLoad(&turn);
    }
    if i == 0u { sums = array<u32, 2>(3u, 4u); }
    let both = workgroupUniformLoad(&sums);
    out[i] = sum + both[1] * 1000000u;
}
