//! Contractions: matrix products tile by tile, each tile's epilogue right after it.
//!
//! An operand that is a strided matrix in memory goes to [`Gemm`] as it is. Any other (a convolution's overlapping windows, a dequantised
//! weight, fused arithmetic, f16) is evaluated into a cache-sized block first, so its whole matrix never exists. The product goes straight
//! to its place where the epilogue only stores it; otherwise to a tile of scratch that the epilogue reads while it is in cache.

mod convolve;
mod exact;
mod gemm;
#[cfg(target_arch = "wasm32")]
pub(crate) mod product;
mod side;

mod windowed;

pub(crate) use gemm::{Gemm, Strides};
pub(crate) use side::{Axes, Scratch, Side};

use super::{Prepared, Run, compile_body};
use crate::eval::map::{self, Map, merge};
use crate::eval::{Compiled, Frame, Stepped};
use crate::ops;
use hadal_device::DeviceError;
use hadal_graph::DType;
use hadal_graph::program::{Contract, Instr};

use convolve::ConvolvePlan;
use exact::Exact;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};

/// Depth of evaluated blocks.
const DEPTH: usize = 256;
/// Strips of a product are multiples of this wide.
const STRIP: usize = 32;

struct ContractPlan<T> {
    batch: usize,
    m: usize,
    n: usize,
    k: usize,
    a: Side,
    b: Side,
    epilogue: Compiled,
    direct: Option<Direct>,
    /// Set where integers are multiplied in `f32`: the depth at which that is exact.
    exact: Option<usize>,
    element: PhantomData<fn() -> T>,
}

/// Where products go when the epilogue only stores them.
struct Direct {
    target: usize,
    base: Map,
    batch: Vec<usize>,
    strides: Strides,
}

/// Errors: as [`Compiled::new`]; `Unsupported` for a product of booleans.
pub(super) fn prepare(kernel: &Contract, step: &Stepped<'_>) -> Result<Box<dyn Prepared>, DeviceError> {
    if let Some(depth) = exact::depth(kernel, step) {
        return Ok(Box::new(ContractPlan::<f32>::new(kernel, DType::F32, Some(depth), step)?));
    }
    if let Some(plan) = ConvolvePlan::new(kernel, step)? {
        return Ok(Box::new(plan));
    }
    Ok(match ops::lane(kernel.dtype) {
        DType::F32 => Box::new(ContractPlan::<f32>::new(kernel, DType::F32, None, step)?),
        DType::F64 => Box::new(ContractPlan::<f64>::new(kernel, DType::F64, None, step)?),
        DType::I8 => Box::new(ContractPlan::<i8>::new(kernel, DType::I8, None, step)?),
        DType::I16 => Box::new(ContractPlan::<i16>::new(kernel, DType::I16, None, step)?),
        DType::I32 => Box::new(ContractPlan::<i32>::new(kernel, DType::I32, None, step)?),
        DType::I64 => Box::new(ContractPlan::<i64>::new(kernel, DType::I64, None, step)?),
        DType::U8 => Box::new(ContractPlan::<u8>::new(kernel, DType::U8, None, step)?),
        DType::U16 => Box::new(ContractPlan::<u16>::new(kernel, DType::U16, None, step)?),
        DType::U32 => Box::new(ContractPlan::<u32>::new(kernel, DType::U32, None, step)?),
        DType::U64 => Box::new(ContractPlan::<u64>::new(kernel, DType::U64, None, step)?),
        dtype => {
            return Err(DeviceError::Unsupported { backend: "cpu".into(), op: step.label.into(), dtype });
        }
    })
}

