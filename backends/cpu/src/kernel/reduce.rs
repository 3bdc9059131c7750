//! Row reductions.
//!
//! Three ways, chosen by shape and layout:
//! - *rows*: each row is evaluated in blocks along itself; workers take groups of rows;
//! - *lanes*: many rows side by side, one position of all of them at a time, where memory is contiguous across rows or rows are short;
//! - *split*: few long rows, each cut into chunks that workers reduce; chunks have a fixed length, so the result does not depend on threads.
//!   Rows that lie side by side are cut together.

use super::{Prepared, Run, compile_body, compile_operand};
use crate::eval::map::{self, Map};
use crate::eval::{Compiled, Frame, Stepped};
use crate::ops::{self, FoldLoops, Loop1, Total};
use hadal_device::DeviceError;
use hadal_graph::program::{Body, Instr, Operand, PointwiseProgram, Reduce, ReduceOp};
use smallvec::SmallVec;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Elements of a chunk of a split row.
const CHUNK: usize = 16 << 10;
/// Elements of the longest rows whose values are kept for the element body.
const KEPT: usize = 4 << 10;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Rows,
    Lanes,
}

struct PhasePlan {
    operand: Compiled,
    fold: FoldLoops,
    /// From results to the accumulator's lanes, rounding.
    convert: Option<Loop1>,
    /// Bytes of a lane of the accumulator.
    size: usize,
    /// Bytes of a lane of the operand.
    lane: usize,
}

pub(super) struct ReducePlan {
    outer: usize,
    row: usize,
    phases: Vec<PhasePlan>,
    per_row: Option<Compiled>,
    per_element: Option<Compiled>,
    /// The phase whose values the element body reads again, as the accumulator after the last.
    kept: Option<usize>,
    way: Way,
    /// Rows or lanes that one group covers at most.
    group: usize,
}

/// Errors: as [`Compiled::new`]; `Argument` for the position of a maximum in empty rows.
pub(super) fn prepare(kernel: &Reduce, step: &Stepped<'_>) -> Result<ReducePlan, DeviceError> {
    let (outer, row) =
        (map::extents(&kernel.outer, step.bindings)?, map::extents(&kernel.row, step.bindings)?);
    let domain = [&outer[..], &row].concat();
    let (rows, length) = (map::product(&outer)?, map::product(&row)?);
    let positional = |op| matches!(op, ReduceOp::ArgMax | ReduceOp::ArgMin);
    if length == 0 && rows > 0 && kernel.phases.iter().any(|p| positional(p.op)) {
        return Err(DeviceError::Argument(format!(
            "`{}`: an empty row has no position of a maximum or minimum",
            step.label
        )));
    }
    let way = choose(kernel, &domain, outer.len(), (rows, length), step)?;
    let order: Vec<usize> = (outer.len()..domain.len()).chain(0..outer.len()).collect();
    let (order, numbers) = match way {
        Way::Rows => (None, kernel.phases.len()),
        Way::Lanes => (Some(&order[..]), 0),
    };
    let mut dtypes: Vec<_> = kernel.phases.iter().map(|p| p.dtype).collect();
    let mut phases = Vec::new();
    for (n, phase) in kernel.phases.iter().enumerate() {
        let operand = compile_operand(&phase.operand, &domain, order, &dtypes[..n], numbers, step)?;
        let fold = ops::fold(phase.op, phase.operand.dtype());
        let same = fold.result == phase.dtype;
        let convert = (!same).then(|| ops::cast(fold.result, phase.dtype));
        let [size, lane] = [phase.dtype, phase.operand.dtype()].map(|d| ops::lane(d).size());
        phases.push(PhasePlan { operand, fold, convert, size, lane });
    }
    let per_row =
        kernel.per_row.as_ref().map(|b| compile_body(b, &outer, None, &dtypes, 0, step)).transpose()?;
    let kept = kernel.per_element.as_ref().filter(|_| way == Way::Rows && length <= KEPT);
    let kept = kept.and_then(|body| keep(kernel, body));
    if let Some((phase, _)) = &kept {
        dtypes.push(kernel.phases[*phase].operand.dtype());
    }
    let (kept, shorter) = kept.unzip();
    let per_element = shorter
        .as_ref()
        .or(kernel.per_element.as_ref())
        .map(|b| compile_body(b, &domain, order, &dtypes, numbers, step))
        .transpose()?;
    let all = phases.iter().map(|p| &p.operand).chain(&per_row).chain(&per_element);
    let group = all.map(Compiled::block).min().unwrap_or(256);
    Ok(ReducePlan { outer: rows, row: length, phases, per_row, per_element, kept, way, group })
}

