//! Attention without the score matrix: queries in tiles, keys in blocks, the softmax carried along.
//!
//! For each tile of queries the worker keeps, per query, the largest score so far, the sum of exponentials relative to it, and the
//! weighted sum of values. A block of keys whose scores exceed the maximum rescales what is there (Dao et al., "FlashAttention", 2022). Memory
//! is a tile of scores per worker, whatever the number of keys.

use super::contract::{Axes, Gemm, Scratch, Side, Strides};
use super::{Prepared, Run, compile_body, compile_operand};
use crate::eval::{Compiled, Frame, Stepped, map};
use crate::math;
use crate::ops::{self, Loop1};
use crate::simd::multiversion;
use hadal_device::DeviceError;
use hadal_graph::DType;
use hadal_graph::program::Attention;
use std::sync::atomic::{AtomicBool, Ordering};

/// Queries of a tile.
const QUERIES: usize = 64;
/// Keys of a block.
const KEYS: usize = 256;

struct AttentionPlan<T> {
    batch: usize,
    queries: usize,
    keys: usize,
    head_dim: usize,
    value_dim: usize,
    scale: T,
    causal: bool,
    q: Side,
    k: Side,
    v: Side,
    mask: Option<Mask>,
    epilogue: Compiled,
    log_sum_exp: Option<usize>,
}

struct Mask {
    program: Compiled,
    convert: Option<Loop1>,
}

/// Errors: as [`Compiled::new`]; `Unsupported` for a dtype that is not a float.
pub(super) fn prepare(kernel: &Attention, step: &Stepped<'_>) -> Result<Box<dyn Prepared>, DeviceError> {
    Ok(match ops::lane(kernel.dtype) {
        DType::F32 => Box::new(AttentionPlan::<f32>::new(kernel, DType::F32, step)?),
        DType::F64 => Box::new(AttentionPlan::<f64>::new(kernel, DType::F64, step)?),
        dtype => {
            return Err(DeviceError::Unsupported { backend: "cpu".into(), op: step.label.into(), dtype });
        }
    })
}

/// A float that scores are computed in.
trait Score: Gemm + PartialOrd + std::fmt::Debug {
    const LOWEST: Self;
    fn from_f64(x: f64) -> Self;
    fn to_f64(self) -> f64;
    fn exp(self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn add(self, other: Self) -> Self;
}

macro_rules! score {
    ($t:ty, |$x:ident| $exp:expr) => {
        impl Score for $t {
            const LOWEST: Self = <$t>::NEG_INFINITY;
            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                x as $t
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                self as f64
            }
            #[inline(always)]
            fn exp(self) -> Self {
                let $x = self;
                $exp
            }
            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                self * other
            }
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                self + other
            }
        }
    };
}
score!(f32, |x| math::exp(x));
score!(f64, |x| f64::exp(x));

/// Scratch of one worker.
struct State<T> {
    q: Vec<T>,
    k: Vec<T>,
    v: Vec<T>,
    scores: Vec<T>,
    mask: Vec<T>,
    result: Vec<T>,
    /// Largest score and sum of exponentials of each query.
    max: Vec<T>,
    sum: Vec<T>,
    sides: [Scratch; 3],
    mask_frame: Option<Frame>,
    epilogue: Frame,
}