impl<T: Gemm + Exact> ContractPlan<T> {
    /// `dtype` is that of `T`.
    fn new(
        kernel: &Contract,
        dtype: DType,
        exact: Option<usize>,
        step: &Stepped<'_>,
    ) -> Result<Self, DeviceError> {
        let extents = |shape: &hadal_graph::Shape| map::extents(shape, step.bindings);
        let (batch, m, n, k) =
            (extents(&kernel.batch)?, extents(&kernel.m)?, extents(&kernel.n)?, extents(&kernel.k)?);
        let a = Side::new(&kernel.a, &Axes { batch: &batch, rows: &m, columns: &k }, dtype, step)?;
        let b = Side::new(&kernel.b, &Axes { batch: &batch, rows: &k, columns: &n }, dtype, step)?;
        let domain = [&batch[..], &m, &n].concat();
        let epilogue = compile_body(&kernel.epilogue, &domain, None, &[kernel.dtype], 0, step)?;
        let direct = if exact.is_none() { Direct::new(kernel, (&batch, &m, &n), step)? } else { None };
        let product = map::product;
        Ok(ContractPlan {
            batch: product(&batch)?,
            m: product(&m)?,
            n: product(&n)?,
            k: product(&k)?,
            a,
            b,
            epilogue,
            direct,
            exact,
            element: PhantomData,
        })
    }

    /// Extents of a tile: near square and in cache. Several threads get at least two each, or as many as there are threads, all alike, where an operand is evaluated: cut smaller,
    /// that takes longer.
    fn tile(&self, threads: usize) -> (usize, usize) {
        let (mut tm, mut tn) = (self.m.min(256), self.n.min(512));
        let evaluated = !(self.a.is_plain() && self.b.is_plain());
        let alike = |tasks: usize| (evaluated || threads == 1) && tasks.is_multiple_of(threads);
        let enough = |tasks: usize| tasks >= 2 * threads || alike(tasks);
        loop {
            let tasks = self.batch * self.m.div_ceil(tm) * self.n.div_ceil(tn);
            let work = tm * tn * self.k.max(1);
            if enough(tasks) || work < 1 << 20 || (tm <= 16 && tn <= 64) {
                return (tm, tn);
            }
            if tn >= tm && tn > 64 {
                tn = tn.div_ceil(2).next_multiple_of(32);
            } else {
                tm = tm.div_ceil(2).next_multiple_of(8);
            }
        }
    }

    fn flop(&self) -> usize {
        self.batch.saturating_mul(self.m).saturating_mul(self.n).saturating_mul(self.k.max(1))
    }

    /// Whole products into their place. Safety: as [`Prepared::run`].
    unsafe fn run_direct(&self, run: &Run<'_>, direct: &Direct) {
        let place = |batch: usize| {
            let mut coordinates = vec![0i64; direct.batch.len()];
            map::coordinates(batch, &direct.batch, &mut coordinates);
            let address = direct.base.at(&coordinates) as usize;
            // SAFETY: the compiled epilogue checked all addresses of the store.
            (unsafe { run.operands.writes[direct.target].cast::<T>().add(address) }, direct.strides)
        };
        let one = |batch: usize, (m0, m): (usize, usize), (n0, n): (usize, usize), threads: usize| {
            // SAFETY: both sides are plain, and within their operands; the result is apart from them.
            unsafe {
                let a = self.a.plain::<T>(run.operands, batch, m0, 0);
                let b = self.b.plain::<T>(run.operands, batch, 0, n0);
                if let (Some(a), Some(b)) = (a, b) {
                    let (c, strides) = place(batch);
                    let c = c.offset(m0 as isize * strides.row + n0 as isize * strides.column);
                    T::gemm((m, n, self.k), (c, strides), false, a, b, threads);
                }
            }
        };
        let (rows, columns) = ((0, self.m), (0, self.n));
        let workers = run.workers.for_cost(self.flop() / 4);
        let each = self.flop() / self.batch.max(1);
        if self.batch >= workers.threads() && each <= 1 << 24 {
            workers.run(self.batch, || (), |_, batch| one(batch, rows, columns, 1));
        } else if cfg!(target_arch = "wasm32") && workers.threads() > 1 {
            // Here a product knows of one thread alone. It is cut into strips, several for each thread, since some may come late.
            let longer = self.m.max(self.n);
            let width = longer.div_ceil(4 * workers.threads()).next_multiple_of(STRIP);
            let strips = longer.div_ceil(width);
            workers.run(
                self.batch * strips,
                || (),
                |_, task| {
                    let start = task % strips * width;
                    let strip = (start, width.min(longer - start));
                    let (rows, columns) = if self.m > self.n { (strip, columns) } else { (rows, strip) };
                    one(task / strips, rows, columns, 1);
                },
            );
        } else {
            (0..self.batch).for_each(|batch| one(batch, rows, columns, workers.threads()));
        }
    }

