//! Whole kernels out of CUDA C++.

use crate::Device;

#[test]
fn vector_add() {
    let source = r#"extern "C" __global__ void add(const float* a, const float* b, float* c, int n) {
        int i = blockIdx.x * blockDim.x + threadIdx.x;
        if (i < n) c[i] = a[i] + b[i];
    }"#;
    let Some(mut device) = Device::compile(source) else { return };
    let n = 1000;
    let a: Vec<f32> = (0..n).map(|i| i as f32).collect();
    let b: Vec<f32> = (0..n).map(|i| 0.5 * i as f32).collect();
    let (a, b, c) = (device.upload(&a), device.upload(&b), device.machine.allocate(4 * n).expect("room"));
    device.run("add", 8, 128, &[a.into(), b.into(), c.into(), (n as i32).into()]);
    assert!(device.read_f32(c, n).iter().enumerate().all(|(i, &v)| v == 1.5 * i as f32));
}

#[test]
fn tiled_matmul() {
    let source = r#"extern "C" __global__ void matmul(const float* a, const float* b, float* c, int n) {
        __shared__ float at[16][16], bt[16][16];
        int x = threadIdx.x % 16, y = threadIdx.x / 16;
        int tiles = n / 16, column = blockIdx.x % tiles * 16 + x, row = blockIdx.x / tiles * 16 + y;
        float sum = 0;
        for (int t = 0; t < tiles; t++) {
            at[y][x] = a[row * n + t * 16 + x];
            bt[y][x] = b[(t * 16 + y) * n + column];
            __syncthreads();
            for (int k = 0; k < 16; k++) sum += at[y][k] * bt[k][x];
            __syncthreads();
        }
        c[row * n + column] = sum;
    }"#;
    let Some(mut device) = Device::compile(source) else { return };
    let n = 64;
    let a: Vec<f32> = (0..n * n).map(|i| (i % 7) as f32 - 3.0).collect();
    let b: Vec<f32> = (0..n * n).map(|i| (i % 5) as f32 - 2.0).collect();
    let (at, bt, c) =
        (device.upload(&a), device.upload(&b), device.machine.allocate(4 * n * n).expect("room"));
    let start = std::time::Instant::now();
    device.run("matmul", 16, 256, &[at.into(), bt.into(), c.into(), (n as i32).into()]);
    let threads = device.machine.executed() as f64 * 32.0;
    println!("{:.1} M instructions of threads a second", threads / start.elapsed().as_secs_f64() / 1e6);
    let found = device.read_f32(c, n * n);
    for row in 0..n {
        for column in 0..n {
            let sum: f32 = (0..n).map(|k| a[row * n + k] * b[k * n + column]).sum();
            assert_eq!(found[row * n + column], sum);
        }
    }
}

#[test]
fn functions_local_memory_and_printing() {
    let source = r#"#include <cuda_fp16.h>
    __constant__ float table[4] = {1, 2, 3, 4};
    __device__ int counter = 7;
    __device__ const char* name = "hello";
    __noinline__ __device__ float helper(float x, const int* p, int i) { return sinf(x) + p[i]; }
    extern "C" __global__ void mixed(float* out, int n) {
        int i = threadIdx.x;
        int local[8];
        for (int k = 0; k < 8; k++) local[(k * n) & 7] = k;
        int before = atomicAdd(&counter, 1);
        if (i == 2 && n == 3) printf("thread %d, %.2f, %s, %c%%\n", i, 0.25, name, 'x');
        out[i] = helper(0.0f, local, i & 7) + table[i & 3] + (before >= 7 ? 0.5f : 0.0f);
    }"#;
    let Some(mut device) = Device::compile(source) else { return };
    let out = device.machine.allocate(4 * 40).expect("room");
    device.run("mixed", 1, 40, &[out.into(), 3i32.into()]);
    let mut local = [0; 8];
    (0..8).for_each(|k| local[(k * 3) & 7] = k);
    let expected: Vec<f32> = (0..40).map(|i| local[i & 7] as f32 + (i % 4 + 1) as f32 + 0.5).collect();
    assert_eq!(device.read_f32(out, 40), expected);
    assert_eq!(device.machine.printed(), "thread 2, 0.25, hello, x%\n");
    let (counter, bytes) = device.machine.variable(device.module, "counter").expect("a variable");
    assert_eq!((bytes, device.read_u32(counter, 1)[0]), (4, 47));
}

