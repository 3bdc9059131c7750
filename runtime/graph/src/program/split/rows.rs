//! Reductions whose single rows are too large: partial results of parts of a row, which a second reduction combines.

use super::hooks::Hooks;
use super::{Axis, SplitError, Splitter, Step, ValueId};
use crate::program::{
    Affine, Body, IndexMap, Instr, Kernel, Operand, Phase, Pointwise, PointwiseProgram, Reduce, ReduceOp,
    Reg, Role, Store, Value,
};
use crate::{DType, Dim, Shape};

impl Splitter<'_> {
    /// Cuts the rows of `step`; `false` where that is not possible, because it is no reduction or looks for positions.
    ///
    /// Phase after phase, each part of a row is reduced to a partial result and these to the accumulator; what the step does with the accumulators
    /// becomes elementwise work.
    pub(super) fn cut_rows(&mut self, step: &Step, pieces: &mut Vec<Step>) -> Result<bool, SplitError> {
        let Kernel::Reduce(reduce) = &step.kernel else { return Ok(false) };
        let finds = |phase: &Phase| matches!(phase.op, ReduceOp::ArgMax | ReduceOp::ArgMin);
        if reduce.phases.iter().any(finds) || reduce.row.rank() == 0 {
            return Ok(false);
        }
        let outer = reduce.outer.clone();
        let mut accumulators: Vec<ValueId> = Vec::new();
        for phase in &reduce.phases {
            let accumulator = self.temporary(phase.dtype, outer.clone(), &step.label);
            self.reduce_in_parts(step, reduce, phase, &accumulators, accumulator, pieces)?;
            accumulators.push(accumulator);
        }
        let bodies = [(&reduce.per_row, Vec::new()), (&reduce.per_element, reduce.row.0.clone())];
        for (body, inner) in bodies.into_iter().filter_map(|(body, inner)| Some((body.as_ref()?, inner))) {
            let domain = Shape([outer.0.as_slice(), &inner].concat());
            let mut body = body.clone();
            load_accumulators(&mut body.program, step.reads.len(), &outer, inner.len());
            let mut writes = Vec::new();
            for store in &mut body.stores {
                let id = step.writes[store.target];
                store.target = writes.iter().position(|&w| w == id).unwrap_or(writes.len());
                if store.target == writes.len() {
                    writes.push(id);
                }
            }
            let kernel = Kernel::Pointwise(Pointwise { domain, body });
            let reads = [step.reads.as_slice(), &accumulators].concat();
            self.cut(Step { kernel, reads, writes, label: step.label.clone() }, pieces)?;
        }
        Ok(true)
    }

    fn reduce_in_parts(
        &mut self,
        step: &Step,
        reduce: &Reduce,
        phase: &Phase,
        before: &[ValueId],
        accumulator: ValueId,
        pieces: &mut Vec<Step>,
    ) -> Result<(), SplitError> {
        let wide = phase.dtype.accumulator();
        let outer = &reduce.outer;
        let Operand { mut program, mut value } = phase.operand.clone();
        load_accumulators(&mut program, step.reads.len(), outer, reduce.row.rank());
        if program.dtype(value) != wide {
            value = program.push(Instr::Cast(value), wide);
        }
        let whole = Step {
            kernel: row_kernel(
                outer,
                &reduce.row,
                phase.op,
                Operand { program, value },
                wide,
                wide,
                Dim::ZERO,
            ),
            reads: [step.reads.as_slice(), before].concat(),
            writes: Vec::new(),
            label: step.label.clone(),
        };
        let mut parts = Vec::new();
        self.cut_row_axes(whole, &mut parts)?;
        let shape = Shape([&[Dim::from(parts.len())], outer.0.as_slice()].concat());
        let partial = self.temporary(wide, shape, &step.label);
        for (number, mut part) in parts.iter().cloned().enumerate() {
            if let Kernel::Reduce(Reduce { per_row: Some(body), .. }) = &mut part.kernel {
                for store in &mut body.stores {
                    store.address.offset = outer.elements() * number;
                }
            }
            part.writes = vec![partial];
            pieces.push(part);
        }
        let mut program = PointwiseProgram::default();
        let mut address = IndexMap::contiguous(outer).address;
        address.coefficients.push(outer.elements());
        let value =
            program.push(Instr::Load { operand: 0, map: IndexMap::new(address), indirect: Vec::new() }, wide);
        let row = Shape::of([parts.len()]);
        pieces.push(Step {
            kernel: row_kernel(
                outer,
                &row,
                phase.op,
                Operand { program, value },
                wide,
                phase.dtype,
                Dim::ZERO,
            ),
            reads: vec![partial],
            writes: vec![accumulator],
            label: step.label.clone(),
        });
        Ok(())
    }

    /// Cuts a reduction along the axes of its row until every part fits.
    fn cut_row_axes(&self, step: Step, parts: &mut Vec<Step>) -> Result<(), SplitError> {
        let Some((value, worst)) = self.worst(&step)? else {
            parts.push(step);
            return Ok(());
        };
        let mut kernel = step.kernel.clone();
        let extents = Hooks::of(&mut kernel).map_or(Vec::new(), |hooks| hooks.groups[1].clone());
        let mut best: Option<(u64, Axis, u64)> = None;
        for (position, extent) in extents.iter().enumerate() {
            let axis = Axis { group: 1, position, extent: self.extent(extent)? };
            if axis.extent > 1 {
                let chunk = super::chunk(axis.extent, worst.div_ceil(self.limits.bytes));
                let first = self.narrow(&step, axis, 0..chunk)?;
                let left = self.worst(&first)?.map_or(0, |(_, bytes)| bytes);
                if left < worst && best.is_none_or(|(least, ..)| left < least) {
                    best = Some((left, axis, chunk));
                }
            }
        }
        let Some((_, axis, chunk)) = best else { return Err(self.too_large(&step, value, worst)) };
        for start in (0..axis.extent).step_by(chunk as usize) {
            let end = axis.extent.min(start + chunk);
            self.cut_row_axes(self.narrow(&step, axis, start..end)?, parts)?;
        }
        Ok(())
    }

    fn temporary(&mut self, dtype: DType, shape: Shape, label: &str) -> ValueId {
        let name = format!("partial results of {label}");
        let value = Value { dtype, shape, role: Role::Computed, alias: None, name };
        self.program.to_mut().values.push(value)
    }
}

