//! Reductions of blocks: along a block to one total, or of many rows side by side.

use super::with_lane;
use crate::simd::multiversion;
use hadal_graph::DType;
use hadal_graph::program::ReduceOp;

/// A running total of any reduction, as bits.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(16))]
pub(crate) struct Total(
    #[allow(dead_code, reason = "read through pointers of the fold's own type")] [u64; 2],
);

/// The loops of one reduction of one type.
#[derive(Clone, Copy)]
pub(crate) struct FoldLoops {
    /// Writes the identity to `n` totals.
    pub(crate) init: unsafe fn(*mut Total, usize),
    /// Adds `n` lanes, the first of which is at a position of the row, to one total.
    pub(crate) along: unsafe fn(*mut Total, *const u8, usize, i64),
    /// Adds lane i to total i for `n` lanes; all are at one position of their rows.
    pub(crate) across: unsafe fn(*mut Total, *const u8, usize, i64),
    /// Adds the second total, of later positions, to the first.
    pub(crate) merge: unsafe fn(*mut Total, *const Total),
    /// Adds `n` totals side by side to as many others, which are of earlier positions.
    pub(crate) merge_across: unsafe fn(*mut Total, *const Total, usize),
    /// Writes the results of `n` totals as lanes of `result`.
    pub(crate) finish: unsafe fn(*const Total, *mut u8, usize),
    /// dtype of the results.
    pub(crate) result: DType,
}

/// The loops for `op` on lanes of `dtype`.
pub(crate) fn fold(op: ReduceOp, dtype: DType) -> FoldLoops {
    let lane = super::lane(dtype);
    match (op, lane) {
        (ReduceOp::Sum, DType::F32) => loops::<SumF32>(lane),
        (ReduceOp::Product, DType::F32) => loops::<ProductF32>(lane),
        (ReduceOp::Sum, _) => with_lane!(lane, T => loops::<Sum<T>>(lane)),
        (ReduceOp::Product, _) => with_lane!(lane, T => loops::<Product<T>>(lane)),
        (ReduceOp::Max, _) => with_lane!(lane, T => loops::<Max<T>>(lane)),
        (ReduceOp::Min, _) => with_lane!(lane, T => loops::<Min<T>>(lane)),
        (ReduceOp::ArgMax, _) => with_lane!(lane, T => arg_loops::<T, true>()),
        (ReduceOp::ArgMin, _) => with_lane!(lane, T => arg_loops::<T, false>()),
    }
}

fn loops<F: Fold>(result: DType) -> FoldLoops {
    FoldLoops {
        init: init::<F>,
        along: pick_along::<F>(),
        across: pick_across::<F>(),
        merge: merge::<F>,
        merge_across: merge_across::<F>,
        finish: finish::<F>,
        result,
    }
}

/// As [`loops`], but side by side values and positions lie apart, so that both fill vectors.
fn arg_loops<T: Number, const GREATEST: bool>() -> FoldLoops {
    let across = match GREATEST {
        true => pick_arg_across::<Greatest<T>>(),
        false => pick_arg_across::<Least<T>>(),
    };
    FoldLoops {
        init: arg_init::<T>,
        across,
        merge_across: arg_merge::<T, GREATEST>,
        finish: arg_finish,
        ..loops::<Arg<T, GREATEST>>(DType::I64)
    }
}

/// A lane type with what reductions need.
pub(crate) trait Number: Copy + PartialOrd + 'static {
    const ZERO: Self;
    const ONE: Self;
    const LOWEST: Self;
    const HIGHEST: Self;
    fn add(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn is_nan(self) -> bool;
}

macro_rules! integers {
    ($($t:ty),*) => {$(
        impl Number for $t {
            const ZERO: Self = 0;
            const ONE: Self = 1;
            const LOWEST: Self = <$t>::MIN;
            const HIGHEST: Self = <$t>::MAX;
            #[inline(always)]
            fn add(self, other: Self) -> Self { self.wrapping_add(other) }
            #[inline(always)]
            fn mul(self, other: Self) -> Self { self.wrapping_mul(other) }
            #[inline(always)]
            fn is_nan(self) -> bool { false }
        }
    )*};
}
integers!(i8, i16, i32, i64, u8, u16, u32, u64);

