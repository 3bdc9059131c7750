//! `wmma`, `mma` and `ldmatrix`. Fragments are filled and read here by the layouts of the PTX manual, written out once more.

use crate::Device;

#[test]
fn wmma_in_half_and_bf16() {
    let source = r#"#include <cuda_fp16.h>
    #include <cuda_bf16.h>
    #include <mma.h>
    using namespace nvcuda::wmma;
    template <class T> __device__ void multiply(const T* a, const T* b, float* c) {
        fragment<matrix_a, 16, 16, 16, T, row_major> fa;
        fragment<matrix_b, 16, 16, 16, T, col_major> fb;
        fragment<accumulator, 16, 16, 16, float> fc;
        fill_fragment(fc, 1.0f);
        load_matrix_sync(fa, a, 16);
        load_matrix_sync(fb, b, 16);
        mma_sync(fc, fa, fb, fc);
        for (int i = 0; i < fc.num_elements; i++) fc.x[i] *= 2;
        store_matrix_sync(c, fc, 16, mem_row_major);
    }
    extern "C" __global__ void half_(const __half* a, const __half* b, float* c) { multiply(a, b, c); }
    extern "C" __global__ void bf16_(const __nv_bfloat16* a, const __nv_bfloat16* b, float* c) { multiply(a, b, c); }"#;
    let Some(mut device) = Device::compile(source) else { return };
    let a: Vec<f32> = (0..256).map(|i| (i % 11) as f32 - 5.0).collect();
    let b: Vec<f32> = (0..256).map(|i| (i % 7) as f32 * 0.5).collect();
    let expected: Vec<f32> = (0..256)
        .map(|i| 2.0 + 2.0 * (0..16).map(|k| a[i / 16 * 16 + k] * b[i % 16 * 16 + k]).sum::<f32>())
        .collect();
    let c = device.machine.allocate(1024).expect("room");
    type Encode = fn(f32) -> u16;
    let formats: [(&str, Encode); 2] =
        [("half_", |v| half::f16::from_f32(v).to_bits()), ("bf16_", |v| half::bf16::from_f32(v).to_bits())];
    for (kernel, encode) in formats {
        let at = device.upload(&a.iter().map(|&v| encode(v)).collect::<Vec<_>>());
        let bt = device.upload(&b.iter().map(|&v| encode(v)).collect::<Vec<_>>());
        device.run(kernel, 1, 32, &[at.into(), bt.into(), c.into()]);
        assert_eq!(device.read_f32(c, 256), expected, "{kernel}");
        // Half a warp cannot.
        assert!(device.launch(kernel, 1, 16, &[at.into(), bt.into(), c.into()]).is_err());
    }
}

/// Elements of A, B and C by lane, as the manual's tables have them: `(row, column)` of each element that a lane holds, for the shapes below.
fn a_16x16(lane: usize) -> Vec<(usize, usize)> {
    let (g, t) = (lane >> 2, lane % 4);
    (0..8)
        .map(|i| {
            (if matches!(i, 0 | 1 | 4 | 5) { g } else { g + 8 }, t * 2 + (i & 1) + if i >= 4 { 8 } else { 0 })
        })
        .collect()
}

fn b_16x8(lane: usize) -> Vec<(usize, usize)> {
    let (g, t) = (lane >> 2, lane % 4);
    (0..4).map(|i| (t * 2 + (i & 1) + if i >= 2 { 8 } else { 0 }, g)).collect()
}

fn c_16x8(lane: usize) -> Vec<(usize, usize)> {
    let (g, t) = (lane >> 2, lane % 4);
    (0..4).map(|i| (if i < 2 { g } else { g + 8 }, t * 2 + (i & 1))).collect()
}

#[test]
fn mma_m16n8k16_of_halves() {
    let ptx = ".version 8.8\n.target sm_80\n.address_size 64\n\
        .visible .entry k(.param .u64 a, .param .u64 b, .param .u64 c)\n{\n.reg .b32 %r<20>;\n.reg .f32 %f<9>;\n.reg .b64 %d<9>;\n\
        ld.param.u64 %d1, [a];\nld.param.u64 %d2, [b];\nld.param.u64 %d3, [c];\nmov.u32 %r1, %tid.x;\n\
        mad.wide.u32 %d1, %r1, 16, %d1;\nmad.wide.u32 %d2, %r1, 8, %d2;\nmad.wide.u32 %d3, %r1, 16, %d3;\n\
        ld.global.v4.u32 {%r2, %r3, %r4, %r5}, [%d1];\nld.global.v2.u32 {%r6, %r7}, [%d2];\n\
        ld.global.v4.f32 {%f1, %f2, %f3, %f4}, [%d3];\n\
        mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%f1, %f2, %f3, %f4}, {%r2, %r3, %r4, %r5}, {%r6, %r7}, {%f1, %f2, %f3, %f4};\n\
        st.global.v4.f32 [%d3], {%f1, %f2, %f3, %f4};\nret;\n}\n";
    let mut device = Device::new(ptx);
    let a = |row: usize, k: usize| (row * 3 + k * 5) as f32 % 13.0 - 6.0;
    let b = |k: usize, column: usize| (k * 7 + column) as f32 % 9.0 * 0.25;
    let c = |row: usize, column: usize| (row * 8 + column) as f32;
    let half = |v: f32| half::f16::from_f32(v).to_bits();
    let at: Vec<u16> =
        (0..32).flat_map(|lane| a_16x16(lane).into_iter().map(|(r, k)| half(a(r, k)))).collect();
    let bt: Vec<u16> =
        (0..32).flat_map(|lane| b_16x8(lane).into_iter().map(|(k, n)| half(b(k, n)))).collect();
    let ct: Vec<f32> = (0..32).flat_map(|lane| c_16x8(lane).into_iter().map(|(r, n)| c(r, n))).collect();
    let (at, bt, ct) = (device.upload(&at), device.upload(&bt), device.upload(&ct));
    device.run("k", 1, 32, &[at.into(), bt.into(), ct.into()]);
    let expected: Vec<f32> = (0..32)
        .flat_map(c_16x8)
        .map(|(row, column)| c(row, column) + (0..16).map(|k| a(row, k) * b(k, column)).sum::<f32>())
        .collect();
    assert_eq!(device.read_f32(ct, 128), expected);
}

