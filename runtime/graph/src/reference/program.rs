//! Programs, run slowly: each step is handed to the reference semantics of the op that its archetype stands for.
//!
//! Memory is modelled as it is on a device: aliased values share it, and it starts filled with garbage. So a wrong alias, an element that nobody
//! writes, or a wrong index map shows as a wrong number.

use super::{Array, Coordinates, Evaluate, Interpretation, Values, evaluate};
use crate::dim::Bindings;
use crate::error::OpError;
use crate::op::{self, Op};
use crate::program::{
    Affine, Attention, Body, Contract, Guard, Indirect, Instr, Kernel, Operand, PointwiseProgram, Program,
    Reduce, Scan, Scatter, Sort, Step, Store, ValueId,
};
use crate::{DType, Dim, HostTensor, Scalar, Shape, TensorType};
use std::collections::{BTreeMap, HashMap};

/// Runs a program on host tensors: inputs, variables and parameters by name.
///
/// Errors: a leaf that is missing or has another type, an index out of range, a size that is unknown.
pub fn interpret_program(
    program: &Program,
    bindings: &Bindings,
    leaves: &BTreeMap<String, HostTensor>,
) -> Result<Interpretation, OpError> {
    let mut given = Vec::new();
    for &value in program.inputs.iter().chain(&program.variables).chain(&program.parameters) {
        let name = &program.values[value].name;
        let tensor =
            leaves.get(name).ok_or_else(|| OpError::Value(format!("no tensor was given for `{name}`")))?;
        given.push((value, Array::from_host(tensor)));
    }
    let mut memory = Memory::new(program, bindings, given)?;
    for step in program.once.iter().chain(&program.steps) {
        memory.step(step).map_err(|error| match error {
            OpError::Value(what) => OpError::Value(format!("{}: {what}", step.label)),
            other => other,
        })?;
    }
    let host = |array: Array| array.to_host().map_err(OpError::from);
    let shaped = program.outputs.iter().zip(&program.output_shapes);
    let outputs = shaped
        .map(|(&o, shape)| host(memory.get(o)?.reshaped(shape.eval(bindings)?)))
        .collect::<Result<_, _>>()?;
    let assigns = program.updates.iter().map(|u| {
        let variable = &program.values[program.variables[u.variable]];
        Ok((variable.name.clone(), host(memory.get(u.value)?.reshaped(variable.shape.eval(bindings)?))?))
    });
    let assigns = assigns.collect::<Result<_, OpError>>()?;
    Ok(Interpretation { outputs, assigns })
}

/// Flat arrays by storage.
struct Memory<'a> {
    program: &'a Program,
    bindings: &'a Bindings,
    arrays: HashMap<ValueId, Array>,
}

/// What a region's program returns: its outputs, and the new values of variables by their numbers.
type Nested = (Vec<Array>, Vec<(usize, Array)>);

/// Register values, each over the whole domain.
struct Registers {
    extents: Vec<usize>,
    arrays: Vec<Array>,
}

impl<'a> Memory<'a> {
    fn new(
        program: &'a Program,
        bindings: &'a Bindings,
        given: Vec<(ValueId, Array)>,
    ) -> Result<Self, OpError> {
        let mut memory = Memory { program, bindings, arrays: HashMap::new() };
        let constants = program.constants.iter().map(|(value, tensor)| (*value, Array::from_host(tensor)));
        for (value, array) in given.into_iter().chain(constants) {
            let declared = &program.values[value];
            if array.dtype != declared.dtype || array.shape != declared.shape.eval(bindings)? {
                let what = format!(
                    "`{}` is {}{}, but was given {}{:?}",
                    declared.name, declared.dtype, declared.shape, array.dtype, array.shape
                );
                return Err(OpError::Value(what));
            }
            memory.arrays.insert(value, array);
        }
        Ok(memory)
    }

    /// The contents of a value, in its own shape.
    fn get(&self, value: ValueId) -> Result<Array, OpError> {
        let root = self.program.storage(value);
        let array = self
            .arrays
            .get(&root)
            .ok_or_else(|| OpError::Value(format!("{root} is read before it is written")))?;
        Ok(Array { shape: self.program.values[value].shape.eval(self.bindings)?, ..array.clone() })
    }

