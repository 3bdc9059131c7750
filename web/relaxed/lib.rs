//! Products of `f32` matrices with WebAssembly's relaxed vector instructions, whose multiplication and addition is one instruction where the
//! processor has one.
//!
//! Engines without them refuse a module that has them, so this is a module of its own, of some 18 KB (4 KB brotli), beside the package's. It has no memory: it works in
//! that of the package's module, which it imports, and has neither data nor a stack there (`tests/xtask/src/web.rs` builds it with a stack of 0
//! bytes, so that any use of one would trap at once).
//!
//! `B` is copied into panels of 8 columns, in blocks that stay in cache, and 6 rows of `A` at a time into a strip. A tile of 6 × 8 results is kept in registers while the depth of
//! a block passes. With what a step needs at once they are all that x86-64 has; engines compute in the order in which the module is written, so the build keeps LLVM from
//! another (`ORDER` in `tests/xtask/src/wasm.rs`), and no loop is unrolled by hand.
#![no_std]

use core::arch::wasm32::{
    f32x4_extract_lane, f32x4_relaxed_madd, f32x4_splat, i32x4_shuffle, i64x2_shuffle, unreachable, v128,
    v128_load, v128_load32_splat, v128_store,
};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unreachable()
}

/// Rows of a tile.
const ROWS: usize = 6;
/// Columns of a panel, two vectors.
const COLUMNS: usize = 8;
/// Depth of a block of `B`.
const DEPTH: usize = 256;
/// Columns of a block of `B`: a multiple of [`COLUMNS`].
const WIDTH: usize = 512;

/// Elements of the scratch memory that [`gemm`] needs.
#[unsafe(no_mangle)]
pub extern "C" fn scratch() -> usize {
    DEPTH * WIDTH + DEPTH * ROWS
}

/// `C = A · B`, or `C += A · B` where `accumulate` is not 0. `C` is m×n, `A` is m×k, `B` is k×n; strides are in elements.
///
/// # Safety
///
/// The strides stay within the matrices' memory; `C` and `scratch`, of [`scratch`] elements, are apart from each other and from `A` and `B`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gemm(
    m: usize,
    n: usize,
    k: usize,
    c: *mut f32,
    c_row: isize,
    c_column: isize,
    accumulate: u32,
    a: *const f32,
    a_row: isize,
    a_column: isize,
    b: *const f32,
    b_row: isize,
    b_column: isize,
    scratch: *mut f32,
) {
    // SAFETY: the caller's promise, for every access below.
    unsafe {
        let mut k0 = 0;
        while k0 < k {
            let depth = min(k - k0, DEPTH);
            let add = accumulate != 0 || k0 > 0;
            let a = a.offset(k0 as isize * a_column);
            let mut n0 = 0;
            while n0 < n {
                let width = min(n - n0, WIDTH);
                let from = b.offset(k0 as isize * b_row + n0 as isize * b_column);
                pack(depth, width, (from, b_row, b_column), scratch);
                let mut i = 0;
                while i < m {
                    let rows = min(m - i, ROWS);
                    let strip = scratch.add(DEPTH * WIDTH);
                    pack_rows(rows, depth, (a.offset(i as isize * a_row), a_row, a_column), strip);
                    let mut j = 0;
                    while j < width {
                        let panel = scratch.add(j * depth).cast_const();
                        let columns = min(width - j, COLUMNS);
                        let c = c.offset(i as isize * c_row + (n0 + j) as isize * c_column);
                        let (a, c) = (strip.cast_const(), (c, c_row, c_column));
                        match rows {
                            1 => tile1(depth, a, panel, c, columns, add),
                            2 => tile2(depth, a, panel, c, columns, add),
                            3 => tile3(depth, a, panel, c, columns, add),
                            4 => tile4(depth, a, panel, c, columns, add),
                            5 => tile5(depth, a, panel, c, columns, add),
                            _ => tile6(depth, a, panel, c, columns, add),
                        }
                        j += COLUMNS;
                    }
                    i += ROWS;
                }
                n0 += WIDTH;
            }
            k0 += DEPTH;
        }
    }
}