    /// One tile with its epilogue. Safety: as [`Prepared::run`]; no other worker computes this tile.
    unsafe fn tile_at(
        &self,
        run: &Run<'_>,
        state: &mut State<T>,
        batch: usize,
        m: (usize, usize),
        n: (usize, usize),
    ) {
        let ((m0, tm), (n0, tn)) = (m, n);
        let strides = Strides { row: tn as isize, column: 1 };
        state.product.resize(tm * tn, T::default());
        let depth = if self.a.is_plain() && self.b.is_plain() { self.k } else { self.k.min(DEPTH) };
        let depth = depth.min(self.exact.unwrap_or(depth));
        state.integers.clear();
        state.integers.resize(if self.exact.is_some() { tm * tn } else { 0 }, 0);
        if self.k == 0 {
            state.product.fill(T::default());
        }
        for k0 in (0..self.k).step_by(depth.max(1)) {
            let tk = depth.min(self.k - k0);
            // SAFETY: blocks lie within their matrices; scratch is as large as the blocks.
            unsafe {
                let a = match self.a.plain::<T>(run.operands, batch, m0, k0) {
                    Some(plain) => plain,
                    None => {
                        state.a.resize(tm * tk, T::default());
                        let out = state.a.as_mut_ptr();
                        (
                            out.cast_const(),
                            self.a.pack(&mut state.a_scratch, run.operands, batch, m, (k0, tk), out),
                        )
                    }
                };
                let b = match self.b.plain::<T>(run.operands, batch, k0, n0) {
                    Some(plain) => plain,
                    None => {
                        state.b.resize(tk * tn, T::default());
                        let out = state.b.as_mut_ptr();
                        (
                            out.cast_const(),
                            self.b.pack(&mut state.b_scratch, run.operands, batch, (k0, tk), n, out),
                        )
                    }
                };
                let accumulate = k0 > 0 && self.exact.is_none();
                T::gemm((tm, tn, tk), (state.product.as_mut_ptr(), strides), accumulate, a, b, 1);
            }
            if self.exact.is_some() {
                exact::add(&mut state.integers, &state.product);
            }
        }
        let (ranges, length) = if tn == self.n { (1, tm * tn) } else { (tm, tn) };
        for r in 0..ranges {
            let start = (batch * self.m + m0 + r) * self.n + n0;
            let mut at = 0;
            while at < length {
                let count = self.epilogue.stretch(start + at).min(length - at);
                // SAFETY: the tile's part of the result; accumulators are lanes of the tile.
                unsafe {
                    let product = match self.exact {
                        Some(_) => state.integers.as_ptr().add(r * length + at).cast::<u8>(),
                        None => state.product.as_ptr().add(r * length + at).cast::<u8>(),
                    };
                    self.epilogue.eval(&mut state.epilogue, run.operands, start + at, count, &[product]);
                }
                at += count;
            }
        }
    }
}

/// Scratch of one worker.
struct State<T> {
    product: Vec<T>,
    /// Sums of exact products.
    integers: Vec<i32>,
    a: Vec<T>,
    b: Vec<T>,
    a_scratch: Scratch,
    b_scratch: Scratch,
    epilogue: Frame,
}

