//! Matrix multiplication of one tile: the interface, and its first implementations.

/// Strides of a matrix in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Strides {
    pub(crate) row: isize,
    pub(crate) column: isize,
}

/// A type whose matrices can be multiplied.
pub(crate) trait Gemm: Copy + Default + Send + Sync + 'static {
    /// `C = A · B`, or `C += A · B` where `accumulate`; `C` is m×n, `A` is m×k, `B` is k×n. `threads` above 1 only on a thread of the
    /// pool, outside of other parallel work.
    ///
    /// Safety: the strides stay within the matrices' memory; `C` is apart from `A` and `B`.
    #[allow(clippy::too_many_arguments, reason = "the customary signature of gemm")]
    unsafe fn gemm(
        size: (usize, usize, usize),
        c: (*mut Self, Strides),
        accumulate: bool,
        a: (*const Self, Strides),
        b: (*const Self, Strides),
        threads: usize,
    );
}

macro_rules! float {
    ($t:ty) => {
        impl Gemm for $t {
            unsafe fn gemm(
                (m, n, k): (usize, usize, usize),
                (c, cs): (*mut Self, Strides),
                accumulate: bool,
                (a, a_s): (*const Self, Strides),
                (b, bs): (*const Self, Strides),
                threads: usize,
            ) {
                #[cfg(not(target_arch = "wasm32"))]
                let parallelism =
                    if threads > 1 { gemm::Parallelism::Rayon(threads) } else { gemm::Parallelism::None };
                #[cfg(target_arch = "wasm32")]
                let parallelism = {
                    let _ = threads;
                    gemm::Parallelism::None
                };
                // SAFETY: the caller's promise.
                unsafe {
                    gemm::gemm(
                        m,
                        n,
                        k,
                        c,
                        cs.column,
                        cs.row,
                        accumulate,
                        a,
                        a_s.column,
                        a_s.row,
                        b,
                        bs.column,
                        bs.row,
                        1.0,
                        1.0,
                        false,
                        false,
                        false,
                        parallelism,
                    )
                }
            }
        }
    };
}
float!(f32);
float!(f64);

macro_rules! integer {
    ($($t:ty),*) => {$(
        impl Gemm for $t {
            unsafe fn gemm(
                (m, n, k): (usize, usize, usize),
                (c, cs): (*mut Self, Strides),
                accumulate: bool,
                (a, a_s): (*const Self, Strides),
                (b, bs): (*const Self, Strides),
                _threads: usize,
            ) {
                // Rows of `C` as sums of rows of `B`: the inner loop is contiguous where `B` and `C` are.
                for i in 0..m as isize {
                    // SAFETY: the caller's promise, for every access below.
                    unsafe {
                        let c = c.offset(i * cs.row);
                        if !accumulate {
                            (0..n as isize).for_each(|j| *c.offset(j * cs.column) = 0);
                        }
                        for l in 0..k as isize {
                            let x = *a.offset(i * a_s.row + l * a_s.column);
                            let b = b.offset(l * bs.row);
                            if cs.column == 1 && bs.column == 1 {
                                let b = std::slice::from_raw_parts(b, n);
                                let c = std::slice::from_raw_parts_mut(c, n);
                                c.iter_mut().zip(b).for_each(|(c, &y)| *c = c.wrapping_add(x.wrapping_mul(y)));
                            } else {
                                for j in 0..n as isize {
                                    let c = c.offset(j * cs.column);
                                    *c = (*c).wrapping_add(x.wrapping_mul(*b.offset(j * bs.column)));
                                }
                            }
                        }
                    }
                }
            }
        }
    )*};
}
integer!(i8, i16, i32, i64, u8, u16, u32, u64);
