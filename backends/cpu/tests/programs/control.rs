use crate::build::*;
use hadal_cpu::CpuBackend;
use hadal_device::Backend;
use hadal_graph::program::*;
use hadal_graph::{DType, HostTensor, Scalar, Shape};
use std::sync::Arc;

/// A program with one pointwise step over `domain`.
fn pointwise(b: &mut Builder, domain: &[usize], body: Body, reads: &[ValueId], writes: &[ValueId]) {
    b.step(Kernel::Pointwise(Pointwise { domain: Shape(dims(domain)), body }), reads, writes);
}

/// `count < limit`.
fn below(limit: i128, n: usize) -> Arc<Program> {
    let mut b = Builder::new();
    let count = b.input(DType::I32, Shape::scalar());
    b.input(DType::F32, [n]);
    let out = b.computed(DType::Bool, Shape::scalar());
    let mut p = PointwiseProgram::default();
    let c = load(&mut p, 0, DType::I32, &[]);
    let l = p.push(Instr::Const(Scalar::Int(limit)), DType::I32);
    let less = p.push(Instr::Compare(CompareOp::Lt, c, l), DType::Bool);
    pointwise(&mut b, &[], Body { program: p, stores: vec![store(0, less, &[])] }, &[count], &[out]);
    b.output(out);
    b.finish()
}

/// `count += 1; x *= 2`, in place or not.
fn double(n: usize, in_place: bool) -> Arc<Program> {
    let mut b = Builder::new();
    let (count, x) = (b.variable(DType::I32, Shape::scalar()), b.variable(DType::F32, [n]));
    let more = if in_place { b.taking(count) } else { b.computed(DType::I32, Shape::scalar()) };
    let mut p = PointwiseProgram::default();
    let c = load(&mut p, 0, DType::I32, &[]);
    let one = p.push(Instr::Const(Scalar::Int(1)), DType::I32);
    let sum = p.push(Instr::Binary(BinaryOp::Add, c, one), DType::I32);
    pointwise(&mut b, &[], Body { program: p, stores: vec![store(0, sum, &[])] }, &[count], &[more]);
    let twice = if in_place { b.taking(x) } else { b.computed(DType::F32, [n]) };
    let d = dims(&[n]);
    let mut p = PointwiseProgram::default();
    let v = load(&mut p, 0, DType::F32, &d);
    let v = p.push(Instr::Binary(BinaryOp::Add, v, v), DType::F32);
    pointwise(&mut b, &[n], Body { program: p, stores: vec![store(0, v, &d)] }, &[x], &[twice]);
    b.update(0, more);
    b.update(1, twice);
    b.finish()
}

#[test]
fn a_loop_runs_until_its_condition_fails() {
    let n = 2000;
    for in_place in [false, true] {
        for limit in [0, 1, 10] {
            for take_over in [false, true] {
                let mut b = Builder::new();
                let (count, x) = (b.input(DType::I32, Shape::scalar()), b.input(DType::F32, [n]));
                // The state starts as a computed copy, so that the loop may take over its storage.
                let (c0, x0) = (b.computed(DType::I32, Shape::scalar()), b.computed(DType::F32, [n]));
                let d = dims(&[n]);
                let copy = |dtype, d: &[hadal_graph::Dim]| {
                    let mut p = PointwiseProgram::default();
                    let v = load(&mut p, 0, dtype, d);
                    Body { program: p, stores: vec![store(0, v, d)] }
                };
                pointwise(&mut b, &[], copy(DType::I32, &[]), &[count], &[c0]);
                pointwise(&mut b, &[n], copy(DType::F32, &d), &[x], &[x0]);
                let (c1, x1) = if take_over {
                    (b.taking(c0), b.taking(x0))
                } else {
                    (b.computed(DType::I32, Shape::scalar()), b.computed(DType::F32, [n]))
                };
                let kernel = Loop { condition: below(limit, n), body: double(n, in_place) };
                b.step(Kernel::Loop(kernel), &[c0, x0], &[c1, x1]);
                b.output(x1);
                b.output(c1);
                let data = noise(n, 1);
                let inputs = [HostTensor::scalar(DType::I32, Scalar::Int(0)), tensor(&[n], &data)];
                let outputs = run(&b.finish(), &inputs);
                let factor = 2f64.powi(limit as i32);
                let expected: Vec<f64> = data.iter().map(|&v| v as f64 * factor).collect();
                close(&elements(&outputs[0]), &expected, 0.0);
                assert_eq!(elements::<i32>(&outputs[1]), [limit as i32]);
            }
        }
    }
}

