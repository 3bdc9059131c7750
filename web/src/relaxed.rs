//! The kernel of `web/relaxed`, a module of its own: engines without relaxed vector instructions refuse one that has them.

use hadal_cpu::{Product, set_product_kernel};
use std::cell::RefCell;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// What that module exports.
    pub type Relaxed;

    #[wasm_bindgen(method)]
    fn scratch(this: &Relaxed) -> u32;

    #[wasm_bindgen(method)]
    #[allow(clippy::too_many_arguments, reason = "the customary signature of gemm")]
    fn gemm(
        this: &Relaxed,
        m: u32,
        n: u32,
        k: u32,
        c: u32,
        c_row: i32,
        c_column: i32,
        accumulate: u32,
        a: u32,
        a_row: i32,
        a_column: i32,
        b: u32,
        b_row: i32,
        b_column: i32,
        scratch: u32,
    );
}

thread_local! {
    static RELAXED: RefCell<Option<Relaxed>> = const { RefCell::new(None) };
}

/// From now on the cpu backend multiplies `f32` matrices by this kernel, if it can multiply: whether it can. It works in the memory of this module.
#[wasm_bindgen(js_name = useRelaxed)]
pub fn use_relaxed(relaxed: Relaxed) -> bool {
    let scratch = relaxed.scratch() as usize;
    RELAXED.set(Some(relaxed));
    let agrees = multiplies(scratch);
    if agrees {
        // SAFETY: `web/relaxed` touches the product's matrices and the scratch memory alone.
        unsafe { set_product_kernel((product, scratch)) };
    }
    agrees
}

/// Whether products by the kernel are those of plain arithmetic. Sizes leave a rest in every direction; values are integers, so that no rounding hides a fault.
fn multiplies(scratch: usize) -> bool {
    const M: usize = 11;
    const N: usize = 21;
    const K: usize = 301;
    let a: Vec<f32> = (0..M * K).map(|i| (i * 7 % 13) as f32 - 6.0).collect();
    let b: Vec<f32> = (0..K * N).map(|i| (i * 5 % 11) as f32 - 5.0).collect();
    let mut memory = vec![0.0f32; scratch];
    [(N, 1), (1, K)].into_iter().all(|(row, column)| {
        let mut c = vec![f32::NAN; M * N];
        let twice = [false, true].into_iter().all(|accumulate| {
            let product_of = Product {
                size: (M, N, K),
                c: (c.as_mut_ptr() as usize, N as isize, 1),
                accumulate,
                a: (a.as_ptr() as usize, K as isize, 1),
                b: (b.as_ptr() as usize, row as isize, column as isize),
                scratch: memory.as_mut_ptr() as usize,
            };
            // SAFETY: the matrices and the scratch memory are there, apart from each other.
            unsafe { product(&product_of) }
        });
        let sum =
            |i: usize, j: usize| -> f32 { (0..K).map(|p| a[i * K + p] * b[p * row + j * column]).sum() };
        twice && (0..M * N).all(|at| c[at] == 2.0 * sum(at / N, at % N))
    })
}

/// Whether it multiplied. Safety: as `set_product_kernel` has it.
unsafe fn product(product: &Product) -> bool {
    let Product { size: (m, n, k), c, accumulate, a, b, scratch } = *product;
    let address = |address: usize| address as u32;
    let step = |step: isize| step as i32;
    RELAXED.with_borrow(|relaxed| {
        let Some(relaxed) = relaxed else { return false };
        relaxed.gemm(
            address(m),
            address(n),
            address(k),
            address(c.0),
            step(c.1),
            step(c.2),
            u32::from(accumulate),
            address(a.0),
            step(a.1),
            step(a.2),
            address(b.0),
            step(b.1),
            step(b.2),
            address(scratch),
        );
        true
    })
}
