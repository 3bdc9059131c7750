//! The tuner on wgpu: planted faults are rejected, and what was tuned serves its class of shapes.

use crate::{Features, Options, WgpuBackend};
use hadal_device::{Arguments, Backend, DeviceError, Tuner, Weights};
use hadal_graph::program::{
    Body, Contract, IndexMap, Instr, Kernel, Operand, PointwiseProgram, Program, Role, Step, Store, Value,
};
use hadal_graph::{Bindings, DType, Dim, HostTensor, Shape, Symbol};
use hadal_launch::tune::{Trial, choose, key};
use hadal_shaders::{Candidate, candidates};
use std::sync::Arc;

/// `C[m, n] = A[m, k] · B[k, n]`, `B` frozen.
fn matmul() -> Program {
    let mut program = Program { name: "matmul".into(), ..Program::default() };
    let (m, n, k) = (Dim::symbol("m"), Dim::from(70), Dim::from(40));
    let mut push = |shape: [&Dim; 2], role, name: &str| {
        let shape = Shape::of(shape.map(Dim::clone));
        program.values.push(Value { dtype: DType::F32, shape, role, alias: None, name: name.into() })
    };
    let a = push([&m, &k], Role::Input(0), "a");
    let b = push([&k, &n], Role::Parameter(0), "b");
    let c = push([&m, &n], Role::Computed, "c");
    let load = |operand, extents: [&Dim; 2]| {
        let mut program = PointwiseProgram::default();
        let map = IndexMap::contiguous(&extents.map(Dim::clone));
        let value = program.push(Instr::Load { operand, map, indirect: Vec::new() }, DType::F32);
        Operand { program, value }
    };
    let mut epilogue = PointwiseProgram::default();
    let value = epilogue.push(Instr::Accumulator(0), DType::F32);
    let address = IndexMap::contiguous(&[m.clone(), n.clone()]).address;
    let stores = vec![Store { target: 0, value, address, indirect: Vec::new() }];
    let kernel = Kernel::Contract(Contract {
        batch: Shape::scalar(),
        m: Shape::of([m.clone()]),
        n: Shape::of([n.clone()]),
        k: Shape::of([k.clone()]),
        a: load(0, [&m, &k]),
        b: load(1, [&k, &n]),
        dtype: DType::F32,
        epilogue: Body { program: epilogue, stores },
    });
    program.inputs.push(a);
    program.parameters.push(b);
    program.outputs.push(c);
    program.output_shapes.push(Shape::of([m, n]));
    program.steps.push(Step { kernel, reads: vec![a, b], writes: vec![c], label: "matmul".into() });
    program
}

fn rows(m: usize) -> Bindings {
    let mut bindings = Bindings::new();
    assert!(bindings.bind(Symbol("m".into()), m).is_ok());
    bindings
}

fn devices() -> Vec<WgpuBackend> {
    let open = |features| match pollster::block_on(WgpuBackend::open(Options {
        features,
        tune: true,
        ..Options::default()
    })) {
        Ok(device) => Some(device),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "{error}");
            None
        }
    };
    [Features::All, Features::None].into_iter().filter_map(open).collect()
}

/// A planted fault, and what the tuner must say about it.
type Fault = (&'static str, fn(&mut Candidate), &'static str);

/// Another result than the sum of products, in the text of a contraction.
fn finish_with(candidate: &mut Candidate, result: &str) {
    let source = &mut candidate.launches[0].source;
    let wrong = source.replace("let acc = sum;", &format!("let acc = {result};"));
    assert_ne!(*source, wrong, "the text has no place for this fault");
    *source = wrong;
}

