//! Programs run on a device: kernels, memory, frozen tensors, state.

use crate::programs::*;
use hadal_device::{Arguments, Backend, DeviceError, Weights};
use hadal_graph::program::{BinaryOp, Instr};
use hadal_graph::{DType, HostTensor, Scalar};

#[test]
fn tensors_of_every_dtype_survive_the_device() {
    for device in devices() {
        for dtype in DType::ALL {
            for elements in [0usize, 1, 3, 1000] {
                let values = (0..elements).map(|i| Scalar::new(i as f64 - 3.0, dtype));
                let tensor = HostTensor::from_scalars(dtype, [elements], values).unwrap();
                let buffer = match device.upload(&tensor) {
                    Ok(buffer) => buffer,
                    Err(DeviceError::Unsupported { dtype: DType::F64, .. }) => continue,
                    Err(error) => panic!("{error}"),
                };
                let back = pollster::block_on(device.read(&buffer)).unwrap();
                assert_eq!(back, tensor.bytes().to_vec(), "{dtype} {elements}");
            }
        }
    }
}

#[test]
fn a_chain_runs_in_one_submission_for_every_size_with_the_same_kernels() {
    for device in devices() {
        let mut b = Builder::new("chain");
        let x = b.input(DType::F32, ["n"]);
        let w = b.parameter("w", DType::F32, [0usize; 0]);
        let mut last = x;
        for _ in 0..4 {
            let next = b.computed(DType::F32, ["n"]);
            b.pointwise("mul+add", &[last, w], next, |p, r| {
                let scaled = binary(p, BinaryOp::Mul, r[0], r[1]);
                let one = constant(p, 1.0, DType::F32);
                binary(p, BinaryOp::Add, scaled, one)
            });
            last = next;
        }
        b.output(last);
        let weights = Weights::from([("w".to_string(), HostTensor::scalar(DType::F32, Scalar::Float(2.0)))]);
        let executable = pollster::block_on(device.prepare(b.build(), &weights)).unwrap();
        let mut compiled = None;
        for n in [5usize, 1000, 1, 0, 5] {
            let data: Vec<f32> = (0..n).map(|i| i as f32).collect();
            let arguments = Arguments {
                bindings: sizes(&[("n", n)]),
                inputs: vec![upload(&device, &data)],
                ..Arguments::default()
            };
            let results = pollster::block_on(executable.run(arguments)).unwrap();
            let expected: Vec<f32> = data.iter().map(|x| x * 16.0 + 15.0).collect();
            assert_eq!(read::<f32>(&device, &results.outputs[0]), expected);
            assert_eq!(*compiled.get_or_insert(device.pipelines()), device.pipelines());
        }
        let stats = executable.stats();
        assert_eq!((stats.runs, stats.submits, stats.dispatches), (5, 4, 16));
        let plan = executable.plan(&sizes(&[("n", 1000)])).unwrap();
        assert_eq!(plan.steps.len(), 4);
        assert_eq!(plan.arena_bytes, 2 * 4096);
        assert_eq!(plan.peak_live_bytes, plan.arena_bytes);
    }
}

