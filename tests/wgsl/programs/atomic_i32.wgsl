// Every atomic operation of i32.
//: inout i32: 100, -100, 255, -240, 15, -50, -50, 7, -9, -9
//: out i32 16
@group(0) @binding(0) var<storage, read_write> x: array<atomic<i32>>;
@group(0) @binding(1) var<storage, read_write> out: array<i32>;

@compute @workgroup_size(1)
fn main() {
    out[0] = atomicAdd(&x[0], -5);
    out[1] = atomicSub(&x[1], 2147483647);
    out[2] = atomicAnd(&x[2], -4);
    out[3] = atomicOr(&x[3], 12);
    out[4] = atomicXor(&x[4], -1);
    out[5] = atomicMin(&x[5], 30);
    out[6] = atomicMax(&x[6], -60);
    out[7] = atomicExchange(&x[7], -8);
    let hit = atomicCompareExchangeWeak(&x[8], -9, 10);
    let miss = atomicCompareExchangeWeak(&x[9], 8, 10);
    out[8] = hit.old_value;
    out[9] = i32(hit.exchanged);
    out[10] = miss.old_value;
    out[11] = i32(miss.exchanged);
}
