//! A small builder of programs, and what runs them.

use hadal_cpu::CpuBackend;
use hadal_device::{Arguments, Backend, Buffer, DeviceError, Executable, Results, Weights};
use hadal_graph::arena::Arena;
use hadal_graph::program::{
    Affine, Body, IndexMap, Instr, Kernel, Operand, PointwiseProgram, Program, Reg, Role, Step, Store,
    Update, Value, ValueId,
};
use hadal_graph::{Bindings, DType, Dim, Element, HostTensor, Shape};
use std::sync::Arc;

/// Builds one program.
pub(crate) struct Builder(pub(crate) Program);

impl Builder {
    pub(crate) fn new() -> Builder {
        Builder(Program { name: "test".into(), values: Arena::new(), ..Program::default() })
    }

    fn value(&mut self, dtype: DType, shape: Shape, role: Role, name: &str) -> ValueId {
        self.0.values.push(Value { dtype, shape, role, alias: None, name: name.into() })
    }

    pub(crate) fn input(&mut self, dtype: DType, shape: impl Into<Shape>) -> ValueId {
        let n = self.0.inputs.len();
        let id = self.value(dtype, shape.into(), Role::Input(n), &format!("input{n}"));
        self.0.inputs.push(id);
        id
    }

    pub(crate) fn variable(&mut self, dtype: DType, shape: impl Into<Shape>) -> ValueId {
        let n = self.0.variables.len();
        let id = self.value(dtype, shape.into(), Role::Variable(n), &format!("variable{n}"));
        self.0.variables.push(id);
        id
    }

    pub(crate) fn parameter(&mut self, dtype: DType, shape: impl Into<Shape>, name: &str) -> ValueId {
        let n = self.0.parameters.len();
        let id = self.value(dtype, shape.into(), Role::Parameter(n), name);
        self.0.parameters.push(id);
        id
    }

    pub(crate) fn constant(&mut self, tensor: HostTensor) -> ValueId {
        let n = self.0.constants.len();
        let id = self.value(tensor.dtype(), tensor.shape().into(), Role::Constant(n), "constant");
        self.0.constants.push((id, tensor));
        id
    }

    pub(crate) fn once(&mut self, dtype: DType, shape: impl Into<Shape>) -> ValueId {
        self.value(dtype, shape.into(), Role::Once, "once")
    }

    pub(crate) fn computed(&mut self, dtype: DType, shape: impl Into<Shape>) -> ValueId {
        self.value(dtype, shape.into(), Role::Computed, "computed")
    }

    /// A value that takes over the storage of another.
    pub(crate) fn taking(&mut self, other: ValueId) -> ValueId {
        let like = self.0.values[other].clone();
        let id = self.computed(like.dtype, like.shape);
        self.0.values[id].alias = Some(other);
        id
    }

    pub(crate) fn output(&mut self, value: ValueId) {
        self.0.outputs.push(value);
    }

    pub(crate) fn update(&mut self, variable: usize, value: ValueId) {
        self.0.updates.push(Update { variable, value });
    }

    pub(crate) fn step(&mut self, kernel: Kernel, reads: &[ValueId], writes: &[ValueId]) {
        self.0.steps.push(Step { kernel, reads: reads.into(), writes: writes.into(), label: "step".into() });
    }

    pub(crate) fn finish(self) -> Arc<Program> {
        Arc::new(self.0)
    }
}

/// `reads[operand]` at the row-major position of the domain.
pub(crate) fn load(p: &mut PointwiseProgram, operand: usize, dtype: DType, domain: &[Dim]) -> Reg {
    p.push(Instr::Load { operand, map: IndexMap::contiguous(domain), indirect: vec![] }, dtype)
}

/// `reads[operand]` at `Σ strides · coordinates + offset`.
pub(crate) fn load_strided(
    p: &mut PointwiseProgram,
    operand: usize,
    dtype: DType,
    offset: i64,
    strides: &[i64],
) -> Reg {
    p.push(Instr::Load { operand, map: IndexMap::new(affine(offset, strides)), indirect: vec![] }, dtype)
}

pub(crate) fn affine(offset: i64, strides: &[i64]) -> Affine {
    Affine { offset: offset.into(), coefficients: strides.iter().map(|&s| s.into()).collect() }
}

