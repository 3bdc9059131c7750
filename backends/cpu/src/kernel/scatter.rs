//! Scatter: updates in their order, whatever the number of threads.
//!
//! Updates of different places of `outer` or `inner` never meet, so workers split those axes; each walks all updates in order. Sums of
//! `F16` and `BF16` are kept in `f32` until the end.

use super::{Prepared, Run, compile_operand};
use crate::eval::{Compiled, Frame, Stepped, map};
use crate::ops::{self, Loop1, Loop2};
use hadal_device::DeviceError;
use hadal_graph::DType;
use hadal_graph::program::{BinaryOp, Scatter, ScatterOp};
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) struct ScatterPlan {
    outer: usize,
    updates: usize,
    extent: usize,
    inner: usize,
    init: Option<Compiled>,
    index: Compiled,
    index_dtype: DType,
    update: Compiled,
    /// `None` for [`ScatterOp::Set`].
    combine: Option<Loop2>,
    load: Loop1,
    store: Loop1,
    /// Bytes of an element in memory and of a lane.
    size: usize,
    lane: usize,
}

/// Errors: as [`Compiled::new`]; `Argument` when the result has another size or dtype; `Unsupported`.
pub(super) fn prepare(kernel: &Scatter, step: &Stepped<'_>) -> Result<ScatterPlan, DeviceError> {
    let (outer, inner) =
        (map::extents(&kernel.outer, step.bindings)?, map::extents(&kernel.inner, step.bindings)?);
    let sizes = map::extents(&[kernel.updates.clone(), kernel.extent.clone()], step.bindings)?;
    let (updates, extent) = (sizes[0], sizes[1]);
    let over = |axis: usize| [&outer[..], &[axis], &inner].concat();
    let dtype = kernel.update.dtype();
    let expected = map::product(&over(extent))?;
    if step.writes.first() != Some(&(dtype, expected)) {
        return Err(DeviceError::Argument(format!(
            "`{}` scatters {expected} elements of {dtype} into {:?}: the program is malformed",
            step.label,
            step.writes.first()
        )));
    }
    let index_dtype = kernel.index.dtype();
    let unsupported =
        |dtype| DeviceError::Unsupported { backend: "cpu".into(), op: step.label.into(), dtype };
    if !index_dtype.is_int() {
        return Err(unsupported(index_dtype));
    }
    if kernel.init.as_ref().is_some_and(|init| ops::lane(init.dtype()) != ops::lane(dtype)) {
        return Err(DeviceError::Argument(format!(
            "`{}` starts from another dtype than it adds",
            step.label
        )));
    }
    let combine = match kernel.op {
        ScatterOp::Set => None,
        ScatterOp::Add => Some(BinaryOp::Add),
        ScatterOp::Max => Some(BinaryOp::Max),
        ScatterOp::Min => Some(BinaryOp::Min),
    };
    let combine = combine.map(|op| ops::binary(op, dtype).ok_or_else(|| unsupported(dtype))).transpose()?;
    let operand = |o, domain: &[usize]| compile_operand(o, domain, None, &[], 0, step);
    Ok(ScatterPlan {
        outer: map::product(&outer)?,
        updates,
        extent,
        inner: map::product(&inner)?,
        init: kernel.init.as_ref().map(|init| operand(init, &over(extent))).transpose()?,
        index: operand(&kernel.index, &[updates])?,
        index_dtype,
        update: operand(&kernel.update, &over(updates))?,
        combine,
        load: ops::load(dtype),
        store: ops::store(dtype),
        size: dtype.size(),
        lane: ops::lane(dtype).size(),
    })
}

/// Scratch of one worker.
struct State {
    frame: Frame,
    /// A block of lanes.
    block: Vec<u64>,
    /// Results of one place of `outer` as lanes, where they are kept apart from memory.
    wide: Vec<u64>,
}

impl ScatterPlan {
    /// Evaluates all indices; -1 and a fault for one out of range. Safety: as [`Prepared::run`].
    unsafe fn indices(&self, run: &Run<'_>) -> Vec<i64> {
        let mut frame = Frame::new(&self.index);
        let mut indices = Vec::with_capacity(self.updates);
        let mut fault = false;
        while indices.len() < self.updates {
            let count = self.index.block().min(self.updates - indices.len());
            // SAFETY: the range lies within the domain; the register holds that many lanes.
            unsafe {
                self.index.eval(&mut frame, run.operands, indices.len(), count, &[]);
                let register = self.index.value(&frame, 0);
                for n in 0..count {
                    let index = crate::eval::read_index(register, self.index_dtype, n);
                    let inside = (0..self.extent as i64).contains(&index);
                    fault |= !inside;
                    indices.push(if inside { index } else { -1 });
                }
            }
        }
        run.report(fault || frame.fault());
        indices
    }