const FAULTS: [Fault; 7] = [
    ("wrong arithmetic", |c| finish_with(c, "sum + Acc(0.01)"), "differs"),
    ("a wrong last row", |c| finish_with(c, "select(sum, Acc(), m == rows() - 1u)"), "differs"),
    (
        "wrong last columns",
        |c| finish_with(c, "select(sum, Acc(), n >= columns() - columns() % 4u)"),
        "differs",
    ),
    ("swapped sizes", |c| c.launches[0].params.reverse(), "differs"),
    ("missing tiles", |c| c.launches[0].workgroups = Dim::ONE, "differs"),
    ("no text", |c| c.launches[0].source = "fn main() { nonsense }".into(), "failed on"),
    ("too many workgroups", |c| c.launches[0].workgroups = Dim::from(1i64 << 40), "failed on"),
];

#[test]
fn planted_faults_are_rejected_and_named() {
    for device in devices() {
        let context = device.context();
        let program = matmul();
        let bindings = rows(130);
        let trial = Trial::new(context, &program, &program.steps[0], &bindings);
        let trial = pollster::block_on(trial).unwrap().expect("the reference can judge a matmul");
        let right = trial.candidates().remove(0);
        for (name, plant, reason) in FAULTS {
            let mut wrong = right.clone();
            wrong.variant = name;
            plant(&mut wrong);
            let tuner = Tuner::default();
            let chosen =
                pollster::block_on(choose(&trial, &tuner, "matmul", &[wrong.clone(), right.clone()]));
            assert_eq!(chosen, Ok(1), "{name}");
            let rejections = tuner.rejections();
            assert!(rejections.len() == 1 && rejections[0].candidate == name, "{rejections:?}");
            assert!(rejections[0].reason.contains(reason), "{name}: {}", rejections[0].reason);
            let only_wrong = pollster::block_on(choose(&trial, &Tuner::default(), "matmul", &[wrong]));
            assert!(matches!(only_wrong, Err(DeviceError::Mismatch { .. })), "{name}");
        }
    }
}

#[test]
fn what_was_tuned_serves_its_class_of_shapes_alone() {
    for device in devices() {
        let context = device.context();
        let program = matmul();
        let step = &program.steps[0];
        let key_of = |m: usize, label: &str| {
            let bindings = rows(m);
            let mut found = candidates(&program, step, &bindings, &context.capabilities).unwrap();
            found[0].launches[0].source += label;
            key(context, step, &bindings, &found)
        };
        let known = key_of(130, "");
        assert!(known.contains(&context.name()), "{known}");
        assert_eq!(known, key_of(131, ""));
        for other in [key_of(3, ""), key_of(128, ""), key_of(300, ""), key_of(130, "// another kernel")] {
            assert_ne!(known, other);
        }
    }
}

#[test]
fn a_tuned_program_gives_the_same_numbers_and_is_tuned_once() {
    for device in devices() {
        let k = 40;
        let b: Vec<f32> = (0..k * 70).map(|i| (i % 13) as f32 - 6.0).collect();
        let weights = Weights::from([("b".to_string(), HostTensor::new([k, 70], &b).unwrap())]);
        let executable = pollster::block_on(device.prepare(Arc::new(matmul()), &weights)).unwrap();
        for m in [130usize, 131, 3] {
            let a: Vec<f32> = (0..m * k).map(|i| (i % 7) as f32).collect();
            let input = device.upload(&HostTensor::new([m, k], &a).unwrap()).unwrap();
            let arguments = Arguments { bindings: rows(m), inputs: vec![input], ..Arguments::default() };
            let results = pollster::block_on(executable.run(arguments)).unwrap();
            let got = pollster::block_on(device.read(&results.outputs[0])).unwrap();
            let got: Vec<f32> = bytemuck::pod_collect_to_vec(&got);
            let expected: Vec<f32> =
                (0..m * 70).map(|i| (0..k).map(|x| a[i / 70 * k + x] * b[x * 70 + i % 70]).sum()).collect();
            assert_eq!(got, expected, "{m}");
        }
        assert!(device.rejections().is_empty(), "{:?}", device.rejections());
        let compiled = device.pipelines();
        let arguments = rows(129);
        let plan = executable.plan(&arguments).unwrap();
        assert!(plan.steps[0].kernel.starts_with("contract/"));
        assert_eq!(device.pipelines(), compiled);
    }
}
