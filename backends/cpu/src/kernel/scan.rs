//! Cumulative reductions: rows in parallel, each walked once.

use super::{Prepared, Run, compile_body, compile_operand};
use crate::eval::{Compiled, Frame, Stepped, map};
use crate::ops::{self, Loop1, Number, with_lane};
use hadal_device::DeviceError;
use hadal_graph::DType;
use hadal_graph::program::{ReduceOp, Scan};
use std::sync::atomic::{AtomicBool, Ordering};

/// Continues a row: running values of `n` lanes into `out`, with the total so far in the word. Safety: both hold `n` lanes, and are apart.
type Walk = unsafe fn(*const u8, *mut u8, usize, &mut u64, bool, bool);

pub(super) struct ScanPlan {
    rows: usize,
    length: usize,
    operand: Compiled,
    epilogue: Compiled,
    walk: Walk,
    identity: u64,
    exclusive: bool,
    reverse: bool,
    /// From the operand's lanes to the accumulator's.
    convert: Option<Loop1>,
    lane: usize,
}

/// Errors: as [`Compiled::new`]; `Argument` for an op that is no running total.
pub(super) fn prepare(kernel: &Scan, step: &Stepped<'_>) -> Result<ScanPlan, DeviceError> {
    let outer = map::extents(&kernel.outer, step.bindings)?;
    let length = map::extents(std::slice::from_ref(&kernel.length), step.bindings)?[0];
    let domain = [&outer[..], &[length]].concat();
    let (from, to) = (ops::lane(kernel.operand.dtype()), ops::lane(kernel.dtype));
    let walk: (Walk, u64) = match (kernel.op, to) {
        (ReduceOp::Sum, DType::F32) => (walk_wide, 0f64.to_bits()),
        (ReduceOp::Product, DType::F32) => (walk_wide_product, 1f64.to_bits()),
        (ReduceOp::Sum, _) => with_lane!(to, T => (walk::<T, 0> as Walk, word(<T as Number>::ZERO))),
        (ReduceOp::Product, _) => with_lane!(to, T => (walk::<T, 1> as Walk, word(<T as Number>::ONE))),
        (ReduceOp::Max, _) => with_lane!(to, T => (walk::<T, 2> as Walk, word(<T as Number>::LOWEST))),
        (ReduceOp::Min, DType::Bool) => (walk::<u8, 3>, 1),
        (ReduceOp::Min, _) => with_lane!(to, T => (walk::<T, 3> as Walk, word(<T as Number>::HIGHEST))),
        (ReduceOp::ArgMax | ReduceOp::ArgMin, _) => {
            return Err(DeviceError::Argument(format!(
                "`{}`: {:?} has no running total",
                step.label, kernel.op
            )));
        }
    };
    Ok(ScanPlan {
        rows: map::product(&outer)?,
        length,
        operand: compile_operand(&kernel.operand, &domain, None, &[], 0, step)?,
        epilogue: compile_body(&kernel.epilogue, &domain, None, &[kernel.dtype], 0, step)?,
        walk: walk.0,
        identity: walk.1,
        exclusive: kernel.exclusive,
        reverse: kernel.reverse,
        convert: (from != to).then(|| ops::cast(from, to)),
        lane: to.size(),
    })
}

/// The bits of a lane in a word.
fn word<T: Number>(value: T) -> u64 {
    let mut word = 0u64;
    // SAFETY: lanes are plain numbers of at most 8 bytes.
    unsafe { std::ptr::write_unaligned((&raw mut word).cast::<T>(), value) };
    word
}

/// `OP`: 0 sum, 1 product, 2 maximum, 3 minimum. Safety: see [`Walk`].
unsafe fn walk<T: Number, const OP: u8>(
    x: *const u8,
    out: *mut u8,
    n: usize,
    total: &mut u64,
    exclusive: bool,
    reverse: bool,
) {
    // SAFETY: the word holds a lane of `T`.
    let mut running: T = unsafe { std::ptr::read_unaligned((&raw const *total).cast()) };
    let step = |a: T, b: T| match OP {
        0 => a.add(b),
        1 => a.mul(b),
        2 if b > a || b.is_nan() => b,
        3 if b < a || b.is_nan() => b,
        _ => a,
    };
    // SAFETY: the caller's promise.
    unsafe { each(x, out, n, reverse, exclusive, &mut running, step, |r: T| r) };
    *total = word(running);
}