    /// The result before any update. Safety: as [`Prepared::run`].
    unsafe fn start(&self, run: &Run<'_>, init: &Compiled) {
        let (total, block) = (init.total(), init.block());
        let fault = AtomicBool::new(false);
        let target = run.operands.writes[0] as usize;
        run.workers.for_cost(total.saturating_mul(init.cost())).run(
            total.div_ceil(block),
            || Frame::new(init),
            |frame, task| {
                let (start, count) = (task * block, block.min(total - task * block));
                // SAFETY: the result has as many elements as the domain; blocks are disjoint.
                unsafe {
                    init.eval(frame, run.operands, start, count, &[]);
                    (self.store)(init.value(frame, 0), (target as *mut u8).add(start * self.size), count);
                }
                if frame.fault() {
                    fault.store(true, Ordering::Relaxed);
                }
            },
        );
        run.report(fault.into_inner());
    }

    /// All updates of columns `c0..c0 + width` at one place of `outer`.
    ///
    /// Safety: as [`Prepared::run`]; no other worker has these columns.
    unsafe fn update(
        &self,
        run: &Run<'_>,
        state: &mut State,
        indices: &[i64],
        outer: usize,
        (c0, width): (usize, usize),
    ) {
        let State { frame, block, wide } = state;
        let slab = self.extent * self.inner;
        // SAFETY: for everything below: elements (outer, index, column) lie within the result; scratch is as large as said.
        unsafe {
            let memory = run.operands.writes[0].add(outer * slab * self.size);
            // Narrow types are widened for the whole walk; others are updated where they are.
            let apart = self.size != self.lane && self.combine.is_some();
            let (results, pitch, first) = if apart {
                wide.resize((self.extent * width * self.lane).div_ceil(8), 0);
                for e in 0..self.extent {
                    let from = memory.add((e * self.inner + c0) * self.size);
                    (self.load)(from, wide.as_mut_ptr().cast::<u8>().add(e * width * self.lane), width);
                }
                (wide.as_mut_ptr().cast::<u8>(), width, 0)
            } else {
                (memory, self.inner, c0)
            };
            // Several updates at a time where whole rows are taken and short.
            let together = if width == self.inner { (self.update.block() / width.max(1)).max(1) } else { 1 };
            for u0 in (0..self.updates).step_by(together) {
                let count = together.min(self.updates - u0);
                let length = count * width;
                for at in (0..length).step_by(self.update.block()) {
                    let part = self.update.block().min(length - at);
                    let start = (outer * self.updates + u0) * self.inner + c0 + at;
                    self.update.eval(frame, run.operands, start, part, &[]);
                    let values = self.update.value(frame, 0);
                    let mut done = 0;
                    while done < part {
                        let (row, column) = ((at + done) / width, (at + done) % width);
                        let n = (width - column).min(part - done);
                        let index = indices[u0 + row];
                        if index >= 0 {
                            let values = values.add(done * self.lane);
                            let position = index as usize * pitch + first + column;
                            match self.combine {
                                None => (self.store)(values, results.add(position * self.size), n),
                                Some(combine) => {
                                    let to = results.add(position * self.lane);
                                    let sum = block.as_mut_ptr().cast::<u8>();
                                    combine(to, values, sum, n);
                                    std::ptr::copy_nonoverlapping(sum, to, n * self.lane);
                                }
                            }
                        }
                        done += n;
                    }
                }
            }
            if apart {
                for e in 0..self.extent {
                    let to = memory.add((e * self.inner + c0) * self.size);
                    (self.store)(results.add(e * width * self.lane), to, width);
                }
            }
        }
    }
}

impl Prepared for ScatterPlan {
    fn variant(&self) -> &'static str {
        "scatter/ordered"
    }

    fn flops(&self) -> u64 {
        (self.update.total() as u64).saturating_mul(self.update.arithmetic() as u64 + 1)
    }

    fn scratch_bytes(&self) -> u64 {
        let wide = if self.size != self.lane && self.combine.is_some() {
            self.extent * self.inner * self.lane
        } else {
            0
        };
        (self.update.scratch() + wide + 8 * (self.updates + self.update.block())) as u64
    }

    unsafe fn run(&self, run: &Run<'_>) {
        // SAFETY: the run's promise, for all calls.
        unsafe {
            if let Some(init) = &self.init {
                self.start(run, init);
            }
            let indices = self.indices(run);
            if self.update.total() == 0 {
                return;
            }
            let workers = run.workers.for_cost(self.update.total().saturating_mul(self.update.cost()));
            let wanted = (2 * workers.threads()).div_ceil(self.outer);
            let width = if workers.threads() == 1 || self.outer >= 2 * workers.threads() {
                self.inner
            } else {
                self.inner.div_ceil(wanted).next_multiple_of(64).min(self.inner)
            };
            let parts = self.inner.div_ceil(width);
            let fault = AtomicBool::new(false);
            workers.run(
                self.outer * parts,
                || State {
                    frame: Frame::new(&self.update),
                    block: vec![0; self.update.block()],
                    wide: Vec::new(),
                },
                |state, task| {
                    let (outer, c0) = (task / parts, task % parts * width);
                    self.update(run, state, &indices, outer, (c0, width.min(self.inner - c0)));
                    if state.frame.fault() {
                        fault.store(true, Ordering::Relaxed);
                    }
                },
            );
            run.report(fault.into_inner());
        }
    }
}