macro_rules! floats {
    ($($t:ty),*) => {$(
        impl Number for $t {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const LOWEST: Self = <$t>::NEG_INFINITY;
            const HIGHEST: Self = <$t>::INFINITY;
            #[inline(always)]
            fn add(self, other: Self) -> Self { self + other }
            #[inline(always)]
            fn mul(self, other: Self) -> Self { self * other }
            #[inline(always)]
            fn is_nan(self) -> bool { <$t>::is_nan(self) }
        }
    )*};
}
floats!(f32, f64);

/// One reduction.
pub(in crate::ops) trait Fold: 'static {
    /// Lanes.
    type T: Copy;
    /// Partial result within a block.
    type Narrow: Copy;
    /// Running total of a row; fits a [`Total`].
    type Wide: Copy;
    /// Lanes of the result.
    type Out: Copy;
    /// Whether lanes of a block may be combined in any order.
    const FREE: bool;
    fn identity() -> Self::Wide;
    fn narrow() -> Self::Narrow;
    fn step(partial: Self::Narrow, x: Self::T) -> Self::Narrow;
    fn join(a: Self::Narrow, b: Self::Narrow) -> Self::Narrow;
    fn widen(partial: Self::Narrow) -> Self::Wide;
    fn merge(a: Self::Wide, b: Self::Wide) -> Self::Wide;
    fn wide_step(total: Self::Wide, x: Self::T, position: i64) -> Self::Wide;
    fn finish(total: Self::Wide) -> Self::Out;
}

/// A reduction whose partial results, totals and results have the lane's type.
macro_rules! simple {
    ($name:ident, $identity:ident, |$a:ident, $b:ident| $e:expr) => {
        struct $name<T>(std::marker::PhantomData<T>);
        impl<T: Number> Fold for $name<T> {
            type T = T;
            type Narrow = T;
            type Wide = T;
            type Out = T;
            const FREE: bool = true;
            #[inline(always)]
            fn identity() -> T {
                T::$identity
            }
            #[inline(always)]
            fn narrow() -> T {
                T::$identity
            }
            #[inline(always)]
            fn step($a: T, $b: T) -> T {
                $e
            }
            #[inline(always)]
            fn join($a: T, $b: T) -> T {
                $e
            }
            #[inline(always)]
            fn widen(partial: T) -> T {
                partial
            }
            #[inline(always)]
            fn merge($a: T, $b: T) -> T {
                $e
            }
            #[inline(always)]
            fn wide_step($a: T, $b: T, _: i64) -> T {
                $e
            }
            #[inline(always)]
            fn finish(total: T) -> T {
                total
            }
        }
    };
}
simple!(Sum, ZERO, |a, b| a.add(b));
simple!(Product, ONE, |a, b| a.mul(b));
simple!(Max, LOWEST, |a, b| if b > a || b.is_nan() { b } else { a });
simple!(Min, HIGHEST, |a, b| if b < a || b.is_nan() { b } else { a });

/// `f32` whose totals are `f64`, so that the error does not grow with the row.
macro_rules! widened {
    ($name:ident, $identity:expr, |$a:ident, $b:ident| $e:expr) => {
        struct $name;
        impl Fold for $name {
            type T = f32;
            type Narrow = f32;
            type Wide = f64;
            type Out = f32;
            const FREE: bool = true;
            #[inline(always)]
            fn identity() -> f64 {
                $identity
            }
            #[inline(always)]
            fn narrow() -> f32 {
                $identity
            }
            #[inline(always)]
            fn step($a: f32, $b: f32) -> f32 {
                $e
            }
            #[inline(always)]
            fn join($a: f32, $b: f32) -> f32 {
                $e
            }
            #[inline(always)]
            fn widen(partial: f32) -> f64 {
                partial as f64
            }
            #[inline(always)]
            fn merge($a: f64, $b: f64) -> f64 {
                $e
            }
            #[inline(always)]
            fn wide_step($a: f64, x: f32, _: i64) -> f64 {
                let $b = x as f64;
                $e
            }
            #[inline(always)]
            fn finish(total: f64) -> f32 {
                total as f32
            }
        }
    };
}
widened!(SumF32, 0.0, |a, b| a + b);
widened!(ProductF32, 1.0, |a, b| a * b);

/// The first position of the greatest (or least) lane; -1 before any.
struct Arg<T, const GREATEST: bool>(std::marker::PhantomData<T>);

/// A value and its position: also what one total is where many lie side by side, all values before all positions.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Place<T> {
    value: T,
    position: i64,
}

