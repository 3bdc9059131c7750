//! Loops and branches.

use crate::programs::*;
use hadal_device::{Arguments, Backend, DeviceError, Weights};
use hadal_graph::program::{BinaryOp, Branch, CompareOp, Instr, Kernel, Loop, Program};
use hadal_graph::{DType, HostTensor, Scalar};
use std::sync::Arc;

/// State `[i, limit, cache]`; while `i < limit`: `cache[..] = cache * w`, `i += 1`.
fn growing_loop() -> Kernel {
    let mut b = Builder::new("condition");
    let (i, limit) = (b.input(DType::I32, [0usize; 0]), b.input(DType::I32, [0usize; 0]));
    b.input(DType::F32, ["n"]);
    let verdict = b.computed(DType::Bool, [0usize; 0]);
    b.pointwise("less", &[i, limit], verdict, |p, r| {
        p.push(Instr::Compare(CompareOp::Lt, r[0], r[1]), DType::Bool)
    });
    b.output(verdict);
    let condition = b.build();

    let mut b = Builder::new("body");
    let (i, _, cache) = (
        b.variable(DType::I32, [0usize; 0]),
        b.variable(DType::I32, [0usize; 0]),
        b.variable(DType::F32, ["n"]),
    );
    let w = b.constant(HostTensor::scalar(DType::F32, Scalar::Float(2.0)));
    let next_i = b.in_place_of(i);
    b.pointwise("increment", &[i], next_i, |p, r| {
        let one = constant(p, 1.0, DType::I32);
        binary(p, BinaryOp::Add, r[0], one)
    });
    let twice = b.computed(DType::F32, ["n"]);
    b.pointwise("mul", &[cache, w], twice, |p, r| binary(p, BinaryOp::Mul, r[0], r[1]));
    let next_cache = b.in_place_of(cache);
    b.pointwise("copy", &[twice, cache], next_cache, |_, r| r[0]);
    b.update(0, next_i);
    b.update(2, next_cache);
    Kernel::Loop(Loop { condition, body: b.build() })
}

fn program() -> Arc<Program> {
    let mut b = Builder::new("loop");
    let (start, limit) = (b.input(DType::I32, [0usize; 0]), b.input(DType::I32, [0usize; 0]));
    let x = b.input(DType::F32, ["n"]);
    let w = b.parameter("w", DType::F32, [0usize; 0]);
    let before = b.computed(DType::F32, ["n"]);
    b.pointwise("add", &[x, w], before, |p, r| binary(p, BinaryOp::Add, r[0], r[1]));
    let end = b.computed(DType::I32, [0usize; 0]);
    let limit_after = b.computed(DType::I32, [0usize; 0]);
    let cache = b.computed(DType::F32, ["n"]);
    b.control("while", growing_loop(), vec![start, limit, before], vec![end, limit_after, cache]);
    let after = b.computed(DType::F32, ["n"]);
    b.pointwise("sub", &[cache, w], after, |p, r| binary(p, BinaryOp::Sub, r[0], r[1]));
    b.output(after);
    b.output(end);
    b.build()
}

#[test]
fn a_loop_costs_one_submission_an_iteration() {
    for device in devices() {
        let weights = Weights::from([("w".to_string(), tensor(&[2.0f32]))]);
        let executable = pollster::block_on(device.prepare(program(), &weights)).unwrap();
        let start = upload(&device, &[0i32]);
        let mut submits = 0;
        for (iterations, n) in [(0, 3), (1, 5), (6, 3), (6, 1000)] {
            let before = device.memory_stats().buffers;
            let inputs =
                vec![start.clone(), upload(&device, &[iterations]), upload(&device, &vec![1.0f32; n])];
            let arguments = Arguments { bindings: sizes(&[("n", n)]), inputs, ..Arguments::default() };
            let results = pollster::block_on(executable.run(arguments)).unwrap();
            let expected = 3.0 * 2f32.powi(iterations) - 2.0;
            assert_eq!(read::<f32>(&device, &results.outputs[0]), vec![expected; n]);
            assert_eq!(read::<i32>(&device, &results.outputs[1]), [iterations]);
            assert_eq!(read::<i32>(&device, &start), [0], "the caller's tensor is not the loop's state");
            let stats = executable.stats();
            assert_eq!(stats.submits - submits, iterations as u64 + 2);
            submits = stats.submits;
            drop(results);
            assert!(device.memory_stats().buffers <= before + 6, "iterations leave nothing behind");
        }
        assert_eq!(executable.stats().host_steps, 4);
    }
}