/// One phase over `operand`, whose result is converted to `stored` and written contiguously over `outer` from `offset` on.
fn row_kernel(
    outer: &Shape,
    row: &Shape,
    op: ReduceOp,
    operand: Operand,
    dtype: DType,
    stored: DType,
    offset: Dim,
) -> Kernel {
    let mut program = PointwiseProgram::default();
    let mut value = program.push(Instr::Accumulator(0), dtype);
    if stored != dtype {
        value = program.push(Instr::Cast(value), stored);
    }
    let address = IndexMap::contiguous(outer).address.shifted(&offset);
    let stores = vec![Store { target: 0, value, address, indirect: Vec::new() }];
    Kernel::Reduce(Reduce {
        outer: outer.clone(),
        row: row.clone(),
        phases: vec![Phase { op, operand, dtype }],
        per_row: Some(Body { program, stores }),
        per_element: None,
    })
}

/// Replaces accumulators by loads of the operands from `first` on, which hold one element for each coordinate of `outer`. The domain has `inner` more axes.
fn load_accumulators(program: &mut PointwiseProgram, first: Reg, outer: &Shape, inner: usize) {
    let Affine { offset, mut coefficients } = IndexMap::contiguous(outer).address;
    coefficients.resize(outer.rank() + inner, Dim::ZERO);
    for typed in &mut program.instrs {
        if let Instr::Accumulator(number) = typed.instr {
            let map = IndexMap::new(Affine { offset: offset.clone(), coefficients: coefficients.clone() });
            typed.instr = Instr::Load { operand: first + number, map, indirect: Vec::new() };
        }
    }
}