impl<T: Number, const GREATEST: bool> Fold for Arg<T, GREATEST> {
    type T = T;
    type Narrow = ();
    type Wide = Place<T>;
    type Out = i64;
    const FREE: bool = false;
    #[inline(always)]
    fn identity() -> Place<T> {
        Place { value: T::ZERO, position: -1 }
    }
    fn narrow() {}
    fn step(_: (), _: T) {}
    fn join(_: (), _: ()) {}
    fn widen(_: ()) -> Place<T> {
        Self::identity()
    }
    #[inline(always)]
    fn merge(a: Place<T>, b: Place<T>) -> Place<T> {
        if b.position < 0 { a } else { Self::wide_step(a, b.value, b.position) }
    }
    #[inline(always)]
    fn wide_step(total: Place<T>, x: T, position: i64) -> Place<T> {
        let beats = if GREATEST { x > total.value } else { x < total.value };
        let takes = total.position < 0 || (!total.value.is_nan() && (beats || x.is_nan()));
        if takes { Place { value: x, position } } else { total }
    }
    #[inline(always)]
    fn finish(total: Place<T>) -> i64 {
        total.position.max(0)
    }
}

/// Whether a lane replaces what was found before.
trait Beats: 'static {
    type T: Number;
    fn beats(x: Self::T, found: Self::T) -> bool;
}

struct Greatest<T>(std::marker::PhantomData<T>);
struct Least<T>(std::marker::PhantomData<T>);

impl<T: Number> Beats for Greatest<T> {
    type T = T;
    #[inline(always)]
    fn beats(x: T, found: T) -> bool {
        x > found
    }
}

impl<T: Number> Beats for Least<T> {
    type T = T;
    #[inline(always)]
    fn beats(x: T, found: T) -> bool {
        x < found
    }
}

multiversion!(arg_across<B: Beats>(totals: *mut Total, x: *const u8, n: usize, position: i64) as pick_arg_across);

/// Safety: `totals` holds `n` values, and from its middle on `n` positions; `x` holds `n` lanes.
#[inline(always)]
unsafe fn arg_across<B: Beats>(totals: *mut Total, x: *const u8, n: usize, position: i64) {
    // SAFETY: the caller's promise; values and positions are at most 8 bytes each, a total has 16.
    let (values, positions, x) = unsafe {
        (
            std::slice::from_raw_parts_mut(totals.cast::<B::T>(), n),
            std::slice::from_raw_parts_mut(totals.cast::<i64>().add(n), n),
            std::slice::from_raw_parts(x.cast::<B::T>(), n),
        )
    };
    for ((value, found), &x) in values.iter_mut().zip(positions).zip(x) {
        let takes = (*found < 0) | (!value.is_nan() & (B::beats(x, *value) | x.is_nan()));
        *value = if takes { x } else { *value };
        *found = if takes { position } else { *found };
    }
}

/// Safety: `totals` has room for `n` totals.
unsafe fn arg_init<T: Number>(totals: *mut Total, n: usize) {
    // SAFETY: as in `arg_across`; one total is the same as a `Place`.
    unsafe {
        std::slice::from_raw_parts_mut(totals.cast::<T>(), n).fill(T::ZERO);
        std::slice::from_raw_parts_mut(totals.cast::<i64>().add(n), n).fill(-1);
    }
}

/// Safety: both hold `n` totals, as in `arg_across`, and are apart.
unsafe fn arg_merge<T: Number, const GREATEST: bool>(a: *mut Total, b: *const Total, n: usize) {
    for i in 0..n {
        // SAFETY: the caller's promise.
        unsafe {
            let (value, position) = (a.cast::<T>().add(i), a.cast::<i64>().add(n + i));
            let other = Place { value: *b.cast::<T>().add(i), position: *b.cast::<i64>().add(n + i) };
            let place = Arg::<T, GREATEST>::merge(Place { value: *value, position: *position }, other);
            (*value, *position) = (place.value, place.position);
        }
    }
}

/// Safety: `totals` holds `n` totals; `out` has room for `n` lanes.
unsafe fn arg_finish(totals: *const Total, out: *mut u8, n: usize) {
    // SAFETY: the caller's promise.
    let (positions, out) = unsafe {
        (
            std::slice::from_raw_parts(totals.cast::<i64>().add(n), n),
            std::slice::from_raw_parts_mut(out.cast::<i64>(), n),
        )
    };
    for (o, &position) in out.iter_mut().zip(positions) {
        *o = position.max(0);
    }
}

