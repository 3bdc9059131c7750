//! Programs built by hand, and the device they run on.

use hadal_device::{Arguments, Backend, Buffer, DeviceError, Results, Weights};
use hadal_graph::program::{
    Affine, BinaryOp, Body, IndexMap, Indirect, Instr, Kernel, Operand, Phase, Pointwise, PointwiseProgram,
    Program, Reduce, ReduceOp, Reg, Role, Step, Store, Update, Value, ValueId,
};
use hadal_graph::{Bindings, DType, Dim, Element, HostTensor, Scalar, Shape, Symbol};
use hadal_wgpu::{Features, Options, WgpuBackend};
use std::sync::Arc;

/// The adapter in both modes; none where the machine has no adapter, which CI does not forgive.
pub(crate) fn devices() -> Vec<WgpuBackend> {
    [Features::All, Features::None]
        .into_iter()
        .filter_map(|features| open(Options { features, ..Options::default() }))
        .collect()
}

/// A device, unless the machine has none.
pub(crate) fn open(options: Options) -> Option<WgpuBackend> {
    match pollster::block_on(WgpuBackend::open(options)) {
        Ok(device) => Some(device),
        Err(error @ DeviceError::Unavailable { .. }) if std::env::var_os("CI").is_none() => {
            eprintln!("not tested: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Builds a program value by value and step by step.
#[derive(Default)]
pub(crate) struct Builder {
    pub(crate) program: Program,
}

impl Builder {
    pub(crate) fn new(name: &str) -> Builder {
        Builder { program: Program { name: name.into(), ..Program::default() } }
    }

    fn value(
        &mut self,
        name: &str,
        dtype: DType,
        shape: Shape,
        role: Role,
        alias: Option<ValueId>,
    ) -> ValueId {
        self.program.values.push(Value { dtype, shape, role, alias, name: name.into() })
    }

    pub(crate) fn input(&mut self, dtype: DType, shape: impl Into<Shape>) -> ValueId {
        let index = self.program.inputs.len();
        let id = self.value(&format!("input{index}"), dtype, shape.into(), Role::Input(index), None);
        self.program.inputs.push(id);
        id
    }

    pub(crate) fn variable(&mut self, dtype: DType, shape: impl Into<Shape>) -> ValueId {
        let index = self.program.variables.len();
        let id = self.value(&format!("variable{index}"), dtype, shape.into(), Role::Variable(index), None);
        self.program.variables.push(id);
        id
    }

    pub(crate) fn parameter(&mut self, name: &str, dtype: DType, shape: impl Into<Shape>) -> ValueId {
        let index = self.program.parameters.len();
        let id = self.value(name, dtype, shape.into(), Role::Parameter(index), None);
        self.program.parameters.push(id);
        id
    }

    pub(crate) fn constant(&mut self, tensor: HostTensor) -> ValueId {
        let index = self.program.constants.len();
        let shape = Shape::from(tensor.shape());
        let id = self.value(&format!("constant{index}"), tensor.dtype(), shape, Role::Constant(index), None);
        self.program.constants.push((id, tensor));
        id
    }

    pub(crate) fn computed(&mut self, dtype: DType, shape: impl Into<Shape>) -> ValueId {
        self.value("computed", dtype, shape.into(), Role::Computed, None)
    }

    pub(crate) fn once(&mut self, dtype: DType, shape: impl Into<Shape>) -> ValueId {
        self.value("once", dtype, shape.into(), Role::Once, None)
    }

    pub(crate) fn in_place_of(&mut self, old: ValueId) -> ValueId {
        let Value { dtype, shape, .. } = self.program.values[old].clone();
        self.value("updated", dtype, shape, Role::Computed, Some(old))
    }

    /// `to = f(reads...)` at every element, where all have the shape of `to` or are scalars.
    pub(crate) fn pointwise(
        &mut self,
        label: &str,
        reads: &[ValueId],
        to: ValueId,
        f: impl FnOnce(&mut PointwiseProgram, &[Reg]) -> Reg,
    ) {
        let step = self.pointwise_step(label, reads, to, f);
        match self.program.values[to].role {
            Role::Once => self.program.once.push(step),
            _ => self.program.steps.push(step),
        }
    }

    fn pointwise_step(
        &mut self,
        label: &str,
        reads: &[ValueId],
        to: ValueId,
        f: impl FnOnce(&mut PointwiseProgram, &[Reg]) -> Reg,
    ) -> Step {
        let domain = self.program.values[to].shape.clone();
        let mut program = PointwiseProgram::default();
        let regs: Vec<Reg> = reads
            .iter()
            .enumerate()
            .map(|(operand, &id)| {
                let value = &self.program.values[id];
                let map = match value.shape.rank() {
                    0 => IndexMap::new(Affine::constant(0, domain.rank())),
                    _ => IndexMap::contiguous(&domain),
                };
                program.push(Instr::Load { operand, map, indirect: Vec::new() }, value.dtype)
            })
            .collect();
        let value = f(&mut program, &regs);
        let address = IndexMap::contiguous(&domain).address;
        let stores = vec![Store { target: 0, value, address, indirect: Vec::new() }];
        let kernel = Kernel::Pointwise(Pointwise { domain, body: Body { program, stores } });
        Step { kernel, reads: reads.to_vec(), writes: vec![to], label: label.into() }
    }

    /// `to[i] = from[index[i]]`, a fault where the index is out of range.
    pub(crate) fn gather(&mut self, label: &str, from: ValueId, index: ValueId, to: ValueId) {
        let domain = self.program.values[to].shape.clone();
        let limit = self.program.values[from].shape.elements() - 1;
        let (from_dtype, index_dtype) = (self.program.values[from].dtype, self.program.values[index].dtype);
        let mut program = PointwiseProgram::default();
        let map = IndexMap::contiguous(&domain);
        let index_reg =
            program.push(Instr::Load { operand: 1, map: map.clone(), indirect: Vec::new() }, index_dtype);
        let indirect = vec![Indirect { index: index_reg, stride: Dim::ONE, limit, clamped: false }];
        let nowhere = IndexMap::new(Affine::constant(0, domain.rank()));
        let value = program.push(Instr::Load { operand: 0, map: nowhere, indirect }, from_dtype);
        let stores = vec![Store { target: 0, value, address: map.address, indirect: Vec::new() }];
        let kernel = Kernel::Pointwise(Pointwise { domain, body: Body { program, stores } });
        self.program.steps.push(Step {
            kernel,
            reads: vec![from, index],
            writes: vec![to],
            label: label.into(),
        });
    }

    /// `to[row] = Σ from[row, i]`.
    pub(crate) fn sum_rows(&mut self, label: &str, from: ValueId, to: ValueId) {
        let Value { dtype, shape, .. } = self.program.values[from].clone();
        let (outer, row) = (Shape(shape.0[..1].to_vec()), Shape(shape.0[1..].to_vec()));
        let mut program = PointwiseProgram::default();
        let value = program
            .push(Instr::Load { operand: 0, map: IndexMap::contiguous(&shape), indirect: Vec::new() }, dtype);
        let phases = vec![Phase { op: ReduceOp::Sum, operand: Operand { program, value }, dtype }];
        let mut result = PointwiseProgram::default();
        let value = result.push(Instr::Accumulator(0), dtype);
        let address = IndexMap::contiguous(&outer).address;
        let stores = vec![Store { target: 0, value, address, indirect: Vec::new() }];
        let per_row = Some(Body { program: result, stores });
        let kernel = Kernel::Reduce(Reduce { outer, row, phases, per_row, per_element: None });
        self.program.steps.push(Step { kernel, reads: vec![from], writes: vec![to], label: label.into() });
    }

    pub(crate) fn control(&mut self, label: &str, kernel: Kernel, reads: Vec<ValueId>, writes: Vec<ValueId>) {
        self.program.steps.push(Step { kernel, reads, writes, label: label.into() });
    }

    pub(crate) fn output(&mut self, id: ValueId) {
        self.program.outputs.push(id);
    }

    pub(crate) fn update(&mut self, variable: usize, value: ValueId) {
        self.program.updates.push(Update { variable, value });
    }

    pub(crate) fn build(self) -> Arc<Program> {
        Arc::new(self.program)
    }
}

pub(crate) fn constant(program: &mut PointwiseProgram, value: f64, dtype: DType) -> Reg {
    program.push(Instr::Const(Scalar::new(value, dtype)), dtype)
}

pub(crate) fn binary(program: &mut PointwiseProgram, op: BinaryOp, a: Reg, b: Reg) -> Reg {
    let dtype = program.dtype(a);
    program.push(Instr::Binary(op, a, b), dtype)
}

pub(crate) fn sizes(bound: &[(&str, usize)]) -> Bindings {
    let mut bindings = Bindings::new();
    for (name, value) in bound {
        bindings.bind(Symbol((*name).into()), *value).unwrap();
    }
    bindings
}

pub(crate) fn tensor<T: Element>(data: &[T]) -> HostTensor {
    HostTensor::new([data.len()], data).unwrap()
}

pub(crate) fn upload<T: Element>(device: &WgpuBackend, data: &[T]) -> Buffer {
    device.upload(&tensor(data)).unwrap()
}

pub(crate) fn read<T: Element>(device: &WgpuBackend, buffer: &Buffer) -> Vec<T> {
    assert_eq!(buffer.dtype(), T::DTYPE);
    bytemuck::pod_collect_to_vec(&pollster::block_on(device.read(buffer)).unwrap())
}

pub(crate) fn run(
    device: &WgpuBackend,
    program: Arc<Program>,
    weights: &Weights,
    arguments: Arguments,
) -> Results {
    let executable = pollster::block_on(device.prepare(program, weights)).unwrap();
    pollster::block_on(executable.run(arguments)).unwrap()
}

pub(crate) fn inputs(inputs: Vec<Buffer>) -> Arguments {
    Arguments { inputs, ..Arguments::default() }
}