impl<T: Score> AttentionPlan<T> {
    fn new(kernel: &Attention, dtype: DType, step: &Stepped<'_>) -> Result<Self, DeviceError> {
        let batch = map::extents(&kernel.batch, step.bindings)?;
        let sizes = [&kernel.queries, &kernel.keys, &kernel.head_dim, &kernel.value_dim].map(Clone::clone);
        let [queries, keys, head_dim, value_dim] = map::extents(&sizes, step.bindings)?[..] else {
            return Err(DeviceError::Argument("attention has four sizes".into()));
        };
        let side = |operand, rows: usize, columns: usize| {
            Side::new(operand, &Axes { batch: &batch, rows: &[rows], columns: &[columns] }, dtype, step)
        };
        let over = |a: usize, b: usize| [&batch[..], &[a, b]].concat();
        let mask = match &kernel.mask {
            None => None,
            Some(mask) if !mask.dtype().is_float() => {
                let op = step.label.into();
                return Err(DeviceError::Unsupported { backend: "cpu".into(), op, dtype: mask.dtype() });
            }
            Some(mask) => {
                let from = ops::lane(mask.dtype());
                Some(Mask {
                    program: compile_operand(mask, &over(queries, keys), None, &[], 0, step)?,
                    convert: (from != dtype).then(|| ops::cast(from, dtype)),
                })
            }
        };
        if let Some(target) = kernel.log_sum_exp {
            let rows = map::product(&[&batch[..], &[queries]].concat())?;
            if step.writes.get(target) != Some(&(DType::F32, rows)) {
                return Err(DeviceError::Argument(format!(
                    "`{}`: the log-sum-exp needs {rows} elements of f32: the program is malformed",
                    step.label
                )));
            }
        }
        let result = over(queries, value_dim);
        Ok(AttentionPlan {
            batch: map::product(&batch)?,
            queries,
            keys,
            head_dim,
            value_dim,
            scale: T::from_f64(kernel.scale.to_f64()),
            causal: kernel.causal,
            q: side(&kernel.q, queries, head_dim)?,
            k: side(&kernel.k, keys, head_dim)?,
            v: side(&kernel.v, keys, value_dim)?,
            mask,
            epilogue: compile_body(&kernel.epilogue, &result, None, &[kernel.dtype], 0, step)?,
            log_sum_exp: kernel.log_sum_exp,
        })
    }

    fn state(&self) -> State<T> {
        State {
            q: Vec::new(),
            k: Vec::new(),
            v: Vec::new(),
            scores: vec![T::default(); QUERIES * KEYS.min(self.keys)],
            mask: vec![T::default(); if self.mask.is_some() { KEYS.min(self.keys) } else { 0 }],
            result: Vec::new(),
            max: Vec::new(),
            sum: Vec::new(),
            sides: [self.q.scratch(), self.k.scratch(), self.v.scratch()],
            mask_frame: self.mask.as_ref().map(|m| Frame::new(&m.program)),
            epilogue: Frame::new(&self.epilogue),
        }
    }

    /// How many keys, from the first, query `i` may see.
    fn visible(&self, i: usize) -> usize {
        if self.causal { (i + self.keys + 1).saturating_sub(self.queries).min(self.keys) } else { self.keys }
    }