/// Copies a block of `B` into panels, one after another, with zeros beside the last column.
///
/// Safety: the block and `to` lie within memory, apart from each other.
#[inline(always)]
unsafe fn pack(depth: usize, width: usize, (b, row, column): (*const f32, isize, isize), to: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut to = to;
        let mut j = 0;
        // Two panels at a time, which are a line of cache of each row.
        while column == 1 && j + 2 * COLUMNS <= width {
            let mut from = b.add(j);
            let second = to.add(depth * COLUMNS);
            let mut p = 0;
            while p < depth * COLUMNS {
                v128_store(to.add(p).cast(), v128_load(from.cast()));
                v128_store(to.add(p + 4).cast(), v128_load(from.add(4).cast()));
                v128_store(second.add(p).cast(), v128_load(from.add(8).cast()));
                v128_store(second.add(p + 4).cast(), v128_load(from.add(12).cast()));
                from = from.offset(row);
                p += COLUMNS;
            }
            to = second.add(depth * COLUMNS);
            j += 2 * COLUMNS;
        }
        while j < width {
            let from = b.offset(j as isize * column);
            let columns = min(width - j, COLUMNS);
            let mut p = 0;
            while p < depth {
                let from = from.offset(p as isize * row);
                if columns == COLUMNS && column == 1 {
                    v128_store(to.cast(), v128_load(from.cast()));
                    v128_store(to.add(4).cast(), v128_load(from.add(4).cast()));
                } else {
                    let mut l = 0;
                    while l < COLUMNS {
                        *to.add(l) = if l < columns { *from.offset(l as isize * column) } else { 0.0 };
                        l += 1;
                    }
                }
                to = to.add(COLUMNS);
                p += 1;
            }
            j += COLUMNS;
        }
    }
}

/// Copies rows of `A`, at most [`ROWS`], column by column, so that a tile reads them with one address.
///
/// Safety: the rows and `to` lie within memory, apart from each other.
#[inline(always)]
unsafe fn pack_rows(rows: usize, depth: usize, (a, row, column): (*const f32, isize, isize), to: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe {
        let vectors = if column == 1 && rows == ROWS { depth / 4 * 4 } else { 0 };
        let mut p = 0;
        while p < vectors {
            turn(a.add(p), row, to.add(p * ROWS));
            p += 4;
        }
        let mut r = 0;
        while r < rows {
            let mut from = a.offset(r as isize * row + vectors as isize * column);
            let mut to = to.add(vectors * rows + r);
            let mut p = vectors;
            while p < depth {
                *to = *from;
                (from, to) = (from.offset(column), to.add(rows));
                p += 1;
            }
            r += 1;
        }
    }
}

/// Four columns of [`ROWS`] rows, column by column.
///
/// Safety: as [`pack_rows`].
#[inline(always)]
unsafe fn turn(a: *const f32, row: isize, to: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe {
        let (r0, r1) = (v128_load(a.cast()), v128_load(a.offset(row).cast()));
        let (r2, r3) = (v128_load(a.offset(2 * row).cast()), v128_load(a.offset(3 * row).cast()));
        let (r4, r5) = (v128_load(a.offset(4 * row).cast()), v128_load(a.offset(5 * row).cast()));
        // Pairs of neighbouring rows: columns 0 and 1, then 2 and 3.
        let (a0, a2) = (i32x4_shuffle::<0, 4, 1, 5>(r0, r1), i32x4_shuffle::<2, 6, 3, 7>(r0, r1));
        let (b0, b2) = (i32x4_shuffle::<0, 4, 1, 5>(r2, r3), i32x4_shuffle::<2, 6, 3, 7>(r2, r3));
        let (c0, c2) = (i32x4_shuffle::<0, 4, 1, 5>(r4, r5), i32x4_shuffle::<2, 6, 3, 7>(r4, r5));
        v128_store(to.cast(), i64x2_shuffle::<0, 2>(a0, b0));
        v128_store(to.add(4).cast(), i64x2_shuffle::<0, 3>(c0, a0));
        v128_store(to.add(8).cast(), i64x2_shuffle::<1, 3>(b0, c0));
        v128_store(to.add(12).cast(), i64x2_shuffle::<0, 2>(a2, b2));
        v128_store(to.add(16).cast(), i64x2_shuffle::<0, 3>(c2, a2));
        v128_store(to.add(20).cast(), i64x2_shuffle::<1, 3>(b2, c2));
    }
}

