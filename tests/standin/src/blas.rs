//! A stand-in cuBLAS and hipBLAS: matrix products on the CPU, so that code which compares with them runs.
//!
//! Column-major and not transposed, as the hardware kit asks for; anything else is refused.
#![allow(non_snake_case, reason = "names of C")]

use crate::driver::{Code, Handle, Kind, call, put};
use half::f16;
use std::ffi::{c_int, c_void};

/// `cublasStatus_t` and `hipblasStatus_t`, whose numbers differ but for success.
type Status = c_int;
const INVALID: Status = 7;
const FAILED: Status = 13;

/// `CUBLAS_OP_N` and `HIPBLAS_OP_N`.
const PLAIN: [c_int; 2] = [0, 111];
/// `CUDA_R_16F` and `CUBLAS_COMPUTE_32F`.
const HALF: c_int = 2;
const COMPUTE_32F: c_int = 68;

/// `C = alpha · A · B + beta · C` of column-major matrices without gaps.
struct Product {
    operations: [c_int; 2],
    /// Rows of the result, its columns, and what is summed over.
    extents: [c_int; 3],
    strides: [c_int; 3],
    matrices: [u64; 3],
    alpha: f32,
    beta: f32,
}

impl Product {
    fn run(&self, half: bool) -> Status {
        let [m, n, k] = self.extents;
        let plain = self.operations.iter().all(|operation| PLAIN.contains(operation));
        if !plain || self.strides != [m, k, m] || self.extents.iter().any(|&extent| extent <= 0) {
            return INVALID;
        }
        let [m, n, k] = [m, n, k].map(|extent| extent as usize);
        let done = call(Kind::Queue, |driver| {
            let memory = &mut driver.machine.memory;
            let read = |at: u64, count: usize| -> Result<Vec<f32>, Code> {
                let bytes =
                    memory.read(at, count * if half { 2 } else { 4 }).map_err(|_| Code::InvalidValue)?;
                Ok(match half {
                    true => {
                        bytes.chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect()
                    }
                    false => {
                        bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
                    }
                })
            };
            let (a, b) = (read(self.matrices[0], m * k)?, read(self.matrices[1], k * n)?);
            let before = if self.beta == 0.0 { vec![0.0; m * n] } else { read(self.matrices[2], m * n)? };
            let mut bytes = Vec::with_capacity(m * n * 4);
            for (at, &before) in before.iter().enumerate() {
                let (row, column) = (at % m, at / m);
                let sum: f32 = (0..k).map(|i| a[i * m + row] * b[column * k + i]).sum();
                let value = self.alpha * sum + self.beta * before;
                match half {
                    true => bytes.extend(f16::from_f32(value).to_le_bytes()),
                    false => bytes.extend(value.to_le_bytes()),
                }
            }
            memory.write(self.matrices[2], &bytes).map_err(|_| Code::InvalidValue)
        });
        if done == 0 { 0 } else { FAILED }
    }
}

macro_rules! handles {
    ($create:ident $destroy:ident $set_stream:ident) => {
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $create(handle: *mut Handle) -> Status {
            // SAFETY: the caller's pointer, as the manual demands.
            if unsafe { put(handle, std::ptr::dangling_mut::<c_void>()) }.is_ok() { 0 } else { INVALID }
        }

        #[unsafe(no_mangle)]
        extern "C" fn $destroy(_handle: Handle) -> Status {
            0
        }

        /// Everything is done at once, on every stream.
        #[unsafe(no_mangle)]
        extern "C" fn $set_stream(_handle: Handle, _stream: Handle) -> Status {
            0
        }
    };
}

handles!(cublasCreate_v2 cublasDestroy_v2 cublasSetStream_v2);
handles!(hipblasCreate hipblasDestroy hipblasSetStream);

macro_rules! single {
    ($name:ident) => {
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(
            _handle: Handle,
            of_a: c_int,
            of_b: c_int,
            m: c_int,
            n: c_int,
            k: c_int,
            alpha: *const f32,
            a: u64,
            stride_a: c_int,
            b: u64,
            stride_b: c_int,
            beta: *const f32,
            c: u64,
            stride_c: c_int,
        ) -> Status {
            // SAFETY: the caller's pointers to one number each, as the manual demands.
            let (alpha, beta) = unsafe { (alpha.read(), beta.read()) };
            let (operations, extents, strides) = ([of_a, of_b], [m, n, k], [stride_a, stride_b, stride_c]);
            Product { operations, extents, strides, matrices: [a, b, c], alpha, beta }.run(false)
        }
    };
}

single!(cublasSgemm_v2);
single!(hipblasSgemm);

#[unsafe(no_mangle)]
unsafe extern "C" fn cublasGemmEx(
    _handle: Handle,
    of_a: c_int,
    of_b: c_int,
    m: c_int,
    n: c_int,
    k: c_int,
    alpha: *const f32,
    a: u64,
    type_a: c_int,
    stride_a: c_int,
    b: u64,
    type_b: c_int,
    stride_b: c_int,
    beta: *const f32,
    c: u64,
    type_c: c_int,
    stride_c: c_int,
    compute: c_int,
    _algorithm: c_int,
) -> Status {
    if [type_a, type_b, type_c] != [HALF; 3] || compute != COMPUTE_32F {
        return INVALID;
    }
    // SAFETY: the caller's pointers to one number each of the type that it computes in.
    let (alpha, beta) = unsafe { (alpha.read(), beta.read()) };
    let (operations, extents, strides) = ([of_a, of_b], [m, n, k], [stride_a, stride_b, stride_c]);
    Product { operations, extents, strides, matrices: [a, b, c], alpha, beta }.run(true)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn hipblasHgemm(
    _handle: Handle,
    of_a: c_int,
    of_b: c_int,
    m: c_int,
    n: c_int,
    k: c_int,
    alpha: *const u16,
    a: u64,
    stride_a: c_int,
    b: u64,
    stride_b: c_int,
    beta: *const u16,
    c: u64,
    stride_c: c_int,
) -> Status {
    // SAFETY: the caller's pointers to one number each, as the manual demands.
    let [alpha, beta] = unsafe { [alpha.read(), beta.read()] }.map(|bits| f16::from_bits(bits).to_f32());
    let (operations, extents, strides) = ([of_a, of_b], [m, n, k], [stride_a, stride_b, stride_c]);
    Product { operations, extents, strides, matrices: [a, b, c], alpha, beta }.run(true)
}