#[test]
fn a_loop_may_swap_its_state() {
    // while count < 3 { (count, a, b) = (count + 1, b, a) }
    let mut c = Builder::new();
    let count = c.input(DType::I32, Shape::scalar());
    c.input(DType::F32, [4]);
    c.input(DType::F32, [4]);
    let out = c.computed(DType::Bool, Shape::scalar());
    let mut p = PointwiseProgram::default();
    let v = load(&mut p, 0, DType::I32, &[]);
    let l = p.push(Instr::Const(Scalar::Int(3)), DType::I32);
    let less = p.push(Instr::Compare(CompareOp::Lt, v, l), DType::Bool);
    pointwise(&mut c, &[], Body { program: p, stores: vec![store(0, less, &[])] }, &[count], &[out]);
    c.output(out);

    let mut body = Builder::new();
    let count = body.variable(DType::I32, Shape::scalar());
    let (a, b) = (body.variable(DType::F32, [4]), body.variable(DType::F32, [4]));
    let more = body.taking(count);
    let mut p = PointwiseProgram::default();
    let v = load(&mut p, 0, DType::I32, &[]);
    let one = p.push(Instr::Const(Scalar::Int(1)), DType::I32);
    let sum = p.push(Instr::Binary(BinaryOp::Add, v, one), DType::I32);
    pointwise(&mut body, &[], Body { program: p, stores: vec![store(0, sum, &[])] }, &[count], &[more]);
    body.update(0, more);
    body.update(1, b);
    body.update(2, a);

    let mut outer = Builder::new();
    let count = outer.variable(DType::I32, Shape::scalar());
    let (x, y) = (outer.variable(DType::F32, [4]), outer.variable(DType::F32, [4]));
    let (c1, x1, y1) = (outer.taking(count), outer.taking(x), outer.taking(y));
    outer.step(
        Kernel::Loop(Loop { condition: c.finish(), body: body.finish() }),
        &[count, x, y],
        &[c1, x1, y1],
    );
    outer.update(0, c1);
    outer.update(1, x1);
    outer.update(2, y1);
    let backend = CpuBackend::with_threads(2);
    let executable = prepare(&backend, &outer.finish()).unwrap();
    let state = vec![
        backend.upload(&HostTensor::scalar(DType::I32, Scalar::Int(0))).unwrap(),
        backend.upload(&tensor(&[4], &[1.0; 4])).unwrap(),
        backend.upload(&tensor(&[4], &[2.0; 4])).unwrap(),
    ];
    let results = step(&executable, vec![], state).unwrap();
    assert_eq!(fetch::<f32>(&backend, &results.variables[1]), [2.0; 4]);
    assert_eq!(fetch::<f32>(&backend, &results.variables[2]), [1.0; 4]);
    assert_eq!(executable.stats().host_steps, 1);
}

#[test]
fn a_branch_takes_one_side() {
    let n = 700;
    let side = |op| {
        let mut b = Builder::new();
        let x = b.input(DType::F32, [n]);
        let y = b.computed(DType::F32, [n]);
        let d = dims(&[n]);
        let mut p = PointwiseProgram::default();
        let v = load(&mut p, 0, DType::F32, &d);
        let v = p.push(Instr::Unary(op, v), DType::F32);
        pointwise(&mut b, &[n], Body { program: p, stores: vec![store(0, v, &d)] }, &[x], &[y]);
        b.output(y);
        b.output(x);
        b.finish()
    };
    let mut b = Builder::new();
    let (which, x) = (b.input(DType::Bool, Shape::scalar()), b.input(DType::F32, [n]));
    let (y, same) = (b.computed(DType::F32, [n]), b.computed(DType::F32, [n]));
    let kernel = Branch { then: side(UnaryOp::Neg), otherwise: side(UnaryOp::Abs) };
    b.step(Kernel::Branch(kernel), &[which, x], &[y, same]);
    b.output(y);
    b.output(same);
    let program = b.finish();
    let data = noise(n, 2);
    for which in [false, true] {
        let inputs = [HostTensor::from_bools([], &[which]).unwrap(), tensor(&[n], &data)];
        let outputs = run(&program, &inputs);
        let expected: Vec<f64> = data.iter().map(|&v| if which { -v } else { v.abs() } as f64).collect();
        close(&elements(&outputs[0]), &expected, 0.0);
        assert_eq!(elements::<f32>(&outputs[1]), data);
    }
}