/// `m16n8k32` of bytes: A's elements are rows `g`, `g + 8` and columns `4·t …`, 16 further from the ninth on.
#[test]
fn mma_m16n8k32_of_bytes() {
    let ptx = ".version 8.8\n.target sm_80\n.address_size 64\n\
        .visible .entry k(.param .u64 a, .param .u64 b, .param .u64 c)\n{\n.reg .b32 %r<20>;\n.reg .b64 %d<9>;\n\
        ld.param.u64 %d1, [a];\nld.param.u64 %d2, [b];\nld.param.u64 %d3, [c];\nmov.u32 %r1, %tid.x;\n\
        mad.wide.u32 %d1, %r1, 16, %d1;\nmad.wide.u32 %d2, %r1, 8, %d2;\nmad.wide.u32 %d3, %r1, 16, %d3;\n\
        ld.global.v4.u32 {%r2, %r3, %r4, %r5}, [%d1];\nld.global.v2.u32 {%r6, %r7}, [%d2];\nmov.u32 %r8, 1;\n\
        mma.sync.aligned.m16n8k32.row.col.satfinite.s32.s8.u8.s32 {%r10, %r11, %r12, %r13}, {%r2, %r3, %r4, %r5}, {%r6, %r7}, {%r8, %r8, %r8, %r8};\n\
        st.global.v4.u32 [%d3], {%r10, %r11, %r12, %r13};\nret;\n}\n";
    let mut device = Device::new(ptx);
    let a = |row: usize, k: usize| ((row * 31 + k * 17) % 256) as u8 as i8;
    let b = |k: usize, column: usize| ((k * 13 + column * 29) % 256) as u8;
    let at: Vec<u8> = (0..32)
        .flat_map(|lane| {
            let (g, t) = (lane / 4, lane % 4);
            (0..16).map(move |i| {
                let row = if i % 8 < 4 { g } else { g + 8 };
                a(row, t * 4 + i % 4 + if i >= 8 { 16 } else { 0 }) as u8
            })
        })
        .collect();
    let bt: Vec<u8> = (0..32)
        .flat_map(|lane| (0..8).map(move |i| b(lane % 4 * 4 + i % 4 + i / 4 * 16, lane / 4)))
        .collect();
    let (at, bt, ct) = (device.upload(&at), device.upload(&bt), device.machine.allocate(512).expect("room"));
    device.run("k", 1, 32, &[at.into(), bt.into(), ct.into()]);
    let expected: Vec<u32> = (0..32)
        .flat_map(c_16x8)
        .map(|(row, column)| {
            (1 + (0..32).map(|k| i32::from(a(row, k)) * i32::from(b(k, column))).sum::<i32>()) as u32
        })
        .collect();
    assert_eq!(device.read_u32(ct, 128), expected);
}

#[test]
fn ldmatrix_and_its_transpose() {
    for (transposed, suffix) in [(false, ""), (true, ".trans")] {
        let source = format!(
            r#"extern "C" __global__ void k(const unsigned short* in, unsigned* out) {{
            __shared__ __align__(16) unsigned short tile[256];
            for (int i = threadIdx.x; i < 256; i += 32) tile[i] = in[i];
            __syncwarp();
            unsigned at = (unsigned)__cvta_generic_to_shared(tile + threadIdx.x * 8), r[4];
            asm volatile("ldmatrix.sync.aligned.m8n8.x4{suffix}.shared.b16 {{%0, %1, %2, %3}}, [%4];"
                : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(at) : "memory");
            for (int i = 0; i < 4; i++) out[threadIdx.x * 4 + i] = r[i];
        }}"#
        );
        let Some(mut device) = Device::compile(&source) else { return };
        let input: Vec<u16> = (0..256).collect();
        let (x, out) = (device.upload(&input), device.machine.allocate(512).expect("room"));
        device.run("k", 1, 32, &[x.into(), out.into()]);
        let expected: Vec<u32> = (0..32)
            .flat_map(|lane| {
                (0..4).map(move |j| {
                    let (g, t) = (lane / 4, lane % 4);
                    let at = |row: u32, column: u32| j * 64 + row * 8 + column;
                    match transposed {
                        false => at(g, 2 * t) | at(g, 2 * t + 1) << 16,
                        true => at(2 * t, g) | at(2 * t + 1, g) << 16,
                    }
                })
            })
            .collect();
        assert_eq!(device.read_u32(out, 128), expected, "{suffix}");
    }
}