    fn put(&mut self, value: ValueId, array: Array) {
        self.arrays.insert(self.program.storage(value), array);
    }

    /// Memory to write to: what an alias finds there, or garbage.
    fn target(&self, value: ValueId) -> Result<Array, OpError> {
        let declared = &self.program.values[value];
        if declared.alias.is_some() {
            return self.get(value);
        }
        let shape = declared.shape.eval(self.bindings)?;
        let count = shape.iter().product();
        let garbage = if declared.dtype.is_float() {
            Scalar::Float(f64::NAN)
        } else {
            Scalar::Int(declared.dtype.wrap(0x5a5a_5a5a_5a5a_5a5a))
        };
        Ok(Array { dtype: declared.dtype, shape, values: Values::filled(declared.dtype, garbage, count) })
    }

    fn extents(&self, shape: &[Dim]) -> Result<Vec<usize>, OpError> {
        Ok(Shape(shape.to_vec()).eval(self.bindings)?)
    }

    fn apply(
        &self,
        op: impl Into<Op>,
        inputs: &[&Array],
        types: &[TensorType],
    ) -> Result<Vec<Array>, OpError> {
        let cx = Evaluate {
            inputs,
            all: &|i| std::slice::from_ref(inputs[i]),
            types,
            bindings: self.bindings,
            regions: &[],
            leaf: &|_| None,
        };
        evaluate(&op.into(), &cx)
    }

    fn apply_one(
        &self,
        op: impl Into<Op>,
        inputs: &[&Array],
        dtype: DType,
        shape: &[usize],
    ) -> Result<Array, OpError> {
        let mut results = self.apply(op, inputs, &[TensorType::new(dtype, shape)])?;
        Ok(results.swap_remove(0))
    }

    fn step(&mut self, step: &Step) -> Result<(), OpError> {
        match &step.kernel {
            Kernel::Pointwise(kernel) => self.body(step, &kernel.domain, &kernel.body, &[]),
            Kernel::Reduce(kernel) => self.reduce(step, kernel),
            Kernel::Contract(kernel) => self.contract(step, kernel),
            Kernel::Attention(kernel) => self.attention(step, kernel),
            Kernel::Scatter(kernel) => self.scatter(step, kernel),
            Kernel::Scan(kernel) => self.scan(step, kernel),
            Kernel::Sort(kernel) => self.sort(step, kernel),
            Kernel::Custom(kernel) => {
                let mut operands = Vec::with_capacity(kernel.operands.len());
                for (read, shape) in &kernel.operands {
                    let shape = shape.eval(self.bindings)?;
                    operands.push(Array { shape, ..self.get(step.reads[*read])? });
                }
                let shape = kernel.op.ty.shape.eval(self.bindings)?;
                let operands: Vec<&Array> = operands.iter().collect();
                let result = self.apply_one(kernel.op.clone(), &operands, kernel.op.ty.dtype, &shape)?;
                self.put(step.writes[0], result);
                Ok(())
            }
            Kernel::Loop(kernel) => {
                let mut state = step.reads.iter().map(|&r| self.get(r)).collect::<Result<Vec<_>, _>>()?;
                while self.nested(&kernel.condition, &state)?.0[0].as_ints()? == [1] {
                    for (variable, value) in self.nested(&kernel.body, &state)?.1 {
                        state[variable] = value;
                    }
                }
                for (&write, value) in step.writes.iter().zip(state) {
                    self.put(write, value);
                }
                Ok(())
            }
            Kernel::Branch(kernel) => {
                let taken = self.get(step.reads[0])?.as_ints()? == [1];
                let region = if taken { &kernel.then } else { &kernel.otherwise };
                let inputs = step.reads[1..].iter().map(|&r| self.get(r)).collect::<Result<Vec<_>, _>>()?;
                for (&write, value) in step.writes.iter().zip(self.nested(region, &inputs)?.0) {
                    self.put(write, value);
                }
                Ok(())
            }
        }
    }

