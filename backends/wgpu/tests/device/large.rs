//! Values larger than one binding.

use crate::programs::*;
use hadal_device::{Arguments, Backend, DeviceError, Weights};
use hadal_graph::program::{BinaryOp, Instr};
use hadal_graph::{DType, HostTensor};
use hadal_wgpu::{Features, Options, WgpuBackend};

/// Devices that bind no more than 64 KiB at once.
fn narrow_devices() -> Vec<WgpuBackend> {
    let options = |features| Options { features, max_binding_bytes: Some(65_536), ..Options::default() };
    [Features::All, Features::None].into_iter().filter_map(|features| open(options(features))).collect()
}

#[test]
fn elementwise_chains_and_in_place_updates_in_pieces() {
    for device in narrow_devices() {
        for n in [50_000usize, 50_001, 50_003] {
            let mut b = Builder::new("large");
            let x = b.input(DType::F32, [n]);
            let w = b.parameter("w", DType::I8, [n]);
            let v = b.variable(DType::F32, [n]);
            let sum = b.computed(DType::F32, [n]);
            b.pointwise("add", &[x, w], sum, |p, r| {
                let w = p.push(Instr::Cast(r[1]), DType::F32);
                binary(p, BinaryOp::Add, r[0], w)
            });
            let next = b.in_place_of(v);
            b.pointwise("accumulate", &[v, sum], next, |p, r| binary(p, BinaryOp::Add, r[0], r[1]));
            b.update(0, next);
            b.output(sum);
            let w: Vec<i8> = (0..n).map(|i| (i % 200) as i8).collect();
            let weights = Weights::from([("w".to_string(), tensor(&w))]);
            let executable = pollster::block_on(device.prepare(b.build(), &weights)).unwrap();
            let data: Vec<f32> = (0..n).map(|i| i as f32).collect();
            let arguments = Arguments {
                inputs: vec![upload(&device, &data)],
                variables: vec![upload(&device, &data)],
                ..Arguments::default()
            };
            let results = pollster::block_on(executable.run(arguments)).unwrap();
            let sum: Vec<f32> = data.iter().zip(&w).map(|(x, &w)| x + w as f32).collect();
            let state: Vec<f32> = data.iter().zip(&sum).map(|(x, s)| x + s).collect();
            assert_eq!(read::<f32>(&device, &results.outputs[0]), sum);
            assert_eq!(read::<f32>(&device, &results.variables[0]), state);
            let plan = executable.plan(&sizes(&[])).unwrap();
            assert!(plan.steps[0].kernel.ends_with("in 4 pieces"), "{}", plan.steps[0].kernel);
            assert_eq!(executable.stats().submits, 1);
        }
    }
}

#[test]
fn rows_of_odd_length_updated_in_place_in_pieces() {
    for device in narrow_devices() {
        let mut b = Builder::new("odd");
        let v = b.variable(DType::F32, [5usize, 16_383]);
        let next = b.in_place_of(v);
        b.pointwise("add", &[v], next, |p, r| {
            let one = constant(p, 1.0, DType::F32);
            binary(p, BinaryOp::Add, r[0], one)
        });
        b.update(0, next);
        let executable = pollster::block_on(device.prepare(b.build(), &Weights::new())).unwrap();
        let data: Vec<f32> = (0..5 * 16_383).map(|i| i as f32).collect();
        let state = device.upload(&HostTensor::new([5, 16_383], &data).unwrap()).unwrap();
        let arguments = Arguments { variables: vec![state], ..Arguments::default() };
        let results = pollster::block_on(executable.run(arguments)).unwrap();
        let expected: Vec<f32> = data.iter().map(|x| x + 1.0).collect();
        assert_eq!(read::<f32>(&device, &results.variables[0]), expected);
    }
}

#[test]
fn rows_are_reduced_in_pieces() {
    for device in narrow_devices() {
        let (rows, columns) = (300usize, 701usize);
        let mut b = Builder::new("rows");
        let x = b.input(DType::F32, [rows, columns]);
        let y = b.computed(DType::F32, [rows]);
        b.sum_rows("sum", x, y);
        b.output(y);
        let data: Vec<f32> = (0..rows * columns).map(|i| (i % 7) as f32).collect();
        let x = device.upload(&HostTensor::new([rows, columns], &data).unwrap()).unwrap();
        let results = run(&device, b.build(), &Weights::new(), inputs(vec![x]));
        let expected: Vec<f32> = data.chunks(columns).map(|row| row.iter().sum()).collect();
        assert_eq!(read::<f32>(&device, &results.outputs[0]), expected);
    }
}

#[test]
fn a_single_row_above_one_binding_is_reduced_in_parts() {
    for device in narrow_devices() {
        for (rows, columns) in [(1usize, 100_003usize), (3, 40_000)] {
            let mut b = Builder::new("long");
            let x = b.input(DType::I32, [rows, columns]);
            let doubled = b.computed(DType::I32, [rows, columns]);
            b.pointwise("double", &[x], doubled, |p, r| binary(p, BinaryOp::Add, r[0], r[0]));
            let y = b.computed(DType::I32, [rows]);
            b.sum_rows("sum", doubled, y);
            b.output(y);
            let data: Vec<i32> = (0..(rows * columns) as i32).map(|i| i % 1000).collect();
            let x = device.upload(&HostTensor::new([rows, columns], &data).unwrap()).unwrap();
            let results = run(&device, b.build(), &Weights::new(), inputs(vec![x]));
            let expected: Vec<i32> = data.chunks(columns).map(|row| row.iter().sum::<i32>() * 2).collect();
            assert_eq!(read::<i32>(&device, &results.outputs[0]), expected);
        }
    }
}

#[test]
fn a_table_above_one_binding_is_refused_with_its_name() {
    for device in narrow_devices() {
        let mut b = Builder::new("gather");
        let (table, index) = (b.input(DType::F32, [20_000usize]), b.input(DType::I32, [4usize]));
        let y = b.computed(DType::F32, [4usize]);
        b.gather("embedding", table, index, y);
        b.output(y);
        let error = pollster::block_on(device.prepare(b.build(), &Weights::new())).unwrap_err();
        let DeviceError::Kernel { op, reason, .. } = &error else { panic!("{error}") };
        assert!(op == "embedding" && reason.contains("`input0`") && reason.contains("80000"), "{error}");
    }
}
