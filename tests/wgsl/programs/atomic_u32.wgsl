// Every atomic operation of u32, on storage and on workgroup memory: what was there and what is there afterwards.
//: inout u32: 100, 100, 255, 240, 15, 50, 50, 7, 9, 9
//: out u32 20
var<workgroup> w: array<atomic<u32>, 4>;
@group(0) @binding(0) var<storage, read_write> x: array<atomic<u32>>;
@group(0) @binding(1) var<storage, read_write> out: array<u32>;

@compute @workgroup_size(1)
fn main() {
    out[0] = atomicAdd(&x[0], 5u);
    out[1] = atomicSub(&x[1], 101u);
    out[2] = atomicAnd(&x[2], 60u);
    out[3] = atomicOr(&x[3], 12u);
    out[4] = atomicXor(&x[4], 10u);
    out[5] = atomicMin(&x[5], 30u);
    out[6] = atomicMax(&x[6], 4000000000u);
    out[7] = atomicExchange(&x[7], 8u);
    let hit = atomicCompareExchangeWeak(&x[8], 9u, 10u);
    let miss = atomicCompareExchangeWeak(&x[9], 8u, 10u);
    out[8] = hit.old_value;
    out[9] = u32(hit.exchanged);
    out[10] = miss.old_value;
    out[11] = u32(miss.exchanged);
    atomicStore(&w[1], 6u);
    atomicAdd(&w[1], 1u);
    atomicMax(&w[2], 3u);
    out[12] = atomicLoad(&w[1]);
    out[13] = atomicLoad(&w[2]) + atomicLoad(&w[0]);
    out[14] = atomicLoad(&x[0]);
}