    /// Outputs and updates of a region's program on its inputs or variables.
    fn nested(&self, region: &Program, arguments: &[Array]) -> Result<Nested, OpError> {
        let leaves = if region.variables.is_empty() { &region.inputs } else { &region.variables };
        let frozen = region.parameters.iter().map(|&p| {
            let name = &region.values[p].name;
            let own = self.program.parameters.iter().find(|&&q| self.program.values[q].name == *name);
            own.ok_or_else(|| OpError::Value(format!("no tensor was given for `{name}`")))
                .and_then(|&q| Ok((p, self.get(q)?)))
        });
        let frozen = frozen.collect::<Result<Vec<_>, _>>()?;
        let given = leaves.iter().copied().zip(arguments.iter().cloned()).chain(frozen).collect();
        let mut memory = Memory::new(region, self.bindings, given)?;
        for step in region.once.iter().chain(&region.steps) {
            memory.step(step)?;
        }
        let outputs = region.outputs.iter().zip(&region.output_shapes);
        let outputs = outputs.map(|(&o, shape)| Ok(memory.get(o)?.reshaped(shape.eval(self.bindings)?)));
        let outputs = outputs.collect::<Result<_, OpError>>()?;
        let updates = region.updates.iter().map(|u| {
            let shape = &region.values[region.variables[u.variable]].shape;
            Ok((u.variable, memory.get(u.value)?.reshaped(shape.eval(self.bindings)?)))
        });
        let updates = updates.collect::<Result<_, OpError>>()?;
        Ok((outputs, updates))
    }

    /// Evaluates a program over a domain. Accumulators are given over the same domain.
    fn registers(
        &self,
        step: &Step,
        program: &PointwiseProgram,
        domain: &[Dim],
        accumulators: &[Array],
    ) -> Result<Registers, OpError> {
        let extents = self.extents(domain)?;
        let mut registers = Registers { extents: extents.clone(), arrays: Vec::new() };
        for typed in &program.instrs {
            let dtype = typed.dtype;
            let of = |reg: &usize| &registers.arrays[*reg];
            let array = match &typed.instr {
                Instr::Load { operand, map, indirect } => {
                    let source = self.get(step.reads[*operand])?;
                    let inside = self.inside(&map.guards, &extents)?;
                    let addresses = self.addresses(&map.address, indirect, &registers, &inside)?;
                    let mut values = Values::filled(dtype, Scalar::zero(dtype), inside.len());
                    for (element, address) in addresses.iter().enumerate().filter(|(e, _)| inside[*e]) {
                        let address = in_range(*address, source.values.len())?;
                        values.put(std::iter::once(element), &source.values.pick(std::iter::once(address)));
                    }
                    Array { dtype, shape: extents.clone(), values }
                }
                Instr::Accumulator(number) => accumulators[*number].clone(),
                Instr::Const(value) => Array {
                    dtype,
                    shape: extents.clone(),
                    values: Values::filled(dtype, *value, extents.iter().product()),
                },
                Instr::Index(affine) => {
                    let values = self.affine(affine, &extents)?;
                    Array::ints(
                        dtype,
                        extents.clone(),
                        values.into_iter().map(|v| dtype.wrap(v as i128)).collect(),
                    )
                }
                Instr::InBounds(guards) => {
                    let inside = self.inside(guards, &extents)?;
                    Array::ints(dtype, extents.clone(), inside.into_iter().map(|b| b as i128).collect())
                }
                Instr::Unary(op, x) => self.apply_one(op::Unary { op: *op }, &[of(x)], dtype, &extents)?,
                Instr::Binary(op, a, b) => {
                    self.apply_one(op::Binary { op: *op }, &[of(a), of(b)], dtype, &extents)?
                }
                Instr::Compare(op, a, b) => {
                    self.apply_one(op::Compare { op: *op }, &[of(a), of(b)], dtype, &extents)?
                }
                Instr::Select(c, a, b) => {
                    self.apply_one(op::Select, &[of(c), of(a), of(b)], dtype, &extents)?
                }
                Instr::Cast(x) => self.apply_one(op::Cast { dtype }, &[of(x)], dtype, &extents)?,
                Instr::Random { key, counter } => {
                    let counters = self.affine(counter, &extents)?;
                    let (low, high) = (of(&key[0]).as_ints()?, of(&key[1]).as_ints()?);
                    let word = |element: usize| {
                        let counter = counters[element] as usize;
                        op::random_word([low[element] as u32, high[element] as u32], counter) as i128
                    };
                    Array::ints(dtype, extents.clone(), (0..counters.len()).map(word).collect())
                }
            };
            registers.arrays.push(array);
        }
        Ok(registers)
    }

