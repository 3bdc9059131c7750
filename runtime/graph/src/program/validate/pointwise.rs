//! Pointwise programs, operands and stores against their domain.

use super::{Check, ensure};
use crate::op::{Binary, Compare, Infer, Op, Operator, Select, Unary};
use crate::program::{
    Affine, Body, Guard, Indirect, Instr, Operand, PointwiseProgram, Program, Step, Store, TypedInstr,
};
use crate::{Bindings, DType, Dim, Scalar, Shape, TensorType};
use std::collections::BTreeSet;

/// Where a hook is evaluated.
pub(super) struct Hook<'a> {
    pub(super) program: &'a Program,
    pub(super) step: &'a Step,
    /// For messages: `operand a`, `epilogue`.
    pub(super) name: &'a str,
    pub(super) domain: Shape,
    /// dtypes of the accumulators that the hook sees.
    pub(super) accumulators: &'a [DType],
    /// The sizes that are known.
    pub(super) sizes: &'a Bindings,
}

impl Hook<'_> {
    pub(super) fn operand(&self, operand: &Operand) -> Check {
        self.instructions(&operand.program)?;
        self.register(&operand.program, operand.value, "the operand's value")
    }

    /// A body; adds the positions of `writes` that it stores to.
    pub(super) fn body(&self, body: &Body, stored: &mut BTreeSet<usize>) -> Check {
        self.instructions(&body.program)?;
        ensure(!body.stores.is_empty(), || format!("{}: stores nothing", self.name))?;
        for store in &body.stores {
            self.store(&body.program, store)?;
            stored.insert(store.target);
        }
        Ok(())
    }

    fn store(&self, program: &PointwiseProgram, store: &Store) -> Check {
        let Store { target, value, address, indirect } = store;
        let name = self.name;
        let id = self.step.writes.get(*target).ok_or_else(|| {
            format!("{name}: stores to write {target}, but the step has {}", self.step.writes.len())
        })?;
        self.register(program, *value, "a stored value")?;
        let (stored, written) = (program.dtype(*value), self.program.values[*id].dtype);
        ensure(stored == written, || format!("{name}: stores {stored} to {id}, which is {written}"))?;
        self.affine(address, "the address of a store")?;
        self.indirect(program, indirect, program.instrs.len())?;
        if indirect.is_empty() {
            self.in_range(address, &self.program.values[*id].elements(), "a store to", *id)?;
        }
        Ok(())
    }

    fn register(&self, program: &PointwiseProgram, reg: usize, what: &str) -> Check {
        ensure(reg < program.instrs.len(), || {
            format!("{}: {what} is register {reg}, but there are {}", self.name, program.instrs.len())
        })
    }

    fn instructions(&self, program: &PointwiseProgram) -> Check {
        for (number, typed) in program.instrs.iter().enumerate() {
            if let Some(late) = typed.instr.operands().iter().find(|&&r| r >= number) {
                return Err(format!(
                    "{}: instruction {number} reads register {late}, which is not earlier",
                    self.name
                ));
            }
            self.instruction(program, number, typed)
                .map_err(|problem| format!("{}: instruction {number}: {problem}", self.name))?;
        }
        Ok(())
    }

    fn instruction(&self, program: &PointwiseProgram, number: usize, typed: &TypedInstr) -> Check {
        let dtype = typed.dtype;
        let expect =
            |expected: DType| ensure(dtype == expected, || format!("is {dtype}, but gives {expected}"));
        match &typed.instr {
            Instr::Load { operand, map, indirect } => {
                let reads = &self.step.reads;
                let id = *reads
                    .get(*operand)
                    .ok_or_else(|| format!("loads read {operand}, but the step has {}", reads.len()))?;
                expect(self.program.values[id].dtype)?;
                self.affine(&map.address, "the address of a load")?;
                self.guards(&map.guards)?;
                self.indirect(program, indirect, number)?;
                if map.guards.is_empty() && indirect.is_empty() {
                    self.in_range(&map.address, &self.program.values[id].elements(), "a load of", id)?;
                }
                Ok(())
            }
            Instr::Accumulator(n) => {
                let given = self.accumulators.get(*n);
                expect(
                    *given
                        .ok_or_else(|| format!("accumulator {n} of {} is read", self.accumulators.len()))?,
                )
            }
            Instr::Const(scalar) => ensure(holds(dtype, *scalar), || format!("{scalar:?} is no {dtype}")),
            Instr::Index(affine) => {
                ensure(dtype.is_int(), || format!("an index must be an integer, but is {dtype}"))?;
                self.affine(affine, "an index")
            }
            Instr::InBounds(guards) => {
                expect(DType::Bool)?;
                self.guards(guards)
            }
            Instr::Cast(_) => Ok(()),
            Instr::Unary(op, _) => self.infer(program, Unary { op: *op }.into(), typed),
            Instr::Binary(op, _, _) => self.infer(program, Binary { op: *op }.into(), typed),
            Instr::Compare(op, _, _) => self.infer(program, Compare { op: *op }.into(), typed),
            Instr::Select(_, _, _) => self.infer(program, Select.into(), typed),
            Instr::Random { key, counter } => {
                expect(DType::U32)?;
                for &reg in key {
                    let given = program.dtype(reg);
                    ensure(given == DType::U32, || format!("a word of the key is {given}, not u32"))?;
                }
                self.affine(counter, "the counter")
            }
        }
    }

    /// An instruction takes the dtypes that the op of its name takes.
    fn infer(&self, program: &PointwiseProgram, op: Op, typed: &TypedInstr) -> Check {
        let operands = typed.instr.operands();
        let types: Vec<TensorType> =
            operands.iter().map(|&r| TensorType::new(program.dtype(r), Shape::scalar())).collect();
        let inputs: Vec<&TensorType> = types.iter().collect();
        let all = |i: usize| std::slice::from_ref(&types[i]);
        let result = op
            .infer(&Infer { inputs: &inputs, all: &all, regions: &[] })
            .map_err(|error| format!("{}: {error}", op.label()))?;
        ensure(result[0].dtype == typed.dtype, || {
            format!("{} is {}, but gives {}", op.label(), typed.dtype, result[0].dtype)
        })
    }

    pub(super) fn affine(&self, affine: &Affine, what: &str) -> Check {
        ensure(affine.coefficients.len() == self.domain.rank(), || {
            format!(
                "{}: {what} has {} coefficients on a domain of rank {}",
                self.name,
                affine.coefficients.len(),
                self.domain.rank()
            )
        })
    }

    fn guards(&self, guards: &[Guard]) -> Check {
        guards.iter().try_for_each(|guard| self.affine(&guard.index, "a guard"))
    }

    fn indirect(&self, program: &PointwiseProgram, indirect: &[Indirect], limit: usize) -> Check {
        for part in indirect {
            ensure(part.index < limit, || {
                format!(
                    "{}: a run-time index is register {}, which does not exist yet",
                    self.name, part.index
                )
            })?;
            let dtype = program.dtype(part.index);
            ensure(matches!(dtype, DType::I32 | DType::U32 | DType::I64), || {
                format!("{}: a run-time index is {dtype}, but must be i32, u32 or i64", self.name)
            })?;
        }
        Ok(())
    }

    /// Where all sizes are known, an address stays within its value.
    pub(super) fn in_range(&self, address: &Affine, elements: &Dim, what: &str, id: super::ValueId) -> Check {
        let known = |d: &Dim| d.eval(self.sizes).ok();
        let (Ok(extents), Some(elements), Some(offset)) =
            (self.domain.eval(self.sizes), known(elements), known(&address.offset))
        else {
            return Ok(());
        };
        let (mut low, mut high) = (i128::from(offset), i128::from(offset));
        for (extent, coefficient) in extents.iter().zip(&address.coefficients) {
            let Some(coefficient) = known(coefficient) else { return Ok(()) };
            if *extent == 0 {
                return Ok(());
            }
            let reach = i128::from(coefficient) * (*extent as i128 - 1);
            low += reach.min(0);
            high += reach.max(0);
        }
        ensure(low >= 0 && high < i128::from(elements), || {
            format!("{}: {what} {id} reaches elements {low}..={high} of {elements}", self.name)
        })
    }
}

/// Whether a scalar is an element of a dtype.
fn holds(dtype: DType, scalar: Scalar) -> bool {
    match scalar {
        Scalar::Bool(_) => dtype == DType::Bool,
        Scalar::Int(i) => dtype.is_int() && dtype.wrap(i) == i,
        Scalar::Float(x) => dtype.is_float() && (x.is_nan() || dtype.round(x) == x),
    }
}
