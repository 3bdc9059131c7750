//! A valid program, and one fault of each kind planted in it.

use crate::arena::Handle;
use crate::program::*;
use crate::{DType, Dim, HostTensor, Scalar, Shape};

fn value(program: &mut Program, dtype: DType, role: Role, name: &str) -> ValueId {
    let value = Value { dtype, shape: Shape::of([4]), role, alias: None, name: name.into() };
    program.values.push(value)
}

fn load(operand: usize) -> Instr {
    Instr::Load { operand, map: IndexMap::contiguous(&[Dim::from(4)]), indirect: Vec::new() }
}

/// `y = x + c; z = -y` in place; the variable `v` becomes `z`.
fn program() -> Program {
    let mut p = Program { name: "test".into(), ..Program::default() };
    let x = value(&mut p, DType::F32, Role::Input(0), "x");
    let c = value(&mut p, DType::F32, Role::Constant(0), "c");
    let v = value(&mut p, DType::F32, Role::Variable(0), "v");
    let y = value(&mut p, DType::F32, Role::Computed, "y");
    let z = value(&mut p, DType::F32, Role::Computed, "z");
    p.values[z].alias = Some(y);
    (p.inputs, p.variables) = (vec![x], vec![v]);
    p.constants = vec![(c, HostTensor::full(DType::F32, [4], Scalar::Float(1.0)))];
    let store = |value| Store {
        target: 0,
        value,
        address: IndexMap::contiguous(&[Dim::from(4)]).address,
        indirect: Vec::new(),
    };
    let mut step = |instrs: Vec<Instr>, reads, write, label: &str| {
        let mut program = PointwiseProgram::default();
        for instr in instrs {
            program.push(instr, DType::F32);
        }
        let stores = vec![store(program.instrs.len() - 1)];
        let kernel = Kernel::Pointwise(Pointwise { domain: Shape::of([4]), body: Body { program, stores } });
        p.steps.push(Step { kernel, reads, writes: vec![write], label: label.into() });
    };
    step(vec![load(0), load(1), Instr::Binary(BinaryOp::Add, 0, 1)], vec![x, c], y, "add");
    step(vec![load(0), Instr::Unary(UnaryOp::Neg, 0)], vec![y], z, "neg");
    p.outputs = vec![z];
    p.updates = vec![Update { variable: 0, value: z }];
    p
}

fn body(p: &mut Program, step: usize) -> &mut Body {
    match &mut p.steps[step].kernel {
        Kernel::Pointwise(kernel) => &mut kernel.body,
        other => panic!("{other:?}"),
    }
}

/// The message that a planted fault gives.
fn planted(fault: impl FnOnce(&mut Program)) -> String {
    let mut p = program();
    fault(&mut p);
    p.validate().map_or_else(|error| error.to_string(), |()| "valid".into())
}

#[test]
fn a_valid_program_passes() {
    assert_eq!(planted(|_| {}), "valid");
}

#[test]
fn every_planted_fault_is_named() {
    type Fault = fn(&mut Program);
    let faults: &[(&str, Fault)] = &[
        ("before it is written", |p| p.steps.swap(0, 1)),
        ("after it was overwritten", |p| {
            let again = p.steps[1].clone();
            p.steps.push(again);
        }),
        ("written already", |p| {
            let again = p.steps[0].clone();
            p.steps.insert(0, again);
        }),
        ("is overwritten", |p| p.outputs = vec![Handle::new(3)]),
        ("does not read", |p| p.values[Handle::new(4)].alias = Some(Handle::new(0))),
        ("others still need", |p| {
            p.values[Handle::new(3)].alias = Some(Handle::new(0));
        }),
        ("does not fit the storage", |p| p.values[Handle::new(4)].shape = Shape::of([5])),
        ("reads %0 twice", |p| p.steps[0].reads[1] = Handle::new(0)),
        ("does not exist", |p| p.steps[0].reads[1] = Handle::new(77)),
        ("whose role", |p| p.steps[1].writes[0] = Handle::new(2)),
        ("loads read 2", |p| body(p, 0).program.instrs[1].instr = load(2)),
        ("reads register 2, which is not earlier", |p| {
            body(p, 0).program.instrs[2].instr = Instr::Binary(BinaryOp::Add, 0, 2);
        }),
        ("coefficients on a domain of rank 1", |p| {
            let map = IndexMap::contiguous(&[Dim::from(2), Dim::from(2)]);
            body(p, 0).program.instrs[0].instr = Instr::Load { operand: 0, map, indirect: Vec::new() };
        }),
        ("is f16, but gives f32", |p| body(p, 0).program.instrs[0].dtype = DType::F16),
        ("both operands must be an integer", |p| {
            body(p, 0).program.instrs[2].instr = Instr::Binary(BinaryOp::Shl, 0, 1);
        }),
        ("stores f32 to %4, which is i32", |p| {
            p.values[Handle::new(4)].dtype = DType::I32;
        }),
        ("reaches elements 1..=4 of 4", |p| body(p, 0).stores[0].address.offset = Dim::ONE),
        ("stores to write 1", |p| body(p, 0).stores[0].target = 1),
        ("accumulator 0 of 0", |p| body(p, 0).program.instrs[0].instr = Instr::Accumulator(0)),
        ("is no f32", |p| {
            body(p, 0).program.instrs[0].instr = Instr::Const(Scalar::Int(1));
        }),
        ("constant 0 is f16[4]", |p| {
            p.constants[0].1 = HostTensor::full(DType::F16, [4], Scalar::Float(1.0));
        }),
        ("updated twice", |p| p.updates.push(p.updates[0])),
        ("go round in a circle", |p| p.values[Handle::new(3)].alias = Some(Handle::new(4))),
        ("runs at preparation", |p| {
            let step = p.steps.remove(0);
            p.once.push(step);
        }),
    ];
    for (part, fault) in faults {
        let message = planted(fault);
        assert!(message.contains(part), "`{part}` is missing in: {message}");
    }
    assert!(planted(faults[0].1).contains("step 0 (neg)"));
}
