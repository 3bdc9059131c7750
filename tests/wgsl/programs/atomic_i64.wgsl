// Every atomic operation of i64: what was there and what is there afterwards.
//: needs int64 int64_atomics
//: inout i64: 100, 4294967296, 255, 240, 15, -50, 50, 7, 9, 9, -1, 9223372036854775807
//: out i64 16
@group(0) @binding(0) var<storage, read_write> x: array<atomic<i64>>;
@group(0) @binding(1) var<storage, read_write> out: array<i64>;

@compute @workgroup_size(1)
fn main() {
    out[0] = atomicAdd(&x[0], 5li);
    out[1] = atomicSub(&x[1], 8589934593li);
    out[2] = atomicAnd(&x[2], 60li);
    out[3] = atomicOr(&x[3], 1099511627776li);
    out[4] = atomicXor(&x[4], 10li);
    out[5] = atomicMin(&x[5], -30000000000li);
    out[6] = atomicMax(&x[6], 4000000000000li);
    out[7] = atomicExchange(&x[7], 8li);
    let hit = atomicCompareExchangeWeak(&x[8], 9li, 10li);
    let miss = atomicCompareExchangeWeak(&x[9], 8li, 10li);
    out[8] = hit.old_value;
    out[9] = select(0li, 1li, hit.exchanged);
    out[10] = miss.old_value;
    out[11] = select(0li, 1li, miss.exchanged);
    out[12] = atomicLoad(&x[10]);
    atomicStore(&x[10], 4294967297li);
    out[13] = atomicLoad(&x[10]);
    out[14] = atomicAdd(&x[11], 1li);
}