#[test]
fn loops_run_side_by_side_without_sharing_intermediates() {
    for device in devices() {
        let weights = Weights::from([("w".to_string(), tensor(&[2.0f32]))]);
        let executable = pollster::block_on(device.prepare(program(), &weights)).unwrap();
        std::thread::scope(|scope| {
            for worker in 1..4i32 {
                let (device, executable) = (&device, &executable);
                scope.spawn(move || {
                    for _ in 0..5 {
                        let n = 100 * worker as usize;
                        let inputs = vec![
                            upload(device, &[0i32]),
                            upload(device, &[worker]),
                            upload(device, &vec![1.0f32; n]),
                        ];
                        let arguments =
                            Arguments { bindings: sizes(&[("n", n)]), inputs, ..Arguments::default() };
                        let results = pollster::block_on(executable.run(arguments)).unwrap();
                        let expected = 3.0 * 2f32.powi(worker) - 2.0;
                        assert_eq!(read::<f32>(device, &results.outputs[0]), vec![expected; n]);
                    }
                });
            }
        });
    }
}

#[test]
fn a_branch_runs_one_side() {
    for device in devices() {
        let side = |name: &str, op| {
            let mut b = Builder::new(name);
            let (x, y) = (b.input(DType::F32, [4usize]), b.input(DType::F32, [4usize]));
            let z = b.computed(DType::F32, [4usize]);
            b.pointwise(name, &[x, y], z, |p, r| binary(p, op, r[0], r[1]));
            b.output(z);
            b.output(x);
            b.build()
        };
        let mut b = Builder::new("branch");
        let flag = b.input(DType::Bool, [0usize; 0]);
        let x = b.input(DType::F32, [4usize]);
        let w = b.parameter("w", DType::F32, [4usize]);
        let (z, same) = (b.computed(DType::F32, [4usize]), b.computed(DType::F32, [4usize]));
        let kernel = Kernel::Branch(Branch {
            then: side("add", BinaryOp::Add),
            otherwise: side("mul", BinaryOp::Mul),
        });
        b.control("if", kernel, vec![flag, x, w], vec![z, same]);
        b.output(z);
        b.output(same);
        let weights = Weights::from([("w".to_string(), tensor(&[1.0f32, 2.0, 3.0, 4.0]))]);
        let executable = pollster::block_on(device.prepare(b.build(), &weights)).unwrap();
        let x = upload(&device, &[10.0f32; 4]);
        for (flag, expected) in [(true, [11.0f32, 12.0, 13.0, 14.0]), (false, [10.0, 20.0, 30.0, 40.0])] {
            let flag = device.upload(&hadal_graph::HostTensor::from_bools([], &[flag]).unwrap()).unwrap();
            let results = pollster::block_on(executable.run(inputs(vec![flag, x.clone()]))).unwrap();
            assert_eq!(read::<f32>(&device, &results.outputs[0]), expected);
            assert!(results.outputs[1].is_same(&x));
        }
    }
}

#[test]
fn a_fault_in_a_loop_ends_it() {
    for device in devices() {
        let mut b = Builder::new("always");
        let (i, _) = (b.input(DType::I32, [1usize]), b.input(DType::F32, [4usize]));
        let verdict = b.computed(DType::Bool, [0usize; 0]);
        b.pointwise("true", &[i], verdict, |p, r| {
            p.push(Instr::Compare(CompareOp::Eq, r[0], r[0]), DType::Bool)
        });
        b.output(verdict);
        let condition = b.build();
        let mut b = Builder::new("body");
        let (i, table) = (b.variable(DType::I32, [1usize]), b.variable(DType::F32, [4usize]));
        let picked = b.computed(DType::F32, [1usize]);
        b.gather("pick", table, i, picked);
        let next = b.computed(DType::I32, [1usize]);
        b.pointwise("next", &[i, picked], next, |p, r| {
            let one = constant(p, 1.0, DType::I32);
            let picked = p.push(Instr::Cast(r[1]), DType::I32);
            let next = binary(p, BinaryOp::Add, r[0], one);
            binary(p, BinaryOp::Add, next, picked)
        });
        b.update(0, next);
        let body = b.build();
        let mut b = Builder::new("endless");
        let (i, table) = (b.input(DType::I32, [1usize]), b.input(DType::F32, [4usize]));
        let (end, after) = (b.computed(DType::I32, [1usize]), b.computed(DType::F32, [4usize]));
        b.control("while", Kernel::Loop(Loop { condition, body }), vec![i, table], vec![end, after]);
        b.output(end);
        let executable = pollster::block_on(device.prepare(b.build(), &Weights::new())).unwrap();
        let given = inputs(vec![upload(&device, &[0i32]), upload(&device, &[0.0f32; 4])]);
        let error = pollster::block_on(executable.run(given)).unwrap_err();
        assert_eq!(error, DeviceError::IndexOutOfRange { op: "pick".into() });
    }
}