impl<T: Gemm + Exact> Prepared for ContractPlan<T> {
    fn variant(&self) -> &'static str {
        if self.exact.is_some() {
            return "contract/gemm-exact";
        }
        match (self.a.is_plain() && self.b.is_plain(), self.direct.is_some()) {
            (true, true) => "contract/gemm",
            (true, false) => "contract/gemm-epilogue",
            (false, _) => "contract/gemm-packed",
        }
    }

    fn flops(&self) -> u64 {
        let products = 2 * self.flop() as u64;
        products + (self.epilogue.total() as u64).saturating_mul(self.epilogue.arithmetic() as u64)
    }

    fn scratch_bytes(&self) -> u64 {
        if self.direct.is_some() && self.a.is_plain() && self.b.is_plain() {
            return 0;
        }
        let (tm, tn) = self.tile(1);
        let depth = self.k.min(DEPTH);
        let a = if self.a.is_plain() { 0 } else { tm * depth };
        let b = if self.b.is_plain() { 0 } else { tn * depth };
        ((tm * tn + a + b) * size_of::<T>() + self.epilogue.scratch()) as u64
    }

    unsafe fn run(&self, run: &Run<'_>) {
        if self.batch * self.m * self.n == 0 {
            return;
        }
        if let (Some(direct), true, true) = (&self.direct, self.a.is_plain(), self.b.is_plain()) {
            // SAFETY: the run's promise.
            return unsafe { self.run_direct(run, direct) };
        }
        let evaluated = |side: &Side, lanes: usize| {
            if side.is_plain() { 0 } else { lanes.saturating_mul(self.k).saturating_mul(side.cost()) }
        };
        let evaluation = evaluated(&self.a, self.m).saturating_add(evaluated(&self.b, self.n));
        let workers =
            run.workers.for_cost((self.flop() / 4).saturating_add(self.batch.saturating_mul(evaluation)));
        let (tm, tn) = self.tile(workers.threads());
        let (ms, ns) = (self.m.div_ceil(tm), self.n.div_ceil(tn));
        let fault = AtomicBool::new(false);
        let state = || State {
            product: Vec::new(),
            integers: Vec::new(),
            a: Vec::new(),
            b: Vec::new(),
            a_scratch: self.a.scratch(),
            b_scratch: self.b.scratch(),
            epilogue: Frame::new(&self.epilogue),
        };
        workers.run(self.batch * ms * ns, state, |state, task| {
            let (batch, m0, n0) = (task / (ms * ns), task / ns % ms * tm, task % ns * tn);
            let (m, n) = ((m0, tm.min(self.m - m0)), (n0, tn.min(self.n - n0)));
            // SAFETY: the run's promise; tiles are disjoint.
            unsafe { self.tile_at(run, state, batch, m, n) };
            if state.a_scratch.fault() || state.b_scratch.fault() || state.epilogue.fault() {
                fault.store(true, Ordering::Relaxed);
            }
        });
        run.report(fault.into_inner());
    }
}

impl Direct {
    /// If the epilogue is one store of the accumulator with a single stride for rows and for columns, to memory that the step does not read.
    fn new(
        kernel: &Contract,
        (batch, m, n): (&[usize], &[usize], &[usize]),
        step: &Stepped<'_>,
    ) -> Result<Option<Direct>, DeviceError> {
        let [store] = kernel.epilogue.stores.as_slice() else { return Ok(None) };
        let instr = kernel.epilogue.program.instrs.get(store.value).map(|i| &i.instr);
        let plain = matches!(instr, Some(Instr::Accumulator(0))) && store.indirect.is_empty();
        let same = step.writes.get(store.target).is_some_and(|w| w.0 == ops::lane(kernel.dtype));
        if !plain || !same || step.aliased.iter().any(|&a| a) {
            return Ok(None);
        }
        let map = Map::new(&store.address, batch.len() + m.len() + n.len(), step.bindings)?;
        let single = |extents: &[usize], from: usize| -> Option<isize> {
            let part = &map.coefficients[from..from + extents.len()];
            let (mut extents, mut part) = (extents.to_vec(), Map { offset: 0, coefficients: part.into() });
            merge(&mut extents, &mut [&mut part]);
            match part.coefficients.as_slice() {
                [] => Some(1),
                [one] => Some(*one as isize),
                _ => None,
            }
        };
        let (row, column) = (single(m, batch.len()), single(n, batch.len() + m.len()));
        let (Some(row), Some(column)) = (row, column) else { return Ok(None) };
        let base = Map { offset: map.offset, coefficients: map.coefficients[..batch.len()].into() };
        let strides = Strides { row, column };
        Ok(Some(Direct { target: store.target, base, batch: batch.to_vec(), strides }))
    }
}
