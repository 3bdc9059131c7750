//! Matrix multiplication of one tile: the interface, and its first implementations.

use crate::ops::Number;
use crate::simd::multiversion;
use gemm_common::Parallelism;

/// Strides of a matrix in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Strides {
    pub(crate) row: isize,
    pub(crate) column: isize,
}

impl Strides {
    pub(crate) fn transposed(self) -> Strides {
        Strides { row: self.column, column: self.row }
    }
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
    ($t:ty, $kernel:path, $elsewhere:path) => {
        impl Gemm for $t {
            unsafe fn gemm(
                (mut m, mut n, k): (usize, usize, usize),
                (c, mut cs): (*mut Self, Strides),
                accumulate: bool,
                (mut a, mut a_s): (*const Self, Strides),
                (mut b, mut bs): (*const Self, Strides),
                threads: usize,
            ) {
                // SAFETY: the caller's promise.
                if unsafe { $elsewhere((m, n, k), (c, cs), accumulate, (a, a_s), (b, bs)) } {
                    return;
                }
                // The kernels prefer a `C` that is contiguous along its columns: C = A · B is also Cᵀ = Bᵀ · Aᵀ.
                if cs.column.abs() < cs.row.abs() {
                    (m, n, a, b) = (n, m, b, a);
                    (cs, a_s, bs) = (cs.transposed(), bs.transposed(), a_s.transposed());
                }
                // And an `A` whose columns follow each other.
                if a_s.column < 0 && k > 0 {
                    let last = k as isize - 1;
                    a = a.wrapping_offset(last * a_s.column);
                    b = b.wrapping_offset(last * bs.row);
                    (a_s.column, bs.row) = (-a_s.column, -bs.row);
                }
                // SAFETY: the caller's promise; the same elements are read and written as in the order given.
                unsafe {
                    $kernel()(
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
                        parallelism(threads),
                    )
                }
            }
        }
    };
}
float!(f32, gemm_f32::gemm::f32::get_gemm_fn, elsewhere_f32);
float!(f64, gemm_f64::gemm::f64::get_gemm_fn, nowhere);

/// Safety: as [`Gemm::gemm`].
#[cfg(target_arch = "wasm32")]
unsafe fn elsewhere_f32(
    size: (usize, usize, usize),
    c: (*mut f32, Strides),
    accumulate: bool,
    a: (*const f32, Strides),
    b: (*const f32, Strides),
) -> bool {
    // SAFETY: the caller's promise.
    unsafe { super::product::try_product(size, c, accumulate, a, b) }
}

#[cfg(not(target_arch = "wasm32"))]
use nowhere as elsewhere_f32;

/// Nobody else multiplies these. Safety: none is needed.
unsafe fn nowhere<T>(
    _size: (usize, usize, usize),
    _c: (*mut T, Strides),
    _accumulate: bool,
    _a: (*const T, Strides),
    _b: (*const T, Strides),
) -> bool {
    false
}

#[cfg(not(target_arch = "wasm32"))]
fn parallelism(threads: usize) -> Parallelism {
    if threads > 1 { Parallelism::Rayon(threads) } else { Parallelism::None }
}

#[cfg(target_arch = "wasm32")]
fn parallelism(_threads: usize) -> Parallelism {
    Parallelism::None
}

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
                let add_rows = pick_add_rows::<$t>();
                // Rows of `C` as sums of rows of `B`: the inner loop is contiguous where `B` and `C` are.
                for i in 0..m as isize {
                    // SAFETY: the caller's promise, for every access below.
                    unsafe {
                        let c = c.offset(i * cs.row);
                        if !accumulate {
                            (0..n as isize).for_each(|j| *c.offset(j * cs.column) = 0);
                        }
                        if cs.column == 1 && bs.column == 1 {
                            for l in (0..k).step_by(ROWS) {
                                let rows = ROWS.min(k - l);
                                let a = a.offset(i * a_s.row + l as isize * a_s.column);
                                add_rows(c, n, (a, a_s.column), (b.offset(l as isize * bs.row), bs.row), rows);
                            }
                            continue;
                        }
                        for l in 0..k as isize {
                            let (x, b) = (*a.offset(i * a_s.row + l * a_s.column), b.offset(l * bs.row));
                            for j in 0..n as isize {
                                let c = c.offset(j * cs.column);
                                *c = (*c).wrapping_add(x.wrapping_mul(*b.offset(j * bs.column)));
                            }
                        }
                    }
                }
            }
        }
    )*};
}
integer!(i8, i16, i32, i64, u8, u16, u32, u64);

/// Rows of `B` that are added to a row of `C` in one pass over it.
const ROWS: usize = 4;

multiversion!(add_rows<T: Number>(c: *mut T, n: usize, a: (*const T, isize), b: (*const T, isize), rows: usize) as pick_add_rows);

/// `c[j] += Σ a[l] · b[l][j]` over `rows` rows, at most [`ROWS`].
///
/// Safety: `c` and each row of `B` hold `n` contiguous elements, and are apart; the second of each pair is the step from one `l` to the next.
#[inline(always)]
unsafe fn add_rows<T: Number>(c: *mut T, n: usize, a: (*const T, isize), b: (*const T, isize), rows: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let c = std::slice::from_raw_parts_mut(c, n);
        let factor = |l: usize| *a.0.offset(l as isize * a.1);
        let row = |l: usize| std::slice::from_raw_parts(b.0.offset(l as isize * b.1), n);
        if rows == ROWS {
            let x = [factor(0), factor(1), factor(2), factor(3)];
            let (r0, r1, r2, r3) = (row(0), row(1), row(2), row(3));
            for j in 0..n {
                let low = x[0].mul(r0[j]).add(x[1].mul(r1[j]));
                let high = x[2].mul(r2[j]).add(x[3].mul(r3[j]));
                c[j] = c[j].add(low.add(high));
            }
            return;
        }
        for l in 0..rows {
            let x = factor(l);
            c.iter_mut().zip(row(l)).for_each(|(c, &y)| *c = c.add(x.mul(y)));
        }
    }
}
