// A store out of range stays inside of its array: what lies beside it is as it was.
//: in u32: 4, 100, 4294967295, 3000000000
//: out u32 8
struct Guarded {
    before: u32,
    inside: array<u32, 4>,
    after: u32,
}
var<workgroup> guarded: Guarded;
@group(0) @binding(0) var<storage, read> indices: array<u32>;
@group(0) @binding(1) var<storage, read_write> out: array<u32>;

@compute @workgroup_size(1)
fn main() {
    var local: Guarded;
    local.before = 1u;
    local.after = 2u;
    guarded.before = 3u;
    guarded.after = 4u;
    for (var i = 0u; i < 4u; i++) {
        local.inside[indices[i]] = 99u;
        guarded.inside[indices[i]] = 99u;
    }
    out[0] = local.before;
    out[1] = local.after;
    out[2] = guarded.before;
    out[3] = guarded.after;
    out[4] = local.inside[0] + local.inside[1];
}