multiversion!(along<F: Fold>(total: *mut Total, x: *const u8, n: usize, position: i64) as pick_along);
multiversion!(across<F: Fold>(totals: *mut Total, x: *const u8, n: usize, position: i64) as pick_across);

/// Partial results that are kept side by side, enough for several vector registers.
const LANES: usize = 64;

/// Safety: `total` is a total of `F`; `x` holds `n` lanes.
#[inline(always)]
unsafe fn along<F: Fold>(total: *mut Total, x: *const u8, n: usize, position: i64) {
    // SAFETY: the caller's promise; a `Total` is large and aligned enough for `Wide`.
    let (total, x) =
        unsafe { (&mut *total.cast::<F::Wide>(), std::slice::from_raw_parts(x.cast::<F::T>(), n)) };
    if !F::FREE {
        for (i, &x) in x.iter().enumerate() {
            *total = F::wide_step(*total, x, position + i as i64);
        }
        return;
    }
    let mut partial = F::narrow();
    let (chunks, rest) = x.split_at(n - n % LANES);
    if !chunks.is_empty() {
        let mut lanes = [F::narrow(); LANES];
        for chunk in chunks.chunks_exact(LANES) {
            for (lane, &x) in lanes.iter_mut().zip(chunk) {
                *lane = F::step(*lane, x);
            }
        }
        // Halves onto halves: rounding errors stay logarithmic.
        let mut width = LANES / 2;
        while width > 0 {
            for i in 0..width {
                lanes[i] = F::join(lanes[i], lanes[i + width]);
            }
            width /= 2;
        }
        partial = lanes[0];
    }
    for &x in rest {
        partial = F::step(partial, x);
    }
    *total = F::merge(*total, F::widen(partial));
}

/// Safety: `totals` holds `n` totals of `F`, packed; `x` holds `n` lanes.
#[inline(always)]
unsafe fn across<F: Fold>(totals: *mut Total, x: *const u8, n: usize, position: i64) {
    // SAFETY: the caller's promise. Totals are packed as `Wide` within the memory of `n` `Total`s.
    let (totals, x) = unsafe {
        (
            std::slice::from_raw_parts_mut(totals.cast::<F::Wide>(), n),
            std::slice::from_raw_parts(x.cast::<F::T>(), n),
        )
    };
    for (total, &x) in totals.iter_mut().zip(x) {
        *total = F::wide_step(*total, x, position);
    }
}

/// Safety: `totals` has room for `n` totals.
unsafe fn init<F: Fold>(totals: *mut Total, n: usize) {
    const { assert!(size_of::<F::Wide>() <= size_of::<Total>() && align_of::<F::Wide>() <= align_of::<Total>()) };
    // SAFETY: the caller's promise; packed as in `across`.
    unsafe { std::slice::from_raw_parts_mut(totals.cast::<F::Wide>(), n) }.fill(F::identity());
}

/// Safety: both are totals of `F`.
unsafe fn merge<F: Fold>(a: *mut Total, b: *const Total) {
    // SAFETY: the caller's promise.
    unsafe { *a.cast::<F::Wide>() = F::merge(*a.cast::<F::Wide>(), *b.cast::<F::Wide>()) }
}

/// Safety: both hold `n` totals of `F`, packed, and are apart.
unsafe fn merge_across<F: Fold>(a: *mut Total, b: *const Total, n: usize) {
    // SAFETY: the caller's promise.
    let (a, b) = unsafe {
        (
            std::slice::from_raw_parts_mut(a.cast::<F::Wide>(), n),
            std::slice::from_raw_parts(b.cast::<F::Wide>(), n),
        )
    };
    for (a, &b) in a.iter_mut().zip(b) {
        *a = F::merge(*a, b);
    }
}

/// Safety: `totals` holds `n` totals of `F`, packed; `out` has room for `n` lanes.
unsafe fn finish<F: Fold>(totals: *const Total, out: *mut u8, n: usize) {
    // SAFETY: the caller's promise.
    let (totals, out) = unsafe {
        (
            std::slice::from_raw_parts(totals.cast::<F::Wide>(), n),
            std::slice::from_raw_parts_mut(out.cast::<F::Out>(), n),
        )
    };
    for (o, &total) in out.iter_mut().zip(totals) {
        *o = F::finish(total);
    }
}