#[test]
fn small_parameters_are_packed_and_once_steps_run_at_preparation() {
    for device in devices() {
        let mut b = Builder::new("frozen");
        let x = b.input(DType::F32, [6usize]);
        let w = b.parameter("w", DType::I8, [6usize]);
        let c = b.constant(tensor(&[half::bf16::from_f32(0.5); 6]));
        let prepacked = b.once(DType::F32, [6usize]);
        b.pointwise("dequantize", &[w, c], prepacked, |p, r| {
            let w = p.push(Instr::Cast(r[0]), DType::F32);
            let c = p.push(Instr::Cast(r[1]), DType::F32);
            binary(p, BinaryOp::Mul, w, c)
        });
        let y = b.computed(DType::F32, [6usize]);
        b.pointwise("add", &[x, prepacked], y, |p, r| binary(p, BinaryOp::Add, r[0], r[1]));
        for id in [y, w, c, x, prepacked] {
            b.output(id);
        }
        let weights = Weights::from([("w".to_string(), tensor(&[-128i8, -1, 0, 1, 2, 127]))]);
        let executable = pollster::block_on(device.prepare(b.build(), &weights)).unwrap();
        let given = upload(&device, &[1.0f32; 6]);
        let results = pollster::block_on(executable.run(inputs(vec![given.clone()]))).unwrap();
        assert_eq!(read::<f32>(&device, &results.outputs[0]), [-63.0, 0.5, 1.0, 1.5, 2.0, 64.5]);
        assert_eq!(read::<i8>(&device, &results.outputs[1]), [-128, -1, 0, 1, 2, 127]);
        assert_eq!(read::<half::bf16>(&device, &results.outputs[2]), [half::bf16::from_f32(0.5); 6]);
        assert!(results.outputs[3].is_same(&given));
        assert_eq!(read::<f32>(&device, &results.outputs[4]), [-64.0, -0.5, 0.0, 0.5, 1.0, 63.5]);
        assert_eq!(executable.stats().dispatches, 1);

        // A parameter that came out can go in again as an input, which kernels read in the other layout.
        let mut b = Builder::new("again");
        let x = b.input(DType::I8, [6usize]);
        let y = b.computed(DType::I8, [6usize]);
        b.pointwise("add", &[x], y, |p, r| binary(p, BinaryOp::Add, r[0], r[0]));
        b.output(y);
        let results = run(&device, b.build(), &Weights::new(), inputs(vec![results.outputs[1].clone()]));
        assert_eq!(read::<i8>(&device, &results.outputs[0]), [0, -2, 0, 2, 4, -2]);
    }
}

#[test]
fn missing_and_misfit_parameters_are_refused() {
    for device in devices() {
        let program = || {
            let mut b = Builder::new("needs");
            let w = b.parameter("w", DType::F32, [3usize]);
            let y = b.computed(DType::F32, [3usize]);
            b.pointwise("neg", &[w], y, |p, r| {
                p.push(Instr::Unary(hadal_graph::program::UnaryOp::Neg, r[0]), DType::F32)
            });
            b.output(y);
            b.build()
        };
        let refused = |weights: Weights| match pollster::block_on(device.prepare(program(), &weights)) {
            Err(DeviceError::Argument(message)) => message,
            other => panic!("{other:?}"),
        };
        assert!(refused(Weights::new()).contains("`w`"));
        assert!(refused([("w".to_string(), tensor(&[1.0f32; 4]))].into()).contains("3 elements of f32"));
        assert!(refused([("w".to_string(), tensor(&[1i32; 3]))].into()).contains("i32"));
    }
}

#[test]
fn unique_variables_are_updated_in_place_and_shared_ones_copied() {
    for device in devices() {
        let mut b = Builder::new("count");
        let v = b.variable(DType::F32, [3usize]);
        let kept = b.variable(DType::F32, [3usize]);
        let replaced = b.variable(DType::F32, [3usize]);
        let next = b.in_place_of(v);
        b.pointwise("add", &[v, kept], next, |p, r| binary(p, BinaryOp::Add, r[0], r[1]));
        let new = b.computed(DType::F32, [3usize]);
        b.pointwise("mul", &[replaced, next], new, |p, r| binary(p, BinaryOp::Mul, r[0], r[1]));
        b.update(0, next);
        b.update(2, new);
        let executable = pollster::block_on(device.prepare(b.build(), &Weights::new())).unwrap();
        let start = || {
            vec![
                upload(&device, &[1.0f32, 2.0, 3.0]),
                upload(&device, &[10.0f32; 3]),
                upload(&device, &[2.0f32; 3]),
            ]
        };
        let step = |variables| {
            pollster::block_on(executable.run(Arguments { variables, ..Arguments::default() }))
                .unwrap()
                .variables
        };

        let shared = start();
        let after = step(shared.clone());
        assert_eq!(read::<f32>(&device, &shared[0]), [1.0, 2.0, 3.0]);
        assert_eq!(read::<f32>(&device, &after[0]), [11.0, 12.0, 13.0]);
        assert!(after[1].is_same(&shared[1]) && !after[2].is_same(&shared[2]));
        assert_eq!(read::<f32>(&device, &after[2]), [22.0, 24.0, 26.0]);

        let mut state = start();
        for _ in 0..100 {
            state = step(state);
        }
        assert_eq!(read::<f32>(&device, &state[0]), [1001.0, 1002.0, 1003.0]);
        assert!(state[0].is_unique(), "the state is the caller's alone");
        let buffers = device.memory_stats().buffers;
        for _ in 0..10 {
            state = step(state);
        }
        assert_eq!(device.memory_stats().buffers, buffers);
    }
}

