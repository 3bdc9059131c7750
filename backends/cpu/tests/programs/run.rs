use crate::build::*;
use hadal_cpu::CpuBackend;
use hadal_device::{Arguments, Backend, DeviceError, Weights};
use hadal_graph::program::*;
use hadal_graph::{Bindings, Bytes, DType, Dim, HostTensor, Shape, dim::Symbol};
use std::sync::Arc;

/// `writes[0] = op(reads[0], reads[1])` over `n` elements.
fn binary(n: impl Into<Dim>, op: BinaryOp) -> Kernel {
    let d = vec![n.into()];
    let mut p = PointwiseProgram::default();
    let (a, b) = (load(&mut p, 0, DType::F32, &d), load(&mut p, 1, DType::F32, &d));
    let v = p.push(Instr::Binary(op, a, b), DType::F32);
    Kernel::Pointwise(Pointwise {
        domain: Shape(d.clone()),
        body: Body { stores: vec![store(0, v, &d)], program: p },
    })
}

#[test]
fn a_unique_variable_is_updated_in_place_and_a_shared_one_is_copied() {
    let mut b = Builder::new();
    let (w, g) = (b.variable(DType::F32, [3]), b.input(DType::F32, [3]));
    let w1 = b.taking(w);
    b.step(binary(3, BinaryOp::Sub), &[w, g], &[w1]);
    b.update(0, w1);
    let backend = CpuBackend::with_threads(1);
    let executable = prepare(&backend, &b.finish()).unwrap();
    let gradient = backend.upload(&tensor(&[3], &[1.0, 2.0, 3.0])).unwrap();
    let weight = backend.upload(&tensor(&[3], &[10.0; 3])).unwrap();
    let address = std::ptr::from_ref(weight.storage()) as *const u8;

    let first = step(&executable, vec![gradient.clone()], vec![weight]).unwrap().variables.remove(0);
    assert_eq!(fetch::<f32>(&backend, &first), [9.0, 8.0, 7.0]);
    assert_eq!(std::ptr::from_ref(first.storage()) as *const u8, address, "updated in place");

    let kept = first.clone();
    let second = step(&executable, vec![gradient], vec![first]).unwrap().variables.remove(0);
    assert_eq!(fetch::<f32>(&backend, &second), [8.0, 6.0, 4.0]);
    assert_eq!(
        fetch::<f32>(&backend, &kept),
        [9.0, 8.0, 7.0],
        "somebody else's handle still sees the old value"
    );

    // The same buffer as input and variable: the input keeps the old value during the run.
    let third = step(&executable, vec![second.clone()], vec![second]).unwrap().variables.remove(0);
    assert_eq!(fetch::<f32>(&backend, &third), [0.0; 3]);
}

#[test]
fn parameters_are_borrowed_where_they_are_aligned() {
    let mut b = Builder::new();
    let (x, w) = (b.input(DType::F32, [256]), b.parameter(DType::F32, [256], "layer.weight"));
    let y = b.computed(DType::F32, [256]);
    b.step(binary(256, BinaryOp::Mul), &[x, w], &[y]);
    b.output(y);
    b.output(w);
    let program = b.finish();
    let data = noise(256, 1);
    let mut bytes = vec![0u8; 8 + 1024];
    for offset in [4usize, 5] {
        let start = offset + (8 - bytes.as_ptr() as usize % 8) % 8 % 4;
        bytes[start..start + 1024].copy_from_slice(bytemuck::cast_slice(&data));
        let all = Bytes::new(std::mem::take(&mut bytes));
        let part = all.slice(start..start + 1024).unwrap();
        let aligned = (part.as_ptr() as usize).is_multiple_of(4);
        let weights = Weights::from([(
            "layer.weight".into(),
            HostTensor::from_bytes(DType::F32, [256], part).unwrap(),
        )]);
        let backend = CpuBackend::with_threads(1);
        let executable = pollster::block_on(backend.prepare(program.clone(), &weights)).unwrap();
        assert_eq!(backend.memory_stats().in_use == 0, aligned, "only misaligned weights are copied");
        let input = backend.upload(&tensor(&[256], &[2.0; 256])).unwrap();
        let results = step(&executable, vec![input], vec![]).unwrap();
        let expected: Vec<f64> = data.iter().map(|&v| 2.0 * v as f64).collect();
        close(&fetch(&backend, &results.outputs[0]), &expected, 0.0);
        assert_eq!(fetch::<f32>(&backend, &results.outputs[1]), data);
        assert_eq!(executable.plan(&Bindings::new()).unwrap().weight_bytes, 1024);
        bytes = all.to_vec();
    }
}