    fn affine(&self, affine: &Affine, extents: &[usize]) -> Result<Vec<i64>, OpError> {
        let offset = affine.offset.eval(self.bindings)?;
        let factors =
            affine.coefficients.iter().map(|c| c.eval(self.bindings)).collect::<Result<Vec<_>, _>>()?;
        if factors.len() != extents.len() {
            return Err(OpError::Value(format!(
                "an index map over {} axes on a domain of {}",
                factors.len(),
                extents.len()
            )));
        }
        let mut result = Vec::new();
        let mut coordinates = Coordinates::new(extents);
        while let Some(at) = coordinates.next() {
            result.push(offset + at.iter().zip(&factors).map(|(c, f)| *c as i64 * f).sum::<i64>());
        }
        Ok(result)
    }

    fn inside(&self, guards: &[Guard], extents: &[usize]) -> Result<Vec<bool>, OpError> {
        let mut result = vec![true; extents.iter().product()];
        for guard in guards {
            let extent = guard.extent.eval(self.bindings)?;
            for (inside, index) in result.iter_mut().zip(self.affine(&guard.index, extents)?) {
                *inside &= (0..extent).contains(&index);
            }
        }
        Ok(result)
    }

    fn addresses(
        &self,
        address: &Affine,
        indirect: &[Indirect],
        registers: &Registers,
        inside: &[bool],
    ) -> Result<Vec<i64>, OpError> {
        let mut result = self.affine(address, &registers.extents)?;
        for part in indirect {
            let (stride, limit) = (part.stride.eval(self.bindings)?, part.limit.eval(self.bindings)?);
            let indices = registers.arrays[part.index].as_ints()?;
            for (element, address) in result.iter_mut().enumerate().filter(|(e, _)| inside[*e]) {
                let index = indices[element];
                if !part.clamped && !(0..=limit as i128).contains(&index) {
                    return Err(OpError::Value(format!(
                        "index {index} is out of range for extent {}",
                        limit + 1
                    )));
                }
                *address += index.clamp(0, limit.max(0) as i128) as i64 * stride;
            }
        }
        Ok(result)
    }

    fn body(
        &mut self,
        step: &Step,
        domain: &[Dim],
        body: &Body,
        accumulators: &[Array],
    ) -> Result<(), OpError> {
        let registers = self.registers(step, &body.program, domain, accumulators)?;
        let mut results: Vec<(ValueId, Array)> = Vec::new();
        for store in &body.stores {
            results.push((step.writes[store.target], self.stored(step, store, &registers)?));
        }
        for (value, array) in results {
            self.put(value, array);
        }
        Ok(())
    }

    fn stored(&self, step: &Step, store: &Store, registers: &Registers) -> Result<Array, OpError> {
        let mut target = self.target(step.writes[store.target])?;
        let value = &registers.arrays[store.value];
        if value.dtype != target.dtype {
            return Err(OpError::Value(format!("{} is stored to a value of {}", value.dtype, target.dtype)));
        }
        let inside = vec![true; value.values.len()];
        let addresses = self.addresses(&store.address, &store.indirect, registers, &inside)?;
        for (element, address) in addresses.into_iter().enumerate() {
            let address = in_range(address, target.values.len())?;
            target.values.put(std::iter::once(address), &value.values.pick(std::iter::once(element)));
        }
        Ok(target.rounded())
    }