/// Philox 4x32-10 of Salmon and others, "Parallel Random Numbers: As Easy as 1, 2, 3" (2011): the test vectors of their Random123 library.
#[test]
fn philox() {
    let source = r#"extern "C" __global__ void philox(const unsigned* in, unsigned* out) {
        unsigned c[4], k[2];
        for (int i = 0; i < 4; i++) c[i] = in[threadIdx.x * 6 + i];
        for (int i = 0; i < 2; i++) k[i] = in[threadIdx.x * 6 + 4 + i];
        for (int round = 0; round < 10; round++) {
            unsigned long long p = 0xD2511F53ull * c[0], q = 0xCD9E8D57ull * c[2];
            unsigned next[4] = {unsigned(q >> 32) ^ c[1] ^ k[0], unsigned(q), unsigned(p >> 32) ^ c[3] ^ k[1], unsigned(p)};
            for (int i = 0; i < 4; i++) c[i] = next[i];
            k[0] += 0x9E3779B9; k[1] += 0xBB67AE85;
        }
        for (int i = 0; i < 4; i++) out[threadIdx.x * 4 + i] = c[i];
    }"#;
    let Some(mut device) = Device::compile(source) else { return };
    let ones = u32::MAX;
    let input: [u32; 18] = [
        0, 0, 0, 0, 0, 0, //
        ones, ones, ones, ones, ones, ones, //
        0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0,
    ];
    let (source, out) = (device.upload(&input), device.machine.allocate(48).expect("room"));
    device.run("philox", 1, 3, &[source.into(), out.into()]);
    let expected = [
        0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8, //
        0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd, //
        0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1,
    ];
    assert_eq!(device.read_u32(out, 12), expected);
}

/// Lanes of one warp and blocks of one grid that wait for each other: a lock, and a barrier of the whole grid.
#[test]
fn locks_and_grid_barriers_make_progress() {
    let source = r#"extern "C" __global__ void locked(int* lock, int* count) {
        while (atomicCAS(lock, 0, 1) != 0) {}
        __threadfence();
        *(volatile int*)count += 1;
        __threadfence();
        atomicExch(lock, 0);
    }
    extern "C" __global__ void grid(int* arrived, int* in, int* out) {
        int i = blockIdx.x;
        if (threadIdx.x == 0) {
            in[i] = i + 1;
            __threadfence();
            atomicAdd(arrived, 1);
            while (atomicAdd(arrived, 0) < gridDim.x) {}
            __threadfence();
            out[i] = in[(i + 1) % gridDim.x];
        }
    }"#;
    let Some(mut device) = Device::compile(source) else { return };
    let (lock, count) = (device.upload(&[0i32]), device.upload(&[0i32]));
    device.run("locked", 2, 64, &[lock.into(), count.into()]);
    assert_eq!(device.read_u32(count, 1), [128]);
    let (arrived, input) = (device.upload(&[0i32]), device.machine.allocate(24).expect("room"));
    let out = device.machine.allocate(24).expect("room");
    device.run("grid", 6, 32, &[arrived.into(), input.into(), out.into()]);
    assert_eq!(device.read_u32(out, 6), [2, 3, 4, 5, 6, 1]);
}

/// Rows that reduce in shared memory and by shuffles, in bf16 and f16.
#[test]
fn halves_and_reductions() {
    let source = r#"#include <cuda_fp16.h>
    #include <cuda_bf16.h>
    extern "C" __global__ void normalise(const __half* x, __nv_bfloat16* y, float* sums, int n) {
        __shared__ float part[4];
        float s = 0;
        for (int i = threadIdx.x; i < n; i += blockDim.x) s += __half2float(x[blockIdx.x * n + i]);
        for (int o = 16; o; o >>= 1) s += __shfl_xor_sync(~0u, s, o);
        if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = s;
        __syncthreads();
        float total = part[0] + part[1] + part[2] + part[3];
        for (int i = threadIdx.x; i < n; i += blockDim.x)
            y[blockIdx.x * n + i] = __float2bfloat16(__half2float(x[blockIdx.x * n + i]) / total);
        if (threadIdx.x == 0) sums[blockIdx.x] = total;
    }"#;
    let Some(mut device) = Device::compile(source) else { return };
    let n = 200;
    let values: Vec<f32> = (0..2 * n).map(|i| (i % 9) as f32 * 0.25).collect();
    let halves: Vec<u16> = values.iter().map(|&v| half::f16::from_f32(v).to_bits()).collect();
    let x = device.upload(&halves);
    let (y, sums) =
        (device.machine.allocate(4 * n).expect("room"), device.machine.allocate(8).expect("room"));
    device.run("normalise", 2, 128, &[x.into(), y.into(), sums.into(), (n as i32).into()]);
    let totals: Vec<f32> = values.chunks(n).map(|row| row.iter().sum()).collect();
    assert_eq!(device.read_f32(sums, 2), totals);
    let bytes = device.machine.read(y, 4 * n).expect("inside");
    for (i, pair) in bytes.chunks(2).enumerate() {
        let expected = half::bf16::from_f32(values[i] / totals[i / n]);
        assert_eq!(u16::from_le_bytes([pair[0], pair[1]]), expected.to_bits(), "{i}");
    }
}