    /// Queries `q0..q0 + tq` of one batch. Safety: as [`Prepared::run`]; no other worker has this tile.
    unsafe fn tile(&self, run: &Run<'_>, state: &mut State<T>, batch: usize, (q0, tq): (usize, usize)) {
        let State { q, k, v, scores, mask, result, max, sum, sides: [q_side, k_side, v_side], .. } = state;
        result.clear();
        result.resize(tq * self.value_dim, T::default());
        max.clear();
        max.resize(tq, T::LOWEST);
        sum.clear();
        sum.resize(tq, T::default());
        // SAFETY: for all blocks below: they lie within their matrices, and scratch is as large.
        unsafe {
            let (d, dv) = (self.head_dim, self.value_dim);
            let q = block(&self.q, q_side, run, batch, (q0, tq), d, q);
            let last = self.visible(q0 + tq - 1);
            for k0 in (0..last).step_by(KEYS) {
                let tk = KEYS.min(last - k0);
                let (k, ks) = block(&self.k, k_side, run, batch, (k0, tk), d, k);
                let transposed = Strides { row: ks.column, column: ks.row };
                let s = Strides { row: tk as isize, column: 1 };
                T::gemm((tq, tk, d), (scores.as_mut_ptr(), s), false, q, (k, transposed), 1);
                for i in 0..tq {
                    let row = &mut scores[i * tk..][..tk];
                    let seen = self.visible(q0 + i).saturating_sub(k0).min(tk);
                    let added = match (&self.mask, &mut state.mask_frame) {
                        (Some(m), Some(frame)) if seen > 0 => {
                            m.read(
                                frame,
                                run,
                                (batch * self.queries + q0 + i) * self.keys + k0,
                                &mut mask[..seen],
                            );
                            mask.as_ptr()
                        }
                        _ => std::ptr::null(),
                    };
                    let before = max[i];
                    let mut highest = before;
                    pick_prepare::<T>()(row.as_mut_ptr(), seen, self.scale, added, &mut highest);
                    row[seen..].fill(T::default());
                    if highest == T::LOWEST {
                        // Nothing visible yet, and exp(-inf - -inf) would be NaN.
                        row.fill(T::default());
                        continue;
                    }
                    let mut total = T::default();
                    pick_exponentials::<T>()(row.as_mut_ptr(), seen, highest, &mut total);
                    let kept = T::from_f64(before.to_f64() - highest.to_f64()).exp();
                    sum[i] = sum[i].mul(kept).add(total);
                    if before != highest {
                        let row = &mut result[i * dv..][..dv];
                        row.iter_mut().for_each(|x| *x = x.mul(kept));
                        max[i] = highest;
                    }
                }
                let v = block(&self.v, v_side, run, batch, (k0, tk), dv, v);
                let r = Strides { row: dv as isize, column: 1 };
                T::gemm((tq, dv, tk), (result.as_mut_ptr(), r), true, (scores.as_ptr(), s), v, 1);
            }
        }
        for i in 0..tq {
            let (row, total) = (&mut result[i * self.value_dim..][..self.value_dim], sum[i]);
            if total == T::default() {
                row.fill(T::default());
            } else {
                let factor = T::from_f64(1.0 / total.to_f64());
                row.iter_mut().for_each(|x| *x = x.mul(factor));
            }
            if let Some(target) = self.log_sum_exp {
                let value = (max[i].to_f64() + total.to_f64().ln()) as f32;
                // SAFETY: the write was checked to hold one element for each query of each batch.
                unsafe {
                    *run.operands.writes[target].cast::<f32>().add(batch * self.queries + q0 + i) = value
                };
            }
        }
        let (start, length) = ((batch * self.queries + q0) * self.value_dim, tq * self.value_dim);
        let mut at = 0;
        while at < length {
            let count = self.epilogue.block().min(length - at);
            // SAFETY: the tile's part of the result; accumulators are its lanes.
            unsafe {
                let accumulator = result.as_ptr().add(at).cast::<u8>();
                self.epilogue.eval(&mut state.epilogue, run.operands, start + at, count, &[accumulator]);
            }
            at += count;
        }
    }
}

/// Rows of an operand, in memory or evaluated. Safety: the rows exist.
unsafe fn block<T: Gemm>(
    side: &Side,
    own: &mut Scratch,
    run: &Run<'_>,
    batch: usize,
    rows: (usize, usize),
    columns: usize,
    scratch: &mut Vec<T>,
) -> (*const T, Strides) {
    // SAFETY: the caller's promise; scratch is made as large as the block.
    unsafe {
        if let Some(plain) = side.plain::<T>(run.operands, batch, rows.0, 0) {
            return plain;
        }
        scratch.resize(rows.1 * columns, T::default());
        let out = scratch.as_mut_ptr();
        let strides = side.pack(own, run.operands, batch, rows, (0, columns), out);
        (out.cast_const(), strides)
    }
}

impl Mask {
    /// Safety: positions `start..start + out.len()` exist, and `T` is the type that `convert` makes.
    unsafe fn read<T: Copy>(&self, frame: &mut Frame, run: &Run<'_>, start: usize, out: &mut [T]) {
        let mut at = 0;
        while at < out.len() {
            let count = self.program.block().min(out.len() - at);
            // SAFETY: the caller's promise.
            unsafe {
                self.program.eval(frame, run.operands, start + at, count, &[]);
                let (from, to) = (self.program.value(frame, 0), out.as_mut_ptr().add(at));
                match self.convert {
                    Some(convert) => convert(from, to.cast(), count),
                    None => std::ptr::copy_nonoverlapping(from.cast(), to, count),
                }
            }
            at += count;
        }
    }
}

multiversion!(prepare_row<T: Score>(row: *mut T, n: usize, scale: T, mask: *const T, highest: *mut T) as pick_prepare);
multiversion!(exponentials<T: Score>(row: *mut T, n: usize, highest: T, total: *mut T) as pick_exponentials);

