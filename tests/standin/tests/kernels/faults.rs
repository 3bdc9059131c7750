//! Faults that are planted, each of which must be found where it is.

use crate::Device;
use hadal_standin::FindingKind::{
    Assertion, DivergentBarrier, Hang, Misaligned, OutOfBounds, Race, Trap, Uninitialised, UseAfterFree,
};
use hadal_standin::{LoadError, Machine, Settings};

/// `reverse` with a barrier that a test may leave out.
fn reverse(barrier: &str) -> String {
    format!(
        r#"extern "C" __global__ void reverse(int* x) {{
        __shared__ int tile[64];
        tile[threadIdx.x] = x[threadIdx.x];
        {barrier}
        x[threadIdx.x] = tile[63 - threadIdx.x];
    }}"#
    )
}

#[test]
fn a_barrier_left_out_is_a_race_in_shared_memory() {
    let Some(mut device) = Device::compile(&reverse("__syncthreads();")) else { return };
    let x = device.upload(&(0..64).collect::<Vec<i32>>());
    device.run("reverse", 1, 64, &[x.into()]);
    assert_eq!(device.read_u32(x, 64), (0..64).rev().collect::<Vec<u32>>());
    // The compiler may keep memory operations in their order only.
    let source = reverse("asm volatile(\"\" ::: \"memory\");");
    let Some(mut device) = Device::compile(&source) else { return };
    let x = device.upload(&(0..64).collect::<Vec<i32>>());
    let finding = device.finding("reverse", 1, 64, &[x.into()]);
    // The first warp reads what the second one has not written yet, or the second one what the first has read.
    assert!(matches!(finding.kind, Race | Uninitialised), "{finding}");
    assert!(finding.line > 0 && finding.source_line.contains("shared"), "{finding}");
}

#[test]
fn lanes_of_one_warp_race_without_syncwarp() {
    let body = |sync: &str| {
        format!(
            r#"extern "C" __global__ void pass(int* x) {{
        volatile __shared__ int tile[32];
        tile[threadIdx.x] = 0;
        __syncwarp();
        int got = tile[(threadIdx.x + 1) % 32];
        asm volatile("" ::: "memory");
        {sync}
        ((int*)tile)[threadIdx.x] = got + 1;
        __syncwarp();
        x[threadIdx.x] = ((int*)tile)[31 - threadIdx.x];
    }}"#
        )
    };
    let Some(mut device) = Device::compile(&body("__syncwarp();")) else { return };
    let x = device.upload(&[0i32; 32]);
    device.run("pass", 1, 32, &[x.into()]);
    let Some(mut device) = Device::compile(&body("")) else { return };
    let x = device.upload(&[0i32; 32]);
    let finding = device.finds(Race, "pass", 1, 32, &[x.into()]);
    assert!(finding.message.contains("shared memory"), "{finding}");
}

#[test]
fn blocks_race_in_global_memory() {
    let source = r#"extern "C" __global__ void add(int* x) { if (threadIdx.x == 0) x[0] += blockIdx.x + 1; }
    extern "C" __global__ void atomic(int* x) { if (threadIdx.x == 0) atomicAdd(x, blockIdx.x + 1); }
    extern "C" __global__ void last(int* x, int* count, int* sum, int fences) {
        x[blockIdx.x] = blockIdx.x;
        if (fences) __threadfence();
        if (atomicAdd(count, 1) == gridDim.x - 1) {
            __threadfence();
            int total = 0;
            for (int i = 0; i < gridDim.x; i++) total += x[i];
            *sum = total;
        }
    }"#;
    let Some(mut device) = Device::compile(source) else { return };
    let x = device.upload(&[0i32; 4]);
    let finding = device.finds(Race, "add", 4, 32, &[x.into()]);
    assert_eq!((finding.block, finding.thread), ([1, 0, 0], [0, 0, 0]));
    assert!(finding.message.contains("block [0, 0, 0]"), "{finding}");
    let x = device.upload(&[0i32; 4]);
    device.run("atomic", 4, 32, &[x.into()]);
    assert_eq!(device.read_u32(x, 1), [10]);
    // A fence before an atomic orders, an atomic alone does not.
    for fences in [1i32, 0] {
        let (x, count, sum) = (device.upload(&[0i32; 4]), device.upload(&[0i32]), device.upload(&[0i32]));
        let params = [x.into(), count.into(), sum.into(), fences.into()];
        match fences {
            1 => device.run("last", 4, 1, &params),
            _ => drop(device.finds(Race, "last", 4, 1, &params)),
        }
    }
}