/// Sums of `f32` with an `f64` total. Safety: see [`Walk`].
unsafe fn walk_wide(x: *const u8, out: *mut u8, n: usize, total: &mut u64, exclusive: bool, reverse: bool) {
    let mut running = f64::from_bits(*total);
    // SAFETY: the caller's promise.
    unsafe { each(x, out, n, reverse, exclusive, &mut running, |a, b: f32| a + b as f64, |r| r as f32) };
    *total = running.to_bits();
}

/// Products of `f32` with an `f64` total. Safety: see [`Walk`].
unsafe fn walk_wide_product(
    x: *const u8,
    out: *mut u8,
    n: usize,
    total: &mut u64,
    exclusive: bool,
    reverse: bool,
) {
    let mut running = f64::from_bits(*total);
    // SAFETY: the caller's promise.
    unsafe { each(x, out, n, reverse, exclusive, &mut running, |a, b: f32| a * b as f64, |r| r as f32) };
    *total = running.to_bits();
}

/// Safety: `x` and `out` hold `n` lanes of `T`, and are apart.
#[allow(clippy::too_many_arguments, reason = "one loop behind three totals")]
unsafe fn each<T: Copy, W: Copy>(
    x: *const u8,
    out: *mut u8,
    n: usize,
    reverse: bool,
    exclusive: bool,
    running: &mut W,
    step: impl Fn(W, T) -> W,
    narrow: impl Fn(W) -> T,
) {
    // SAFETY: the caller's promise.
    let (x, out) = unsafe {
        (std::slice::from_raw_parts(x.cast::<T>(), n), std::slice::from_raw_parts_mut(out.cast::<T>(), n))
    };
    for i in 0..n {
        let i = if reverse { n - 1 - i } else { i };
        let next = step(*running, x[i]);
        out[i] = narrow(if exclusive { *running } else { next });
        *running = next;
    }
}

impl Prepared for ScanPlan {
    fn variant(&self) -> &'static str {
        "scan/rows"
    }

    fn flops(&self) -> u64 {
        let each = self.operand.arithmetic() + self.epilogue.arithmetic() + 1;
        (self.operand.total() as u64).saturating_mul(each as u64)
    }

    fn scratch_bytes(&self) -> u64 {
        (self.operand.scratch() + self.epilogue.scratch() + 16 * self.operand.block()) as u64
    }

    unsafe fn run(&self, run: &Run<'_>) {
        if self.operand.total() == 0 {
            return;
        }
        let block = self.operand.block().min(self.epilogue.block());
        let blocks = self.length.div_ceil(block);
        let cost = self.operand.cost() + self.epilogue.cost() + 4;
        let workers = run.workers.for_cost(self.operand.total().saturating_mul(cost));
        let group = (1024 / self.length).clamp(1, 1024);
        let fault = AtomicBool::new(false);
        workers.run(
            self.rows.div_ceil(group),
            || (Frame::new(&self.operand), Frame::new(&self.epilogue), vec![0u64; block], vec![0u64; block]),
            |(operand, epilogue, converted, running), task| {
                for row in task * group..((task + 1) * group).min(self.rows) {
                    let mut total = self.identity;
                    for b in 0..blocks {
                        let b = if self.reverse { blocks - 1 - b } else { b };
                        let (start, n) = (row * self.length + b * block, block.min(self.length - b * block));
                        // SAFETY: the block lies within the row; scratch holds a block of any lanes; rows are disjoint.
                        unsafe {
                            self.operand.eval(operand, run.operands, start, n, &[]);
                            let mut values = self.operand.value(operand, 0);
                            if let Some(convert) = self.convert {
                                convert(values, converted.as_mut_ptr().cast(), n);
                                values = converted.as_ptr().cast();
                            }
                            let out = running.as_mut_ptr().cast::<u8>();
                            (self.walk)(values, out, n, &mut total, self.exclusive, self.reverse);
                            self.epilogue.eval(epilogue, run.operands, start, n, &[out.cast_const()]);
                        }
                    }
                }
                if operand.fault() || epilogue.fault() {
                    fault.store(true, Ordering::Relaxed);
                }
            },
        );
        debug_assert!(self.lane <= 8);
        run.report(fault.into_inner());
    }
}