    fn operand(
        &self,
        step: &Step,
        operand: &Operand,
        domain: &[Dim],
        accumulators: &[Array],
    ) -> Result<Array, OpError> {
        let mut registers = self.registers(step, &operand.program, domain, accumulators)?;
        Ok(registers.arrays.swap_remove(operand.value))
    }

    fn reduce(&mut self, step: &Step, kernel: &Reduce) -> Result<(), OpError> {
        let domain: Vec<Dim> = kernel.outer.iter().chain(kernel.row.iter()).cloned().collect();
        let (outer, extents) = (self.extents(&kernel.outer)?, self.extents(&domain)?);
        let (rows, row) = (outer.iter().product::<usize>(), extents[outer.len()..].iter().product::<usize>());
        let (mut per_row, mut per_element): (Vec<Array>, Vec<Array>) = (Vec::new(), Vec::new());
        for phase in &kernel.phases {
            let flat = self.operand(step, &phase.operand, &domain, &per_element)?.reshaped([rows, row]);
            let op = op::Reduce { op: phase.op, axes: vec![1] };
            let result = self.apply_one(op, &[&flat], phase.dtype, &[rows])?;
            let repeated = (0..rows).flat_map(|r| std::iter::repeat_n(r, row));
            per_element.push(Array {
                dtype: phase.dtype,
                shape: extents.clone(),
                values: result.values.pick(repeated),
            });
            per_row.push(result.reshaped(outer.clone()));
        }
        if let Some(body) = &kernel.per_row {
            // Stores of both bodies see memory as it was before the step.
            let registers = self.registers(step, &body.program, &kernel.outer, &per_row)?;
            let stored =
                body.stores.iter().map(|s| Ok((step.writes[s.target], self.stored(step, s, &registers)?)));
            let stored = stored.collect::<Result<Vec<_>, OpError>>()?;
            if let Some(body) = &kernel.per_element {
                self.body(step, &domain, body, &per_element)?;
            }
            stored.into_iter().for_each(|(value, array)| self.put(value, array));
        } else if let Some(body) = &kernel.per_element {
            self.body(step, &domain, body, &per_element)?;
        }
        Ok(())
    }

    fn contract(&mut self, step: &Step, kernel: &Contract) -> Result<(), OpError> {
        let join = |parts: [&Shape; 3]| parts.iter().flat_map(|s| s.iter().cloned()).collect::<Vec<Dim>>();
        let a = self.operand(step, &kernel.a, &join([&kernel.batch, &kernel.m, &kernel.k]), &[])?;
        let b = self.operand(step, &kernel.b, &join([&kernel.batch, &kernel.k, &kernel.n]), &[])?;
        let size = |shape: &Shape| Ok::<usize, OpError>(shape.eval(self.bindings)?.iter().product());
        let (batch, m, n, k) = (size(&kernel.batch)?, size(&kernel.m)?, size(&kernel.n)?, size(&kernel.k)?);
        let op = op::MatMul { dtype: Some(kernel.dtype) };
        let (a, b) = (a.reshaped([batch, m, k]), b.reshaped([batch, k, n]));
        let domain = join([&kernel.batch, &kernel.m, &kernel.n]);
        let result =
            self.apply_one(op, &[&a, &b], kernel.dtype, &[batch, m, n])?.reshaped(self.extents(&domain)?);
        self.body(step, &domain, &kernel.epilogue, &[result])
    }