#[test]
fn addresses_outside_and_askew() {
    let source = r#"extern "C" __global__ void index(float* x, int i) { x[i] = 1; }
    extern "C" __global__ void wide(char* x, int i) { *(float4*)(x + i) = make_float4(1, 2, 3, 4); }
    extern "C" __global__ void shared(int* x, int i) {
        __shared__ int a[8], b[8];
        if (threadIdx.x < 8) { a[threadIdx.x] = 1; b[threadIdx.x] = 2; }
        __syncthreads();
        x[threadIdx.x] = a[i + threadIdx.x] + b[threadIdx.x & 7];
    }
    extern "C" __global__ void local(int* x, int i) {
        int a[4];
        for (int k = 0; k < 4; k++) a[k * i & 3] = k;
        x[0] = a[i];
    }
    __constant__ int table[4];
    extern "C" __global__ void constant(int* x, int i) { x[0] = table[i]; }"#;
    let Some(mut device) = Device::compile(source) else { return };
    let x = device.upload(&[0f32; 16]);
    device.run("index", 1, 1, &[x.into(), 15i32.into()]);
    let finding = device.finds(OutOfBounds, "index", 1, 1, &[x.into(), 16i32.into()]);
    assert!(finding.message.contains("byte 64 of an allocation"), "{finding}");
    assert!(finding.source_line.starts_with("st.global"), "{finding}");
    device.finds(OutOfBounds, "index", 1, 1, &[x.into(), (-1i32).into()]);
    device.finds(OutOfBounds, "index", 1, 1, &[0u64.into(), 0i32.into()]);
    device.finds(Misaligned, "wide", 1, 1, &[x.into(), 4i32.into()]);
    device.finds(Misaligned, "index", 1, 1, &[(x + 2).into(), 0i32.into()]);
    device.run("shared", 1, 8, &[x.into(), 0i32.into()]);
    let finding = device.finds(OutOfBounds, "shared", 1, 8, &[x.into(), 1i32.into()]);
    assert_eq!(finding.thread, [7, 0, 0]);
    device.finds(OutOfBounds, "local", 1, 1, &[x.into(), 5i32.into()]);
    device.finds(OutOfBounds, "constant", 1, 1, &[x.into(), 4i32.into()]);
}

#[test]
fn memory_that_nobody_wrote_or_that_is_gone() {
    let source = r#"extern "C" __global__ void copy(const int* x, int* y) { y[threadIdx.x] = x[threadIdx.x]; }
    extern "C" __global__ void shared(int* y) {
        __shared__ int a[32];
        if (threadIdx.x < 31) a[threadIdx.x] = 1;
        __syncthreads();
        y[threadIdx.x] = a[threadIdx.x];
    }"#;
    let Some(mut device) = Device::compile(source) else { return };
    let (x, y) = (device.machine.allocate(128).expect("room"), device.machine.allocate(128).expect("room"));
    device.machine.write(x, &[0; 120]).expect("inside");
    let finding = device.finds(Uninitialised, "copy", 1, 32, &[x.into(), y.into()]);
    assert_eq!(finding.thread, [30, 0, 0]);
    let finding = device.finds(Uninitialised, "shared", 1, 32, &[y.into()]);
    assert_eq!(finding.thread, [31, 0, 0]);
    device.machine.free(x).expect("once");
    device.finds(UseAfterFree, "copy", 1, 32, &[x.into(), y.into()]);
    assert!(device.machine.free(x).is_err());
}

