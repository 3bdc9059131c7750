//! Stable sorting: rows in parallel.

use super::{Prepared, Run, compile_operand};
use crate::eval::map::{self, Map};
use crate::eval::{Compiled, Frame, Operands, Stepped};
use crate::ops::{self, Loop1, Number, with_lane};
use hadal_device::DeviceError;
use hadal_graph::DType;
use hadal_graph::program::Sort;
use std::cmp::Ordering;
use std::sync::atomic::{self, AtomicBool};

/// Sorts `n` lanes, and writes their former positions. Safety: the pointer holds `n` lanes.
type SortRow = unsafe fn(*mut u8, &mut [u32], bool);

pub(super) struct SortPlan {
    extents: Vec<usize>,
    rows: usize,
    length: usize,
    operand: Compiled,
    sort: SortRow,
    descending: bool,
    values: Option<Map>,
    indices: Option<Map>,
    store: Loop1,
    size: usize,
    lane: usize,
}

/// Errors: as [`Compiled::new`]; `Argument` for results of another dtype or size, and rows of 2³² elements.
pub(super) fn prepare(kernel: &Sort, step: &Stepped<'_>) -> Result<SortPlan, DeviceError> {
    let outer = map::extents(&kernel.outer, step.bindings)?;
    let length = map::extents(std::slice::from_ref(&kernel.length), step.bindings)?[0];
    let extents = [&outer[..], &[length]].concat();
    let dtype = kernel.operand.dtype();
    let malformed = |what: &str| DeviceError::Argument(format!("`{}`: {what}", step.label));
    if u32::try_from(length).is_err() {
        return Err(malformed("rows of 2^32 elements or more cannot be sorted"));
    }
    let target = |n: usize, affine, dtype: DType| -> Result<Option<Map>, DeviceError> {
        let Some(&(held, elements)) = step.writes.get(n) else { return Ok(None) };
        let map = Map::new(affine, extents.len(), step.bindings)?;
        if held != dtype {
            return Err(malformed(&format!("result {n} is {held}, not {dtype}: the program is malformed")));
        }
        if !extents.contains(&0) {
            let (low, high) = map.range(&extents)?;
            if low < 0 || high >= elements as i64 {
                return Err(malformed(&format!(
                    "result {n} has only {elements} elements: the program is malformed"
                )));
            }
        }
        Ok(Some(map))
    };
    Ok(SortPlan {
        rows: map::product(&outer)?,
        length,
        operand: compile_operand(&kernel.operand, &extents, None, &[], 0, step)?,
        sort: with_lane!(dtype, T => sort_row::<T>),
        descending: kernel.descending,
        values: target(0, &kernel.values, dtype)?,
        indices: target(1, &kernel.indices, DType::I64)?,
        store: ops::store(dtype),
        size: dtype.size(),
        lane: ops::lane(dtype).size(),
        extents,
    })
}

/// Safety: see [`SortRow`].
unsafe fn sort_row<T: Number>(row: *mut u8, positions: &mut [u32], descending: bool) {
    // SAFETY: the caller's promise.
    let row = unsafe { std::slice::from_raw_parts_mut(row.cast::<T>(), positions.len()) };
    let mut pairs: Vec<(T, u32)> = row.iter().copied().zip(0..).collect();
    // NaN is last either way; among equals the earlier comes first, as the sort is stable.
    let order = |a: T, b: T| match (a.is_nan(), b.is_nan()) {
        (false, false) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
        (a, b) => a.cmp(&b),
    };
    if descending {
        pairs.sort_by(|a, b| if a.0.is_nan() || b.0.is_nan() { order(a.0, b.0) } else { order(b.0, a.0) });
    } else {
        pairs.sort_by(|a, b| order(a.0, b.0));
    }
    for (i, (value, position)) in pairs.into_iter().enumerate() {
        row[i] = value;
        positions[i] = position;
    }
}

impl SortPlan {
    /// Writes a sorted row. Safety: as [`Prepared::run`]; addresses were checked.
    unsafe fn write(
        &self,
        operands: &Operands,
        row: usize,
        lanes: *const u8,
        positions: &[u32],
        coordinates: &mut [i64],
    ) {
        map::coordinates(row * self.length, &self.extents, coordinates);
        // SAFETY: addresses over the whole domain were checked; lanes holds the row.
        unsafe {
            if let Some(map) = &self.values {
                let (first, step) = (map.at(coordinates), map.inner());
                let to = |i: usize| {
                    operands.writes[0].offset((first + i as i64 * step) as isize * self.size as isize)
                };
                if step == 1 {
                    (self.store)(lanes, to(0), self.length);
                } else {
                    (0..self.length).for_each(|i| (self.store)(lanes.add(i * self.lane), to(i), 1));
                }
            }
            if let Some(map) = &self.indices {
                let (first, step) = (map.at(coordinates), map.inner());
                for (i, &position) in positions.iter().enumerate() {
                    *operands.writes[1].cast::<i64>().offset((first + i as i64 * step) as isize) =
                        position as i64;
                }
            }
        }
    }
}

impl Prepared for SortPlan {
    fn variant(&self) -> &'static str {
        "sort/stable"
    }

    fn flops(&self) -> u64 {
        let comparisons = self.length.max(2).ilog2() as u64;
        (self.operand.total() as u64).saturating_mul(comparisons + self.operand.arithmetic() as u64)
    }

    fn scratch_bytes(&self) -> u64 {
        (self.length * (8 + 4 + 16) + self.operand.scratch()) as u64
    }

    unsafe fn run(&self, run: &Run<'_>) {
        if self.operand.total() == 0 {
            return;
        }
        let cost = self.operand.cost() + 8 * self.length.max(2).ilog2() as usize;
        let workers = run.workers.for_cost(self.operand.total().saturating_mul(cost));
        let group = (1024 / self.length).clamp(1, 1024);
        let fault = AtomicBool::new(false);
        workers.run(
            self.rows.div_ceil(group),
            || {
                let lanes = vec![0u64; (self.length * self.lane).div_ceil(8)];
                (Frame::new(&self.operand), lanes, vec![0u32; self.length], vec![0i64; self.extents.len()])
            },
            |(frame, lanes, positions, coordinates), task| {
                for row in task * group..((task + 1) * group).min(self.rows) {
                    let lanes = lanes.as_mut_ptr().cast::<u8>();
                    for at in (0..self.length).step_by(self.operand.block()) {
                        let n = self.operand.block().min(self.length - at);
                        // SAFETY: the block lies within the row, and scratch holds a row.
                        unsafe {
                            self.operand.eval(frame, run.operands, row * self.length + at, n, &[]);
                            let value = self.operand.value(frame, 0);
                            std::ptr::copy_nonoverlapping(value, lanes.add(at * self.lane), n * self.lane);
                        }
                    }
                    // SAFETY: scratch holds the row; rows are disjoint.
                    unsafe {
                        (self.sort)(lanes, positions, self.descending);
                        self.write(run.operands, row, lanes, positions, coordinates);
                    }
                }
                if frame.fault() {
                    fault.store(true, atomic::Ordering::Relaxed);
                }
            },
        );
        run.report(fault.into_inner());
    }
}