#[test]
fn missing_and_wrong_parameters_are_named() {
    let mut b = Builder::new();
    let w = b.parameter(DType::F32, [4, 2], "encoder.bias");
    b.output(w);
    let program = b.finish();
    let backend = CpuBackend::with_threads(1);
    let prepare =
        |weights: &Weights| pollster::block_on(backend.prepare(program.clone(), weights)).unwrap_err();
    assert!(prepare(&Weights::new()).to_string().contains("encoder.bias"));
    let wrong = HostTensor::new([4], &[0i32; 4]).unwrap();
    let text = prepare(&Weights::from([("encoder.bias".into(), wrong)])).to_string();
    assert!(text.contains("i32[4]") && text.contains("f32[4, 2]"), "{text}");
}

#[test]
fn once_steps_run_at_preparation() {
    let mut b = Builder::new();
    let c = b.constant(tensor(&[4], &[1.0, 2.0, 3.0, 4.0]));
    let (square, fourth) = (b.once(DType::F32, [4]), b.once(DType::F32, [4]));
    for (from, to) in [(c, square), (square, fourth)] {
        let d = dims(&[4]);
        let mut p = PointwiseProgram::default();
        let v = load(&mut p, 0, DType::F32, &d);
        let v = p.push(Instr::Binary(BinaryOp::Mul, v, v), DType::F32);
        let body = Body { program: p, stores: vec![store(0, v, &d)] };
        let kernel = Kernel::Pointwise(Pointwise { domain: [4].into(), body });
        b.0.once.push(Step { kernel, reads: vec![from], writes: vec![to], label: "square".into() });
    }
    let x = b.input(DType::F32, [4]);
    let y = b.computed(DType::F32, [4]);
    b.step(binary(4, BinaryOp::Add), &[x, fourth], &[y]);
    b.output(y);
    let backend = CpuBackend::with_threads(1);
    let executable = prepare(&backend, &b.finish()).unwrap();
    assert_eq!(backend.memory_stats().in_use, 64, "only what runs read is kept");
    let input = backend.upload(&tensor(&[4], &[0.5; 4])).unwrap();
    let results = step(&executable, vec![input], vec![]).unwrap();
    assert_eq!(fetch::<f32>(&backend, &results.outputs[0]), [1.5, 16.5, 81.5, 256.5]);
    assert_eq!(executable.stats().dispatches, 3);
}

#[test]
fn once_steps_run_where_other_sizes_are_free() {
    let mut b = Builder::new();
    let n = || Shape(vec![Dim::symbol("n")]);
    let (x, w) = (b.input(DType::F32, n()), b.constant(tensor(&[2], &[2.0, 3.0])));
    let squared = b.once(DType::F32, [2]);
    let (kernel, label) = (binary(2, BinaryOp::Mul), "square".into());
    b.0.once.push(Step { kernel, reads: vec![w, w], writes: vec![squared], label });
    let y = b.computed(DType::F32, n());
    b.step(binary(Dim::symbol("n"), BinaryOp::Mul), &[x, x], &[y]);
    b.output(y);
    b.output(squared);
    let backend = CpuBackend::with_threads(1);
    let executable = prepare(&backend, &b.finish()).unwrap();
    let mut bindings = Bindings::new();
    bindings.bind(Symbol("n".into()), 3).unwrap();
    let inputs = vec![backend.upload(&tensor(&[3], &[1.0, 2.0, 3.0])).unwrap()];
    let run = executable.run(Arguments { bindings, inputs, variables: vec![] });
    let outputs = pollster::block_on(run).unwrap().outputs;
    assert_eq!(fetch::<f32>(&backend, &outputs[0]), [1.0, 4.0, 9.0]);
    assert_eq!(fetch::<f32>(&backend, &outputs[1]), [4.0, 9.0]);
}