/// Stores a register to `writes[target]` at the row-major position of the domain.
pub(crate) fn store(target: usize, value: Reg, domain: &[Dim]) -> Store {
    Store { target, value, address: IndexMap::contiguous(domain).address, indirect: vec![] }
}

/// An operand that is one strided load.
pub(crate) fn operand(position: usize, dtype: DType, offset: i64, strides: &[i64]) -> Operand {
    let mut program = PointwiseProgram::default();
    let value = load_strided(&mut program, position, dtype, offset, strides);
    Operand { program, value }
}

/// A body that stores accumulator 0 row-major.
pub(crate) fn store_accumulator(dtype: DType, domain: &[Dim]) -> Body {
    let mut program = PointwiseProgram::default();
    let value = program.push(Instr::Accumulator(0), dtype);
    Body { stores: vec![store(0, value, domain)], program }
}

pub(crate) fn prepare(
    backend: &CpuBackend,
    program: &Arc<Program>,
) -> Result<Arc<dyn Executable>, DeviceError> {
    pollster::block_on(backend.prepare(program.clone(), &Weights::new()))
}

/// Runs once with inputs only.
pub(crate) fn try_run(
    backend: &CpuBackend,
    program: &Arc<Program>,
    inputs: &[HostTensor],
) -> Result<Vec<Buffer>, DeviceError> {
    let executable = prepare(backend, program)?;
    let inputs = inputs.iter().map(|t| backend.upload(t)).collect::<Result<Vec<_>, _>>()?;
    let arguments = Arguments { bindings: Bindings::new(), inputs, variables: vec![] };
    Ok(pollster::block_on(executable.run(arguments))?.outputs)
}

/// Runs once with inputs only, with one thread and with three; both must give the same bits.
pub(crate) fn run(program: &Arc<Program>, inputs: &[HostTensor]) -> Vec<Vec<u8>> {
    let results: Vec<Vec<Vec<u8>>> = [1, 3]
        .into_iter()
        .map(|threads| {
            let backend = CpuBackend::with_threads(threads);
            let outputs = try_run(&backend, program, inputs).unwrap();
            outputs.iter().map(|o| pollster::block_on(backend.read(o)).unwrap()).collect()
        })
        .collect();
    let [one, three] = <[_; 2]>::try_from(results).unwrap();
    assert!(one == three, "the result depends on the number of threads");
    one
}

/// Elements of bytes.
pub(crate) fn elements<T: Element>(bytes: &[u8]) -> Vec<T> {
    bytemuck::pod_collect_to_vec(bytes)
}

/// The only output of [`run`].
pub(crate) fn run1<T: Element>(program: &Arc<Program>, inputs: &[HostTensor]) -> Vec<T> {
    elements(&run(program, inputs)[0])
}

/// Reads a buffer.
pub(crate) fn fetch<T: Element>(backend: &CpuBackend, buffer: &Buffer) -> Vec<T> {
    elements(&pollster::block_on(backend.read(buffer)).unwrap())
}

/// Runs with variables.
pub(crate) fn step(
    executable: &Arc<dyn Executable>,
    inputs: Vec<Buffer>,
    variables: Vec<Buffer>,
) -> Result<Results, DeviceError> {
    pollster::block_on(executable.run(Arguments { bindings: Bindings::new(), inputs, variables }))
}

/// Numbers in -1..1 that repeat from run to run.
pub(crate) fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

pub(crate) fn tensor(shape: &[usize], data: &[f32]) -> HostTensor {
    HostTensor::new(shape, data).unwrap()
}

/// Constant dims.
pub(crate) fn dims(extents: &[usize]) -> Vec<Dim> {
    extents.iter().map(|&e| e.into()).collect()
}

/// Fails unless all elements are within `tolerance` of what is expected, relative to the larger of 1 and their magnitude.
#[track_caller]
pub(crate) fn close(found: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (i, (&f, &e)) in found.iter().zip(expected).enumerate() {
        let error = (f as f64 - e).abs() / e.abs().max(1.0);
        assert!(error <= tolerance || (f.is_nan() && e.is_nan()), "element {i}: {f} for {e}, error {error}");
    }
}