#[test]
fn rows_are_reduced() {
    for device in devices() {
        let mut b = Builder::new("rows");
        let x = b.input(DType::F32, ["rows", "columns"]);
        let y = b.computed(DType::F32, ["rows"]);
        b.sum_rows("sum", x, y);
        b.output(y);
        let executable = pollster::block_on(device.prepare(b.build(), &Weights::new())).unwrap();
        for (rows, columns) in [(3usize, 7usize), (200, 5), (1, 5000), (2, 0)] {
            let data: Vec<f32> = (0..rows * columns).map(|i| (i % 11) as f32).collect();
            let x = device.upload(&HostTensor::new([rows, columns], &data).unwrap()).unwrap();
            let bindings = sizes(&[("rows", rows), ("columns", columns)]);
            let results = pollster::block_on(executable.run(Arguments {
                bindings,
                inputs: vec![x],
                ..Arguments::default()
            }))
            .unwrap();
            let expected: Vec<f32> =
                (0..rows).map(|r| data[r * columns..(r + 1) * columns].iter().sum()).collect();
            assert_eq!(read::<f32>(&device, &results.outputs[0]), expected);
        }
    }
}

#[test]
fn more_workgroups_than_one_dimension_holds() {
    for device in devices() {
        let n = 17_000_001usize;
        let mut b = Builder::new("large");
        let x = b.input(DType::I32, ["n"]);
        let y = b.computed(DType::I32, ["n"]);
        b.pointwise("add", &[x], y, |p, r| {
            let one = constant(p, 1.0, DType::I32);
            binary(p, BinaryOp::Add, r[0], one)
        });
        b.output(y);
        let data: Vec<i32> = (0..n as i32).collect();
        let arguments = Arguments {
            bindings: sizes(&[("n", n)]),
            inputs: vec![upload(&device, &data)],
            ..Arguments::default()
        };
        let results = run(&device, b.build(), &Weights::new(), arguments);
        let got = read::<i32>(&device, &results.outputs[0]);
        assert!(got.iter().enumerate().all(|(i, &v)| v == i as i32 + 1));
    }
}

#[test]
fn arguments_that_do_not_fit_are_refused() {
    let devices = devices();
    for device in &devices {
        let mut b = Builder::new("one");
        let x = b.input(DType::F32, [2usize]);
        let y = b.computed(DType::F32, [2usize]);
        b.pointwise("add", &[x], y, |p, r| binary(p, BinaryOp::Add, r[0], r[0]));
        b.output(y);
        let executable = pollster::block_on(device.prepare(b.build(), &Weights::new())).unwrap();
        let refused = |given| match pollster::block_on(executable.run(inputs(given))) {
            Err(DeviceError::Argument(message)) => message,
            other => panic!("{other:?}"),
        };
        assert!(refused(vec![]).contains("1 inputs"));
        assert!(refused(vec![upload(device, &[1.0f32; 3])]).contains("2 elements of f32"));
        assert!(refused(vec![upload(device, &[1i32; 2])]).contains("i32"));
        for other in devices.iter().filter(|other| other.info().features != device.info().features) {
            assert!(refused(vec![upload(other, &[1.0f32; 2])]).contains("another device"));
        }
    }
}