/// A phase whose values the element body computes again by functions that cost more than reading them, and the body that reads them. In a softmax these are the exponentials.
fn keep(kernel: &Reduce, body: &Body) -> Option<(usize, Body)> {
    kernel.phases.iter().enumerate().rev().find_map(|(n, phase)| {
        let at = find(&phase.operand, &body.program)?;
        let mut body = body.clone();
        body.program.instrs[at].instr = Instr::Accumulator(kernel.phases.len());
        Some((n, body))
    })
}

/// Where a program computes what the operand does, if that takes a function of one number.
fn find(operand: &Operand, program: &PointwiseProgram) -> Option<usize> {
    let mut found: Vec<Option<usize>> = Vec::new();
    let mut functions = vec![false; operand.program.instrs.len()];
    for (n, typed) in operand.program.instrs.iter().enumerate() {
        let mut typed = typed.clone();
        let mut function = matches!(typed.instr, Instr::Unary(..));
        let mut known = true;
        for register in typed.instr.operands_mut() {
            function |= functions.get(*register).is_some_and(|&f| f);
            match found.get(*register).copied().flatten() {
                Some(at) => *register = at,
                None => known = false,
            }
        }
        functions[n] = function;
        found.push(if known { program.instrs.iter().position(|other| *other == typed) } else { None });
    }
    let at = found.get(operand.value).copied().flatten()?;
    functions[operand.value].then_some(at)
}

fn choose(
    kernel: &Reduce,
    domain: &[usize],
    outer: usize,
    (rows, length): (usize, usize),
    step: &Stepped<'_>,
) -> Result<Way, DeviceError> {
    if length < 16 && rows >= 32 {
        return Ok(Way::Lanes);
    }
    let last = |range: std::ops::Range<usize>| range.rev().find(|&axis| domain[axis] > 1);
    let (Some(across), Some(along)) = (last(0..outer), last(outer..domain.len())) else {
        return Ok(Way::Rows);
    };
    let (mut lanes, mut strided) = (0, 0);
    for typed in kernel.phases.iter().flat_map(|p| &p.operand.program.instrs) {
        if let Instr::Load { map, .. } = &typed.instr {
            let map = Map::new(&map.address, domain.len(), step.bindings)?;
            lanes += (map.coefficients[across] == 1 && map.coefficients[along] != 1) as usize;
            strided += (map.coefficients[along] == 1) as usize;
        }
    }
    Ok(if lanes > strided && domain[across] >= 32 { Way::Lanes } else { Way::Rows })
}

/// Registers and results of one worker.
struct State {
    phases: Vec<Frame>,
    per_row: Option<Frame>,
    per_element: Option<Frame>,
    totals: Vec<Total>,
    /// Accumulators of a group as lanes of at most 8 bytes, phase by phase.
    accumulators: Vec<u64>,
    /// Values of a row, as lanes of at most 8 bytes.
    kept: Vec<u64>,
}

impl ReducePlan {
    fn state(&self) -> State {
        State {
            phases: self.phases.iter().map(|p| Frame::new(&p.operand)).collect(),
            per_row: self.per_row.as_ref().map(Frame::new),
            per_element: self.per_element.as_ref().map(Frame::new),
            totals: vec![Total::default(); self.group],
            accumulators: vec![0; self.group * self.phases.len()],
            kept: vec![0; if self.kept.is_some() { self.row } else { 0 }],
        }
    }

    fn faulted(state: &State) -> bool {
        state.phases.iter().chain(&state.per_row).chain(&state.per_element).any(Frame::fault)
    }

    /// Where the accumulators of phase `n` start in a group's memory.
    fn accumulator(&self, accumulators: *mut u64, n: usize) -> *mut u8 {
        accumulators.wrapping_add(n * self.group).cast()
    }

    /// Bytes of a lane of accumulator `n`.
    fn lane(&self, n: usize) -> usize {
        self.phases[n].size
    }