#[test]
fn a_vector_may_end_behind_what_was_written_if_nobody_uses_that() {
    let source = r#"extern "C" __global__ void tail(const int4* x, int4* y) { int4 v = *x; v.x += v.y; *y = v; }
    extern "C" __global__ void head(const int4* x, int4* y) { *y = x[1]; }
    extern "C" __global__ void branch(const int4* x, int* y) { int4 v = *x; if (v.x + v.w > 3) atomicAdd(y, v.y); }"#;
    let Some(mut device) = Device::compile(source) else { return };
    let (x, y) = (device.machine.allocate(32).expect("room"), device.upload(&[0u32; 4]));
    device.machine.write(x, &[1, 0, 0, 0, 2, 0, 0, 0]).expect("inside");
    device.run("tail", 1, 1, &[x.into(), y.into()]);
    assert_eq!(device.read_u32(y, 2), [3, 2]);
    device.finds(Uninitialised, "head", 1, 1, &[x.into(), y.into()]);
    let finding = device.finds(Uninitialised, "branch", 1, 1, &[x.into(), y.into()]);
    assert!(finding.source_line.starts_with('@'), "{finding}");
}

#[test]
fn registers_that_hold_nothing() {
    let mut device = Device::instructions("st.global.u32 [%out], %r1;\nld.global.u32 %r2, [%out];");
    let x = device.upload(&[0u64; 2]);
    device.finds(Uninitialised, "k", 1, 1, &[x.into(), x.into()]);
    let mut device = Device::instructions("setp.eq.s32 %p1, %r1, 0;\n@%p1 bra L;\nmov.u32 %r2, 1;\nL:");
    let x = device.upload(&[0u64; 2]);
    let finding = device.finds(Uninitialised, "k", 1, 1, &[x.into(), x.into()]);
    assert!(finding.source_line.starts_with("@%p1 bra"), "{finding}");
    let mut device = Device::instructions("add.s64 %d2, %d1, 8;\nst.global.u32 [%d2], 0;");
    let x = device.upload(&[0u64; 2]);
    device.finds(Uninitialised, "k", 1, 1, &[x.into(), x.into()]);
}

#[test]
fn barriers_that_not_all_reach() {
    let source = r#"extern "C" __global__ void half(int n) { if (threadIdx.x < n) __syncthreads(); }
    extern "C" __global__ void early(int n) { if (threadIdx.x >= n) return; __syncthreads(); }
    extern "C" __global__ void other(int n) { if (threadIdx.x < n) { asm volatile("bar.sync 1;"); } else { asm volatile("bar.sync 2;"); } }
    extern "C" __global__ void vote(int n) { if (threadIdx.x < n) __any_sync(~0u, threadIdx.x); }
    extern "C" __global__ void counted(int n) { if (threadIdx.x < n) asm volatile("bar.sync 1, 64;"); }"#;
    let Some(mut device) = Device::compile(source) else { return };
    for kernel in ["half", "early", "other"] {
        device.finds(DivergentBarrier, kernel, 1, 64, &[16i32.into()]);
        device.finds(DivergentBarrier, kernel, 1, 64, &[32i32.into()]);
    }
    let finding = device.finds(DivergentBarrier, "half", 1, 64, &[32i32.into()]);
    assert!(finding.source_line.starts_with("bar.sync"), "{finding}");
    for kernel in ["half", "early"] {
        device.run(kernel, 1, 64, &[64i32.into()]);
    }
    device.run("counted", 1, 96, &[64i32.into()]);
    device.finds(DivergentBarrier, "counted", 1, 96, &[32i32.into()]);
    // Lanes that a mask names and that never come: here they wait elsewhere.
    let ptx = "mov.u32 %r1, %tid.x;\nsetp.lt.u32 %p1, %r1, 16;\n@%p1 bra L;\nbar.sync 0;\nret;\nL:\nvote.sync.any.pred %p2, %p1, -1;";
    let mut device = Device::instructions(ptx);
    device.finds(DivergentBarrier, "k", 1, 32, &[0u64.into(), 0u64.into()]);
}

