//! Matrix products by a kernel from outside: in a browser, where a module cannot ask what instructions there are, a second module may be there that
//! has better ones.

use super::Strides;
use std::cell::RefCell;
use std::sync::OnceLock;

/// `C = A · B`, or `C += A · B` where `accumulate`: addresses, and steps from row to row and from column to column, in elements of `f32`.
#[derive(Clone, Copy, Debug)]
pub struct Product {
    /// Rows of `C`, columns of `C`, columns of `A`.
    pub size: (usize, usize, usize),
    /// The result.
    pub c: (usize, isize, isize),
    /// Whether what is in `C` stays.
    pub accumulate: bool,
    /// The left operand.
    pub a: (usize, isize, isize),
    /// The right operand.
    pub b: (usize, isize, isize),
    /// Memory for the kernel's own use, as much as it asked for.
    pub scratch: usize,
}

/// A kernel, which says whether it multiplied, and how many elements of scratch memory it needs.
pub type ProductKernel = (unsafe fn(&Product) -> bool, usize);

static KERNEL: OnceLock<ProductKernel> = OnceLock::new();

thread_local! {
    static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// From now on products of `f32` go to `kernel`. The first one counts.
///
/// Safety: given a product whose matrices are apart from each other and within memory, the kernel touches them and the scratch memory alone.
pub unsafe fn set_product_kernel(kernel: ProductKernel) {
    KERNEL.get_or_init(|| kernel);
}

/// Below this many multiplications, or with fewer rows or columns than this, the way to another module is too long.
const WORTH: usize = 16 << 10;
const NARROW: usize = 4;

/// Hands a product to the kernel, if there is one and it is worth it; whether it did.
///
/// Safety: as [`super::Gemm::gemm`].
pub(super) unsafe fn try_product(
    (m, n, k): (usize, usize, usize),
    (c, mut cs): (*mut f32, Strides),
    accumulate: bool,
    (a, mut a_s): (*const f32, Strides),
    (b, mut bs): (*const f32, Strides),
) -> bool {
    let Some((kernel, scratch)) = KERNEL.get() else { return false };
    let (mut m, mut n, mut a, mut b) = (m, n, a, b);
    // Rows of `C` are written as vectors: C = A · B is also Cᵀ = Bᵀ · Aᵀ.
    if cs.column != 1 && cs.row == 1 {
        (m, n, a, b) = (n, m, b, a);
        (cs, a_s, bs) = (cs.transposed(), bs.transposed(), a_s.transposed());
    }
    if k == 0 || m < NARROW || n < NARROW || m.saturating_mul(n).saturating_mul(k) < WORTH {
        return false;
    }
    SCRATCH.with_borrow_mut(|memory| {
        memory.resize(*scratch, 0.0);
        let product = Product {
            size: (m, n, k),
            c: (c as usize, cs.row, cs.column),
            accumulate,
            a: (a as usize, a_s.row, a_s.column),
            b: (b as usize, bs.row, bs.column),
            scratch: memory.as_mut_ptr() as usize,
        };
        // SAFETY: the caller's promise, and that of whoever set the kernel; the scratch memory is as large as it asked for.
        unsafe { kernel(&product) }
    })
}