    /// Rows `first..first + count`, one after the other. Safety: as [`Prepared::run`]; no other worker has these rows.
    unsafe fn rows(&self, run: &Run<'_>, state: &mut State, first: usize, count: usize) {
        let accumulators = state.accumulators.as_mut_ptr();
        for r in 0..count {
            let start = (first + r) * self.row;
            let at: SmallVec<[*const u8; 4]> = (0..self.phases.len())
                .map(|n| self.accumulator(accumulators, n).wrapping_add(r * self.lane(n)).cast_const())
                .collect();
            let values = state.kept.as_mut_ptr().cast::<u8>();
            for (n, phase) in self.phases.iter().enumerate() {
                let frame = &mut state.phases[n];
                frame.forget_row();
                let kept = (self.kept == Some(n)).then_some(values);
                // SAFETY: blocks lie within the row; accumulators of earlier phases are set; totals hold one total.
                unsafe {
                    let total = state.totals.as_mut_ptr();
                    (phase.fold.init)(total, 1);
                    self.along(run, phase, frame, (start, self.row), 0, &at, kept, total);
                    phase.finish(total, at[n].cast_mut(), 1);
                }
            }
            let kept = self.kept.map(|n| (values.cast_const(), self.phases[n].lane));
            if let (Some(body), Some(frame)) = (&self.per_element, &mut state.per_element) {
                frame.forget_row();
                // SAFETY: as above.
                unsafe { self.elements(run, body, frame, (start, self.row), &at, kept) };
            }
        }
        // SAFETY: accumulators of all rows of the group are set.
        unsafe { self.finish_rows(run, state, first, count) };
    }

    /// One phase over part of a row, whose values stay in `kept`. Safety: as [`ReducePlan::rows`]; `kept` has room for them.
    #[allow(clippy::too_many_arguments, reason = "one loop shared by two ways")]
    unsafe fn along(
        &self,
        run: &Run<'_>,
        phase: &PhasePlan,
        frame: &mut Frame,
        (start, length): (usize, usize),
        position: usize,
        accumulators: &[*const u8],
        kept: Option<*mut u8>,
        total: *mut Total,
    ) {
        let (operand, mut done) = (&phase.operand, 0);
        while done < length {
            let n = operand.block().min(length - done);
            // SAFETY: the caller's promise.
            unsafe {
                let values = match kept {
                    Some(kept) => {
                        let kept = kept.add(done * phase.lane);
                        operand.eval_into(frame, run.operands, start + done, n, accumulators, kept);
                        kept.cast_const()
                    }
                    None => {
                        operand.eval(frame, run.operands, start + done, n, accumulators);
                        operand.value(frame, 0)
                    }
                };
                (phase.fold.along)(total, values, n, (position + done) as i64);
            }
            done += n;
        }
    }

    /// The element body over part of a row, with what a phase kept of it and the bytes of a lane. Safety: as [`ReducePlan::rows`].
    unsafe fn elements(
        &self,
        run: &Run<'_>,
        body: &Compiled,
        frame: &mut Frame,
        (start, length): (usize, usize),
        accumulators: &[*const u8],
        kept: Option<(*const u8, usize)>,
    ) {
        let mut accumulators: SmallVec<[*const u8; 4]> = accumulators.into();
        accumulators.extend(kept.map(|(values, _)| values));
        let mut done = 0;
        while done < length {
            let n = body.block().min(length - done);
            if let (Some((values, lane)), Some(last)) = (kept, accumulators.last_mut()) {
                *last = values.wrapping_add(done * lane);
            }
            // SAFETY: the caller's promise.
            unsafe { body.eval(frame, run.operands, start + done, n, &accumulators) };
            done += n;
        }
    }

    /// The row body of a group. Safety: as [`ReducePlan::rows`], and all accumulators of the group are set.
    unsafe fn finish_rows(&self, run: &Run<'_>, state: &mut State, first: usize, count: usize) {
        if let (Some(body), Some(frame)) = (&self.per_row, &mut state.per_row) {
            let accumulators = state.accumulators.as_mut_ptr();
            let at: Vec<*const u8> =
                (0..self.phases.len()).map(|n| self.accumulator(accumulators, n).cast_const()).collect();
            // SAFETY: the caller's promise.
            unsafe { body.eval(frame, run.operands, first, count, &at) };
        }
    }

    /// Rows `first..first + count` side by side. Safety: as [`ReducePlan::rows`].
    unsafe fn lanes(&self, run: &Run<'_>, state: &mut State, first: usize, count: usize) {
        let accumulators = state.accumulators.as_mut_ptr();
        let at: Vec<*const u8> =
            (0..self.phases.len()).map(|n| self.accumulator(accumulators, n).cast_const()).collect();
        for (n, phase) in self.phases.iter().enumerate() {
            let (frame, totals) = (&mut state.phases[n], state.totals.as_mut_ptr());
            // SAFETY: lanes lie within the rows; accumulators of earlier phases are set; there is a total for each lane.
            unsafe {
                (phase.fold.init)(totals, count);
                for r in 0..self.row {
                    phase.operand.eval(frame, run.operands, r * self.outer + first, count, &at);
                    (phase.fold.across)(totals, phase.operand.value(frame, 0), count, r as i64);
                }
                phase.finish(totals, at[n].cast_mut(), count);
            }
        }
        if let (Some(body), Some(frame)) = (&self.per_element, &mut state.per_element) {
            for r in 0..self.row {
                // SAFETY: as above.
                unsafe { body.eval(frame, run.operands, r * self.outer + first, count, &at) };
            }
        }
        // SAFETY: accumulators of all rows of the group are set.
        unsafe { self.finish_rows(run, state, first, count) };
    }