#[test]
fn traps_assertions_and_hangs() {
    let source = r#"
    extern "C" __global__ void trap(int n) { if (threadIdx.x == n) __trap(); }
    extern "C" __global__ void spin(volatile int* x) { while (*x == 0) {} }"#;
    let Some(mut device) = Device::compile(source) else { return };
    let finding = device.finds(Trap, "trap", 1, 64, &[33i32.into()]);
    assert_eq!(finding.thread, [33, 0, 0]);
    let mut machine = Machine::new(Settings { instructions: 100_000, ..Settings::default() });
    std::mem::swap(&mut device.machine, &mut machine);
    let Some(ptx) = crate::nvrtc::compile(source) else { return };
    device.module = device.machine.load(&ptx).expect("it was loaded before");
    let x = device.upload(&[0i32]);
    device.finds(Hang, "spin", 1, 32, &[x.into()]);
    let source = r#"extern "C" __device__ void __assertfail(const char*, const char*, unsigned, const char*, size_t);
    extern "C" __global__ void check(int n) { if (threadIdx.x == n) __assertfail("n is small", "a.cu", 7, "check", 1); }"#;
    let Some(mut device) = Device::compile(source) else { return };
    let finding = device.finds(Assertion, "check", 1, 8, &[3i32.into()]);
    assert_eq!(finding.message, "`n is small` does not hold at a.cu:7");
}

#[test]
fn asynchronous_copies_are_waited_for() {
    let body = |wait: &str| {
        format!(
            r#"extern "C" __global__ void copy(const int* x, int* y) {{
        __shared__ int a[64];
        unsigned to = (unsigned)__cvta_generic_to_shared(&a[threadIdx.x]);
        asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" :: "r"(to), "l"(x + threadIdx.x) : "memory");
        asm volatile("cp.async.commit_group;" ::: "memory");
        {wait}
        __syncthreads();
        y[threadIdx.x] = a[63 - threadIdx.x];
    }}"#
        )
    };
    for (wait, waits) in [("asm volatile(\"cp.async.wait_group 0;\" ::: \"memory\");", true), ("", false)] {
        let Some(mut device) = Device::compile(&body(wait)) else { return };
        let (x, y) = (device.upload(&(0..64).collect::<Vec<i32>>()), device.upload(&[0i32; 64]));
        match waits {
            true => {
                device.run("copy", 1, 64, &[x.into(), y.into()]);
                assert_eq!(device.read_u32(y, 64), (0..64).rev().collect::<Vec<u32>>());
            }
            false => drop(device.finds(Uninitialised, "copy", 1, 64, &[x.into(), y.into()])),
        }
    }
}

/// What is not known is refused by name when it is loaded.
#[test]
fn unknown_instructions_and_modifiers_are_named() {
    for (instruction, named) in [
        ("frobnicate.u32 %r1, %r2;", "frobnicate"),
        ("add.rq.f32 %f1, %f2, %f3;", ".rq"),
        ("ld.global.sideways.u32 %r1, [%in];", "sideways"),
        ("mov.u32 %r1, %nosuch;", "%nosuch"),
        ("tex.2d.v4.f32.f32 {%f1, %f2, %f3, %f4}, [%in];", "tex"),
        ("mma.sync.aligned.m8n8k4.row.col.f32.f16.f16.f32 {%f1, %f2}, {%r1}, {%r2}, {%f1, %f2};", "matri"),
        ("atom.global.mul.f32 %f1, [%in], %f2;", "atomic"),
        ("cvt.f32.s32 %f1, %r1, %r2;", "operands"),
    ] {
        let ptx = format!(
            ".version 8.8\n.target sm_90\n.address_size 64\n.visible .entry k(.param .u64 in)\n{{\n\
             .reg .b32 %r<9>;\n.reg .f32 %f<9>;\n.reg .b64 %in;\n{instruction}\nret;\n}}\n"
        );
        match Machine::new(Settings::default()).load(&ptx) {
            Err(LoadError::Compile(error)) => {
                assert_eq!(error.line, 9, "{error}");
                assert!(error.to_string().contains(named), "{error}");
            }
            Err(other) => assert!(other.to_string().contains(named), "{other}"),
            Ok(_) => panic!("`{instruction}` was loaded"),
        }
    }
}
