// Every atomic operation of u64: what was there and what is there afterwards.
//: needs int64 int64_atomics
//: inout u64: 100, 4294967295, 255, 240, 15, 18446744073709551615, 50, 7, 9, 9, 1, 18446744073709551615
//: out u64 16
@group(0) @binding(0) var<storage, read_write> x: array<atomic<u64>>;
@group(0) @binding(1) var<storage, read_write> out: array<u64>;

@compute @workgroup_size(1)
fn main() {
    out[0] = atomicAdd(&x[0], 5lu);
    out[1] = atomicSub(&x[1], 8589934593lu);
    out[2] = atomicAnd(&x[2], 60lu);
    out[3] = atomicOr(&x[3], 1099511627776lu);
    out[4] = atomicXor(&x[4], 10lu);
    out[5] = atomicMin(&x[5], 30000000000lu);
    out[6] = atomicMax(&x[6], 4000000000000lu);
    out[7] = atomicExchange(&x[7], 8lu);
    let hit = atomicCompareExchangeWeak(&x[8], 9lu, 10lu);
    let miss = atomicCompareExchangeWeak(&x[9], 8lu, 10lu);
    out[8] = hit.old_value;
    out[9] = select(0lu, 1lu, hit.exchanged);
    out[10] = miss.old_value;
    out[11] = select(0lu, 1lu, miss.exchanged);
    out[12] = atomicLoad(&x[10]);
    atomicStore(&x[10], 4294967297lu);
    out[13] = atomicLoad(&x[10]);
    out[14] = atomicAdd(&x[11], 1lu);
}