    /// Each row cut into chunks. Safety: as [`Prepared::run`].
    unsafe fn split(&self, run: &Run<'_>, fault: &AtomicBool) {
        let chunks = self.row.div_ceil(CHUNK);
        let mut state = self.state();
        let note = |frame: &Frame| {
            if frame.fault() {
                fault.store(true, Ordering::Relaxed);
            }
        };
        for row in 0..self.outer {
            let accumulators = state.accumulators.as_mut_ptr();
            let pointers: Vec<usize> =
                (0..self.phases.len()).map(|n| self.accumulator(accumulators, n) as usize).collect();
            // Addresses cross threads as numbers: workers only read accumulators of finished phases.
            let at = || -> Vec<*const u8> { pointers.iter().map(|&p| p as *const u8).collect() };
            let range = |task: usize| (task * CHUNK, CHUNK.min(self.row - task * CHUNK));
            for (n, phase) in self.phases.iter().enumerate() {
                let totals = Mutex::new(vec![Total::default(); chunks]);
                run.workers.run(
                    chunks,
                    || (Frame::new(&phase.operand), at()),
                    |(frame, at), task| {
                        let (from, length) = range(task);
                        let mut total = Total::default();
                        // SAFETY: chunks lie within the row; earlier accumulators are set.
                        unsafe {
                            (phase.fold.init)(&mut total, 1);
                            self.along(
                                run,
                                phase,
                                frame,
                                (row * self.row + from, length),
                                from,
                                at,
                                None,
                                &mut total,
                            );
                        }
                        note(frame);
                        totals.lock().unwrap_or_else(std::sync::PoisonError::into_inner)[task] = total;
                    },
                );
                let totals = totals.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
                let mut sum = Total::default();
                // SAFETY: every chunk's total was set.
                unsafe {
                    (phase.fold.init)(&mut sum, 1);
                    totals.iter().for_each(|t| (phase.fold.merge)(&mut sum, t));
                    phase.finish(&sum, self.accumulator(accumulators, n), 1);
                }
            }
            if let Some(body) = &self.per_element {
                run.workers.run(
                    chunks,
                    || (Frame::new(body), at()),
                    |(frame, at), task| {
                        let (from, length) = range(task);
                        // SAFETY: chunks are disjoint parts of the row; accumulators are set.
                        unsafe { self.elements(run, body, frame, (row * self.row + from, length), at, None) };
                        note(frame);
                    },
                );
            }
            // SAFETY: the accumulators of this row are set.
            unsafe { self.finish_rows(run, &mut state, row, 1) };
        }
        if ReducePlan::faulted(&state) {
            fault.store(true, Ordering::Relaxed);
        }
    }

    /// Positions of all rows in a chunk, where all rows lie side by side and are cut together.
    fn side_by_side(&self) -> Option<usize> {
        let together = self.way == Way::Lanes && self.phases.len() == 1 && self.per_element.is_none();
        let chunk = (8 * CHUNK / self.outer.max(1)).max(64);
        (together && self.outer <= self.group && self.row >= 2 * chunk).then_some(chunk)
    }

