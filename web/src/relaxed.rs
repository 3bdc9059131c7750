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

/// From now on the cpu backend multiplies `f32` matrices by this kernel. It works in the memory of this module.
#[wasm_bindgen(js_name = useRelaxed)]
pub fn use_relaxed(relaxed: Relaxed) {
    let scratch = relaxed.scratch() as usize;
    RELAXED.set(Some(relaxed));
    // SAFETY: `web/relaxed` touches the product's matrices and the scratch memory alone, given that they are there.
    unsafe { set_product_kernel((product, scratch)) };
}

/// Safety: as `set_product_kernel` has it.
unsafe fn product(product: &Product) {
    let Product { size: (m, n, k), c, accumulate, a, b, scratch } = *product;
    let address = |address: usize| address as u32;
    let step = |step: isize| step as i32;
    RELAXED.with_borrow(|relaxed| {
        let Some(relaxed) = relaxed else { return };
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
    });
}
