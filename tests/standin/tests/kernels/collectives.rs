//! What lanes and threads do together.

use crate::Device;

/// Runs a kernel of one warp whose lanes each store `%r9`.
fn lanes(body: &str) -> Vec<u32> {
    let mut device =
        Device::instructions(&format!("mov.u32 %r1, %laneid;\n{body}\nst.global.u32 [%out], %r9;"));
    let (x, out) = (device.upload(&[0u64; 32]), device.upload(&[0u64; 32]));
    device.run("k", 1, 32, &[x.into(), out.into()]);
    device.read_u64(out, 32).into_iter().map(|v| v as u32).collect()
}

fn each(of: impl Fn(u32) -> u32) -> Vec<u32> {
    (0..32).map(of).collect()
}

#[test]
fn shuffles() {
    assert_eq!(lanes("shfl.sync.bfly.b32 %r9, %r1, 5, 31, -1;"), each(|i| i ^ 5));
    assert_eq!(lanes("shfl.sync.up.b32 %r9, %r1, 3, 0, -1;"), each(|i| if i < 3 { i } else { i - 3 }));
    assert_eq!(lanes("shfl.sync.down.b32 %r9, %r1, 3, 31, -1;"), each(|i| if i > 28 { i } else { i + 3 }));
    assert_eq!(lanes("shfl.sync.idx.b32 %r9, %r1, 2, 0x181f, -1;"), each(|i| i / 8 * 8 + 2));
    let valid = "shfl.sync.down.b32 %r8|%p1, %r1, 1, 0x181f, -1;\nselp.b32 %r9, 1, 0, %p1;";
    assert_eq!(lanes(valid), each(|i| u32::from(i % 8 != 7)));
}

#[test]
fn votes_matches_and_reductions() {
    let odd = "and.b32 %r2, %r1, 1;\nsetp.eq.u32 %p1, %r2, 1;\n";
    assert_eq!(lanes(&format!("{odd}vote.sync.ballot.b32 %r9, %p1, -1;")), each(|_| 0xaaaa_aaaa));
    assert_eq!(
        lanes(&format!("{odd}vote.sync.any.pred %p2, !%p1, -1;\nselp.b32 %r9, 1, 0, %p2;")),
        each(|_| 1)
    );
    assert_eq!(
        lanes(&format!("{odd}vote.sync.all.pred %p2, %p1, -1;\nselp.b32 %r9, 1, 0, %p2;")),
        each(|_| 0)
    );
    assert_eq!(
        lanes("shr.u32 %r2, %r1, 4;\nmatch.any.sync.b32 %r9, %r2, -1;"),
        each(|i| 0xffff << (i / 16 * 16))
    );
    assert_eq!(lanes("mov.u32 %r2, 7;\nmatch.all.sync.b32 %r9|%p1, %r2, -1;"), each(|_| u32::MAX));
    assert_eq!(lanes("redux.sync.add.s32 %r9, %r1, -1;"), each(|_| 496));
    assert_eq!(lanes("sub.s32 %r2, %r1, 5;\nredux.sync.min.s32 %r9, %r2, -1;"), each(|_| -5i32 as u32));
    assert_eq!(lanes("sub.s32 %r2, %r1, 5;\nredux.sync.max.u32 %r9, %r2, -1;"), each(|_| u32::MAX));
    // Halves of a warp with masks of their own, at the same instruction.
    let halves = "shr.u32 %r2, %r1, 4;\nshl.b32 %r3, %r2, 4;\nshl.b32 %r4, 0xffff, %r3;\nredux.sync.add.s32 %r9, %r1, %r4;";
    assert_eq!(lanes(halves), each(|i| if i < 16 { 120 } else { 376 }));
    assert_eq!(lanes("mov.u32 %r9, %lanemask_lt;"), each(|i| (1u64 << i) as u32 - 1));
}