    /// All rows side by side, in chunks of so many positions. Safety: as [`Prepared::run`].
    unsafe fn split_lanes(&self, run: &Run<'_>, chunk: usize, fault: &AtomicBool) {
        let (phase, chunks) = (&self.phases[0], self.row.div_ceil(chunk));
        let totals = Mutex::new(vec![Vec::new(); chunks]);
        let workers = run.workers.for_cost(self.cost());
        workers.run(
            chunks,
            || Frame::new(&phase.operand),
            |frame, task| {
                let mut own = vec![Total::default(); self.outer];
                // SAFETY: positions lie within the rows; there is a total for each.
                unsafe {
                    (phase.fold.init)(own.as_mut_ptr(), self.outer);
                    for r in task * chunk..((task + 1) * chunk).min(self.row) {
                        phase.operand.eval(frame, run.operands, r * self.outer, self.outer, &[]);
                        let value = phase.operand.value(frame, 0);
                        (phase.fold.across)(own.as_mut_ptr(), value, self.outer, r as i64);
                    }
                }
                if frame.fault() {
                    fault.store(true, Ordering::Relaxed);
                }
                totals.lock().unwrap_or_else(std::sync::PoisonError::into_inner)[task] = own;
            },
        );
        let mut totals = totals.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).into_iter();
        let mut sum = totals.next().unwrap_or_default();
        let mut state = self.state();
        // SAFETY: every chunk has as many totals as there are rows; then the accumulators of all rows are set.
        unsafe {
            for other in totals {
                (phase.fold.merge_across)(sum.as_mut_ptr(), other.as_ptr(), self.outer);
            }
            phase.finish(sum.as_ptr(), self.accumulator(state.accumulators.as_mut_ptr(), 0), self.outer);
            self.finish_rows(run, &mut state, 0, self.outer);
        }
        if ReducePlan::faulted(&state) {
            fault.store(true, Ordering::Relaxed);
        }
    }

    fn cost(&self) -> usize {
        let per_element = self.phases.iter().map(|p| p.operand.cost() + 1).sum::<usize>();
        let body = self.per_element.as_ref().map_or(0, Compiled::cost);
        self.outer.saturating_mul(self.row.max(1)).saturating_mul(per_element + body)
    }
}

impl PhasePlan {
    /// Totals to accumulators. Safety: `totals` holds `n` totals, `out` has room for `n` lanes of 8 bytes at most.
    unsafe fn finish(&self, totals: *const Total, out: *mut u8, n: usize) {
        // SAFETY: the caller's promise; the temporary holds `n` lanes.
        unsafe {
            match self.convert {
                None => (self.fold.finish)(totals, out, n),
                Some(convert) => {
                    let mut lanes = vec![0u64; n];
                    (self.fold.finish)(totals, lanes.as_mut_ptr().cast(), n);
                    convert(lanes.as_ptr().cast(), out, n);
                }
            }
        }
    }
}

impl Prepared for ReducePlan {
    fn variant(&self) -> &'static str {
        match self.way {
            Way::Rows => "reduce/rows",
            Way::Lanes => "reduce/lanes",
        }
    }

    fn flops(&self) -> u64 {
        let phases: usize = self.phases.iter().map(|p| p.operand.arithmetic() + 1).sum();
        let body = self.per_element.as_ref().map_or(0, Compiled::arithmetic);
        (self.outer as u64).saturating_mul(self.row as u64).saturating_mul((phases + body) as u64)
    }

    fn scratch_bytes(&self) -> u64 {
        let frames = self.phases.iter().map(|p| &p.operand).chain(&self.per_row).chain(&self.per_element);
        let registers: usize = frames.map(Compiled::scratch).sum();
        let kept = if self.kept.is_some() { 8 * self.row } else { 0 };
        (registers + kept + self.group * (size_of::<Total>() + 8 * self.phases.len())) as u64
    }

    unsafe fn run(&self, run: &Run<'_>) {
        if self.outer == 0 {
            return;
        }
        let workers = run.workers.for_cost(self.cost());
        let threads = workers.threads();
        let fault = AtomicBool::new(false);
        if self.way == Way::Rows && self.outer < threads && self.row >= 2 * CHUNK {
            // SAFETY: the run's promise.
            unsafe { self.split(run, &fault) };
        } else if let Some(chunk) = self.side_by_side() {
            // SAFETY: the run's promise.
            unsafe { self.split_lanes(run, chunk, &fault) };
        } else {
            // A few groups for each thread, each worth its while.
            let even = self.outer.div_ceil(4 * threads);
            let worth = (8 << 10) / self.row.max(1);
            let group = match self.way {
                Way::Rows => even.max(worth.min(self.outer)).clamp(1, self.group),
                Way::Lanes => even.max(64).next_multiple_of(64).min(self.group),
            };
            workers.run(
                self.outer.div_ceil(group),
                || self.state(),
                |state, task| {
                    let (first, count) = (task * group, group.min(self.outer - task * group));
                    // SAFETY: the run's promise; groups are disjoint.
                    unsafe {
                        match self.way {
                            Way::Rows => self.rows(run, state, first, count),
                            Way::Lanes => self.lanes(run, state, first, count),
                        }
                    }
                    if ReducePlan::faulted(state) {
                        fault.store(true, Ordering::Relaxed);
                    }
                },
            );
        }
        run.report(fault.into_inner());
    }
}