/// A chain of `length` additions over `n` elements.
fn chain(n: Dim, length: usize) -> Arc<Program> {
    let mut b = Builder::new();
    let x = b.input(DType::F32, Shape(vec![n.clone()]));
    let mut last = x;
    for _ in 0..length {
        let next = b.computed(DType::F32, Shape(vec![n.clone()]));
        b.step(binary(n.clone(), BinaryOp::Add), &[last, x], &[next]);
        last = next;
    }
    b.output(last);
    b.finish()
}

#[test]
fn one_program_serves_every_size_and_its_plan_is_bounded() {
    let backend = CpuBackend::with_threads(2);
    let executable = prepare(&backend, &chain(Dim::symbol("n"), 10)).unwrap();
    for n in [1usize, 64, 5000, 1, 100_000] {
        let mut bindings = Bindings::new();
        bindings.bind(Symbol("n".into()), n).unwrap();
        let input = backend.upload(&tensor(&[n], &vec![1.0; n])).unwrap();
        let arguments = Arguments { bindings: bindings.clone(), inputs: vec![input], variables: vec![] };
        let results = pollster::block_on(executable.run(arguments)).unwrap();
        assert_eq!(fetch::<f32>(&backend, &results.outputs[0]), vec![11.0; n]);
        let plan = executable.plan(&bindings).unwrap();
        assert_eq!(plan.arena_bytes, 2 * (4 * n as u64).next_multiple_of(64));
        assert_eq!(plan.arena_bytes, plan.peak_live_bytes);
        assert_eq!((plan.steps.len(), plan.steps[0].kernel.as_str()), (10, "pointwise/blocks"));
        assert_eq!((plan.steps[0].shape.clone(), plan.steps[0].flops), (vec![n], n as u64));
    }
    assert_eq!(executable.stats().runs, 5);
    assert_eq!(executable.stats().dispatches, 50);
}

#[test]
fn wrong_arguments_are_errors() {
    let backend = CpuBackend::with_threads(1);
    let executable = prepare(&backend, &chain(Dim::symbol("n"), 2)).unwrap();
    let run = |bindings: Bindings, inputs: Vec<hadal_device::Buffer>| {
        pollster::block_on(executable.run(Arguments { bindings, inputs, variables: vec![] })).unwrap_err()
    };
    let bound = |n: usize| {
        let mut bindings = Bindings::new();
        bindings.bind(Symbol("n".into()), n).unwrap();
        bindings
    };
    let three = backend.upload(&tensor(&[3], &[0.0; 3])).unwrap();
    let ints = backend.upload(&HostTensor::new([4], &[0i32; 4]).unwrap()).unwrap();
    assert!(matches!(run(Bindings::new(), vec![three.clone()]), DeviceError::Dim(_)));
    assert!(matches!(run(bound(4), vec![]), DeviceError::Argument(_)));
    assert!(matches!(run(bound(4), vec![three.clone()]), DeviceError::Argument(_)));
    assert!(matches!(run(bound(4), vec![ints]), DeviceError::Argument(_)));
    assert!(matches!(
        run(bound(usize::MAX / 8), vec![three]),
        DeviceError::Dim(_) | DeviceError::Argument(_)
    ));
}