/// Functions for so many packed rows of `A` with one panel. Written out row by row: what is in an array may get an address, and an address needs a stack.
macro_rules! tiles {
    ($($name:ident $rows:literal: $($row:literal $low:ident $high:ident),*;)*) => {$(
        /// Safety: as many rows of `C`, and `columns` columns of it, lie within memory.
        #[inline(always)]
        unsafe fn $name(
            depth: usize,
            a: *const f32,
            panel: *const f32,
            (c, c_row, c_column): (*mut f32, isize, isize),
            columns: usize,
            add: bool,
        ) {
            $(let (mut $low, mut $high) = (f32x4_splat(0.0), f32x4_splat(0.0));)*
            // SAFETY: the caller's promise.
            unsafe {
                let (mut a, mut b) = (a, panel);
                let end = a.add(depth * $rows);
                while a < end {
                    let (low, high) = (v128_load(b.cast()), v128_load(b.add(4).cast()));
                    $(
                        let x = v128_load32_splat(a.add($row).cast());
                        $low = f32x4_relaxed_madd(x, low, $low);
                        $high = f32x4_relaxed_madd(x, high, $high);
                    )*
                    (a, b) = (a.add($rows), b.add(COLUMNS));
                }
                $(put(c.offset($row * c_row), c_column, $low, $high, columns, add);)*
            }
        }
    )*};
}
tiles! {
    tile1 1: 0 l0 h0;
    tile2 2: 0 l0 h0, 1 l1 h1;
    tile3 3: 0 l0 h0, 1 l1 h1, 2 l2 h2;
    tile4 4: 0 l0 h0, 1 l1 h1, 2 l2 h2, 3 l3 h3;
    tile5 5: 0 l0 h0, 1 l1 h1, 2 l2 h2, 3 l3 h3, 4 l4 h4;
    tile6 6: 0 l0 h0, 1 l1 h1, 2 l2 h2, 3 l3 h3, 4 l4 h4, 5 l5 h5;
}

/// Safety: `columns` elements lie at `c`, `step` apart.
#[inline(always)]
unsafe fn put(c: *mut f32, step: isize, low: v128, high: v128, columns: usize, add: bool) {
    // SAFETY: the caller's promise.
    unsafe {
        if columns == COLUMNS && step == 1 {
            store(c, low, add);
            store(c.add(4), high, add);
        } else {
            scatter(c, step, low, min(columns, 4), add);
            if columns > 4 {
                scatter(c.offset(4 * step), step, high, columns - 4, add);
            }
        }
    }
}

/// Safety: 4 elements lie at `c`.
#[inline(always)]
unsafe fn store(c: *mut f32, sum: v128, add: bool) {
    // SAFETY: the caller's promise.
    unsafe {
        let sum =
            if add { core::arch::wasm32::f32x4_add(v128_load(c.cast_const().cast()), sum) } else { sum };
        v128_store(c.cast(), sum);
    }
}

/// Safety: `count` elements lie at `c`, `step` apart.
#[inline(always)]
unsafe fn scatter(c: *mut f32, step: isize, sum: v128, count: usize, add: bool) {
    let put_one = |at: usize, value: f32| {
        if at < count {
            // SAFETY: the caller's promise.
            unsafe {
                let c = c.offset(at as isize * step);
                *c = if add { *c + value } else { value };
            }
        }
    };
    put_one(0, f32x4_extract_lane::<0>(sum));
    put_one(1, f32x4_extract_lane::<1>(sum));
    put_one(2, f32x4_extract_lane::<2>(sum));
    put_one(3, f32x4_extract_lane::<3>(sum));
}

#[inline(always)]
fn min(a: usize, b: usize) -> usize {
    if a < b { a } else { b }
}
