// Many invocations of several workgroups add to one counter; a lock-free maximum by compare-exchange.
//: groups 4
//: out u32 4
var<workgroup> local_count: atomic<u32>;
@group(0) @binding(0) var<storage, read_write> x: array<atomic<u32>, 4>;

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    atomicAdd(&x[0], id.x);
    atomicAdd(&local_count, 1u);
    workgroupBarrier();
    if i == 0u {
        atomicAdd(&x[1], atomicLoad(&local_count));
    }
    let mine = (id.x * 37u) % 64u;
    var seen = atomicLoad(&x[2]);
    loop {
        if seen >= mine { break; }
        let r = atomicCompareExchangeWeak(&x[2], seen, mine);
        if r.exchanged { break; }
        seen = r.old_value;
    }
    atomicOr(&x[3], 1u << (i % 32u));
}