#[test]
fn memory_is_counted_limited_and_given_back() {
    let backend = CpuBackend::with_threads(1);
    let n = 1 << 20;
    let executable = prepare(&backend, &chain(n.into(), 4)).unwrap();
    let input = backend.upload(&tensor(&[n], &vec![1.0; n])).unwrap();
    let before = backend.memory_stats();
    assert_eq!((before.in_use, before.buffers), (4 << 20, 1));
    let results = step(&executable, vec![input.clone()], vec![]).unwrap();
    let after = backend.memory_stats();
    assert_eq!((after.in_use, after.buffers), (8 << 20, 2));
    assert_eq!(after.peak, 16 << 20, "input, output and an arena of two blocks");
    assert_eq!(after.cached, 8 << 20, "the arena stays in the pool");
    drop(results);
    backend.set_memory_limit(Some(10 << 20));
    let error = step(&executable, vec![input.clone()], vec![]).unwrap_err();
    assert!(
        matches!(&error, DeviceError::OutOfMemory { limit, .. } if limit.contains("10485760")),
        "{error}"
    );
    backend.set_memory_limit(None);
    assert!(step(&executable, vec![input], vec![]).is_ok(), "the device works on");
    backend.empty_cache();
    let end = backend.memory_stats();
    assert_eq!((end.in_use, end.cached, end.buffers), (0, 0, 0));
}

#[test]
fn many_threads_may_run_one_executable() {
    let backend = CpuBackend::with_threads(2);
    let executable = prepare(&backend, &chain(40_000.into(), 5)).unwrap();
    std::thread::scope(|scope| {
        for t in 0..4 {
            let (backend, executable) = (&backend, &executable);
            scope.spawn(move || {
                for _ in 0..5 {
                    let input = backend.upload(&tensor(&[40_000], &vec![t as f32; 40_000])).unwrap();
                    let results = step(executable, vec![input], vec![]).unwrap();
                    assert_eq!(fetch::<f32>(backend, &results.outputs[0]), vec![6.0 * t as f32; 40_000]);
                }
            });
        }
    });
}

#[test]
fn an_op_without_a_kernel_is_named_at_preparation() {
    let mut b = Builder::new();
    let x = b.input(DType::I32, [3]);
    let y = b.computed(DType::I32, [3]);
    let d = dims(&[3]);
    let mut p = PointwiseProgram::default();
    let v = load(&mut p, 0, DType::I32, &d);
    let v = p.push(Instr::Unary(UnaryOp::Sin, v), DType::I32);
    let body = Body { program: p, stores: vec![store(0, v, &d)] };
    b.step(Kernel::Pointwise(Pointwise { domain: [3].into(), body }), &[x], &[y]);
    b.output(y);
    let error = prepare(&CpuBackend::with_threads(1), &b.finish()).unwrap_err();
    let expected = DeviceError::Unsupported { backend: "cpu".into(), op: "step".into(), dtype: DType::I32 };
    assert_eq!(error, expected);
}

#[test]
fn launches_are_timed() {
    let backend = CpuBackend::with_threads(2);
    let executable = prepare(&backend, &chain(100_000.into(), 3)).unwrap();
    let input = backend.upload(&tensor(&[100_000], &vec![1.0; 100_000])).unwrap();
    let arguments = Arguments { bindings: Bindings::new(), inputs: vec![input], variables: vec![] };
    let (results, times) = pollster::block_on(executable.profile(arguments)).unwrap();
    assert_eq!(fetch::<f32>(&backend, &results.outputs[0])[0], 4.0);
    assert_eq!(times.len(), 3);
    assert!(times.iter().all(|t| t.nanoseconds > 0 && t.kernel == "pointwise/blocks" && t.label == "step"));
}

#[test]
fn malformed_programs_are_refused() {
    let backend = CpuBackend::with_threads(1);
    let mut b = Builder::new();
    let x = b.input(DType::F32, [3]);
    let y = b.taking(x);
    b.step(binary(3, BinaryOp::Add), &[x, x], &[y]);
    b.output(y);
    assert!(matches!(prepare(&backend, &b.finish()), Err(DeviceError::Argument(t)) if t.contains("Input")));
    let mut b = Builder::new();
    let x = b.computed(DType::F32, [3]);
    b.0.values[x].alias = Some(x);
    assert!(prepare(&backend, &b.finish()).is_err());
    let mut b = Builder::new();
    b.output(ValueId::new(7));
    assert!(prepare(&backend, &b.finish()).is_err());
}