#[test]
fn divergent_lanes_meet_again() {
    // Three ways, a loop of as many turns as the lane's number, and a sum over all lanes behind it.
    let body = "mov.u32 %r9, 0;\nmov.u32 %r2, 0;\nsetp.eq.u32 %p1, %r1, 0;\n@%p1 bra DONE;\nLOOP:\nadd.u32 %r2, %r2, 1;\n\
        add.u32 %r9, %r9, %r2;\nsetp.lt.u32 %p2, %r2, %r1;\n@%p2 bra LOOP;\nDONE:\nactivemask.b32 %r3;\n\
        redux.sync.add.u32 %r4, %r9, -1;\nadd.u32 %r9, %r9, %r4;";
    let triangle = |i: u32| i * (i + 1) / 2;
    let total: u32 = (0..32).map(triangle).sum();
    assert_eq!(lanes(body), each(|i| triangle(i) + total));
}

#[test]
fn barriers_reduce_and_count() {
    let source = r#"extern "C" __global__ void k(int* out) {
        int i = threadIdx.x;
        out[i] = __syncthreads_count(i % 3 == 0) * 100 + __syncthreads_and(i < 96) * 10 + __syncthreads_or(i == 95);
    }
    extern "C" __global__ void pipe(int* out) {
        __shared__ int box[32];
        int i = threadIdx.x % 32;
        if (threadIdx.x < 32) { box[i] = i * i; asm volatile("bar.arrive 3, 64;" ::: "memory"); }
        else { asm volatile("bar.sync 3, 64;" ::: "memory"); out[i] = box[31 - i]; }
    }"#;
    let Some(mut device) = Device::compile(source) else { return };
    let out = device.machine.allocate(4 * 96).expect("room");
    device.run("k", 1, 96, &[out.into()]);
    assert_eq!(device.read_u32(out, 96), vec![3211; 96]);
    device.run("pipe", 1, 64, &[out.into()]);
    assert_eq!(device.read_u32(out, 32), each(|i| (31 - i) * (31 - i)));
}

#[test]
fn atomics() {
    let source = r#"#include <cuda_fp16.h>
    extern "C" __global__ void k(unsigned* u, int* s, float* f, __half2* h, unsigned long long* l) {
        int i = threadIdx.x;
        atomicAdd(u, 2); atomicInc(u + 1, 9); atomicDec(u + 2, 9); atomicMax(u + 3, i); atomicMin(u + 4, i);
        atomicAnd(u + 5, ~(1u << (i % 32))); atomicOr(u + 6, 1u << (i % 32)); atomicXor(u + 7, 1u << (i % 32));
        atomicMin(s, -i); atomicMax(s + 1, -i);
        atomicAdd(f, 0.5f);
        atomicAdd(h, __floats2half2_rn(1, 0.5f));
        atomicAdd(l, 1ull << 33);
        __shared__ unsigned shared;
        if (i == 0) shared = 0;
        __syncthreads();
        atomicAdd(&shared, i);
        __syncthreads();
        if (i == 0) u[8] = shared;
    }"#;
    let Some(mut device) = Device::compile(source) else { return };
    let u = device.upload(&[0u32, 0, 0, 0, 99, u32::MAX, 0, 0, 0]);
    let (s, f, h) = (device.upload(&[5i32, -99]), device.upload(&[0f32]), device.upload(&[0u32]));
    let l = device.upload(&[0u64]);
    device.run("k", 1, 64, &[u.into(), s.into(), f.into(), h.into(), l.into()]);
    // 64 turns of a count to 9 and back: 64 mod 10 steps from the start.
    assert_eq!(device.read_u32(u, 9), [128, 4, 6, 63, 0, 0, u32::MAX, 0, 2016]);
    assert_eq!(device.read_u32(s, 2), [-63i32 as u32, 0]);
    assert_eq!(device.read_f32(f, 1), [32.0]);
    assert_eq!(device.read_u32(h, 1), [0x5000_5400]);
    assert_eq!(device.read_u64(l, 1), [64 << 33]);
}