/// Scales scores, adds the mask (unless null), and raises `highest` to the largest.
///
/// Safety: `row` and `mask` hold `n` scores; `highest` is one.
#[inline(always)]
unsafe fn prepare_row<T: Score>(row: *mut T, n: usize, scale: T, mask: *const T, highest: *mut T) {
    // SAFETY: the caller's promise.
    unsafe {
        let row = std::slice::from_raw_parts_mut(row, n);
        if mask.is_null() {
            row.iter_mut().for_each(|x| *x = x.mul(scale));
        } else {
            let mask = std::slice::from_raw_parts(mask, n);
            row.iter_mut().zip(mask).for_each(|(x, &m)| *x = x.mul(scale).add(m));
        }
        let mut lanes = [*highest; 16];
        let chunks = row.chunks_exact(16);
        for &x in chunks.remainder() {
            lanes[0] = if x > lanes[0] { x } else { lanes[0] };
        }
        for chunk in chunks {
            for (lane, &x) in lanes.iter_mut().zip(chunk) {
                *lane = if x > *lane { x } else { *lane };
            }
        }
        for x in lanes {
            *highest = if x > *highest { x } else { *highest };
        }
    }
}

/// Scores to `exp(score - highest)`, and their sum. Safety: as [`prepare_row`].
#[inline(always)]
unsafe fn exponentials<T: Score>(row: *mut T, n: usize, highest: T, total: *mut T) {
    // SAFETY: the caller's promise.
    unsafe {
        let row = std::slice::from_raw_parts_mut(row, n);
        let minus = highest.mul(T::from_f64(-1.0));
        row.iter_mut().for_each(|x| *x = x.add(minus).exp());
        let mut lanes = [T::default(); 16];
        let chunks = row.chunks_exact(16);
        for (lane, &x) in lanes.iter_mut().zip(chunks.remainder()) {
            *lane = lane.add(x);
        }
        for chunk in chunks {
            for (lane, &x) in lanes.iter_mut().zip(chunk) {
                *lane = lane.add(x);
            }
        }
        *total = lanes.into_iter().fold(T::default(), T::add);
    }
}

impl<T: Score> Prepared for AttentionPlan<T> {
    fn variant(&self) -> &'static str {
        "attention/flash"
    }

    fn flops(&self) -> u64 {
        let scores = (self.batch as u64).saturating_mul(self.queries as u64).saturating_mul(self.keys as u64);
        scores.saturating_mul(2 * (self.head_dim + self.value_dim) as u64)
    }

    fn scratch_bytes(&self) -> u64 {
        let keys = KEYS.min(self.keys);
        let queries = QUERIES.min(self.queries);
        let packed = |side: &Side, n: usize| if side.is_plain() { 0 } else { n };
        let elements = queries * (keys + self.value_dim)
            + packed(&self.q, queries * self.head_dim)
            + packed(&self.k, keys * self.head_dim)
            + packed(&self.v, keys * self.value_dim);
        (elements * size_of::<T>() + self.epilogue.scratch()) as u64
    }

    unsafe fn run(&self, run: &Run<'_>) {
        if self.batch * self.queries == 0 {
            return;
        }
        let workers = run.workers.for_cost(usize::try_from(self.flops() / 8).unwrap_or(usize::MAX));
        // Smaller tiles where there would be too few for the threads.
        let mut size = QUERIES.min(self.queries);
        while size > 16 && self.batch * self.queries.div_ceil(size) < 2 * workers.threads() {
            size = size.div_ceil(2);
        }
        let tiles = self.queries.div_ceil(size);
        let fault = AtomicBool::new(false);
        workers.run(
            self.batch * tiles,
            || self.state(),
            |state, task| {
                let (batch, q0) = (task / tiles, task % tiles * size);
                // SAFETY: the run's promise; tiles are disjoint.
                unsafe { self.tile(run, state, batch, (q0, size.min(self.queries - q0))) };
                let mut frames = state.mask_frame.iter().chain([&state.epilogue]);
                if state.sides.iter().any(Scratch::fault) || frames.any(Frame::fault) {
                    fault.store(true, Ordering::Relaxed);
                }
            },
        );
        run.report(fault.into_inner());
    }
}