    fn attention(&mut self, step: &Step, kernel: &Attention) -> Result<(), OpError> {
        let with = |last: [&Dim; 2]| kernel.batch.iter().chain(last).cloned().collect::<Vec<Dim>>();
        let mut operands = vec![
            self.operand(step, &kernel.q, &with([&kernel.queries, &kernel.head_dim]), &[])?,
            self.operand(step, &kernel.k, &with([&kernel.keys, &kernel.head_dim]), &[])?,
            self.operand(step, &kernel.v, &with([&kernel.keys, &kernel.value_dim]), &[])?,
        ];
        if let Some(mask) = &kernel.mask {
            operands.push(self.operand(step, mask, &with([&kernel.queries, &kernel.keys]), &[])?);
        }
        let domain = with([&kernel.queries, &kernel.value_dim]);
        let result_shape = self.extents(&domain)?;
        let rows = result_shape[..result_shape.len() - 1].to_vec();
        let types =
            [TensorType::new(kernel.dtype, &result_shape[..]), TensorType::new(DType::F32, &rows[..])];
        let op = op::Attention { scale: kernel.scale, causal: kernel.causal };
        let inputs: Vec<&Array> = operands.iter().collect();
        let mut results = self.apply(op, &inputs, &types)?;
        let log_sum_exp = results.swap_remove(1);
        let result = results.swap_remove(0);
        self.body(step, &domain, &kernel.epilogue, &[result])?;
        if let Some(target) = kernel.log_sum_exp {
            self.put(step.writes[target], log_sum_exp);
        }
        Ok(())
    }

    fn scatter(&mut self, step: &Step, kernel: &Scatter) -> Result<(), OpError> {
        let with = |axis: &Dim| {
            kernel.outer.iter().chain([axis]).chain(kernel.inner.iter()).cloned().collect::<Vec<Dim>>()
        };
        let whole = with(&kernel.extent);
        let init = match &kernel.init {
            Some(init) => self.operand(step, init, &whole, &[])?,
            None => self.target(step.writes[0])?.reshaped(self.extents(&whole)?),
        };
        let index = self.operand(step, &kernel.index, std::slice::from_ref(&kernel.updates), &[])?;
        let update = self.operand(step, &kernel.update, &with(&kernel.updates), &[])?;
        let op = op::Scatter { axis: kernel.outer.rank(), op: kernel.op };
        let result = self.apply_one(op, &[&init, &index, &update], init.dtype, &init.shape)?;
        self.put(step.writes[0], result);
        Ok(())
    }

    fn scan(&mut self, step: &Step, kernel: &Scan) -> Result<(), OpError> {
        let domain: Vec<Dim> = kernel.outer.iter().chain([&kernel.length]).cloned().collect();
        let x = self.operand(step, &kernel.operand, &domain, &[])?;
        let (op, exclusive, reverse) = (kernel.op, kernel.exclusive, kernel.reverse);
        let op = op::Cumulative { op, axis: kernel.outer.rank(), exclusive, reverse };
        let result = self.apply_one(op, &[&x], kernel.dtype, &x.shape)?;
        self.body(step, &domain, &kernel.epilogue, &[result])
    }

    fn sort(&mut self, step: &Step, kernel: &Sort) -> Result<(), OpError> {
        let domain: Vec<Dim> = kernel.outer.iter().chain([&kernel.length]).cloned().collect();
        let x = self.operand(step, &kernel.operand, &domain, &[])?;
        let types = [TensorType::new(x.dtype, &x.shape[..]), TensorType::new(DType::I64, &x.shape[..])];
        let op = op::Sort { axis: kernel.outer.rank(), descending: kernel.descending };
        let results = self.apply(op, &[&x], &types)?;
        for ((result, address), &write) in
            results.into_iter().zip([&kernel.values, &kernel.indices]).zip(&step.writes)
        {
            let registers = Registers { extents: x.shape.clone(), arrays: vec![result] };
            let mut target = self.target(write)?;
            let inside = vec![true; registers.arrays[0].values.len()];
            for (element, address) in
                self.addresses(address, &[], &registers, &inside)?.into_iter().enumerate()
            {
                let address = in_range(address, target.values.len())?;
                target.values.put(
                    std::iter::once(address),
                    &registers.arrays[0].values.pick(std::iter::once(element)),
                );
            }
            self.put(write, target);
        }
        Ok(())
    }
}

fn in_range(address: i64, len: usize) -> Result<usize, OpError> {
    usize::try_from(address)
        .ok()
        .filter(|&a| a < len)
        .ok_or_else(|| OpError::Value(format!("address {address} is outside a value of {len} elements")))
}
