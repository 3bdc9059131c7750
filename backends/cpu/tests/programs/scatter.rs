use crate::build::*;
use hadal_cpu::CpuBackend;
use hadal_device::DeviceError;
use hadal_graph::program::*;
use hadal_graph::{DType, HostTensor, Scalar, Shape};
use std::sync::Arc;

/// Scatters `[outer, updates, inner]` into a copy of `[outer, extent, inner]`.
fn scatter(op: ScatterOp, dtype: DType, [outer, updates, extent, inner]: [usize; 4]) -> Arc<Program> {
    let mut b = Builder::new();
    let init = b.input(dtype, [outer, extent, inner]);
    let index = b.input(DType::I32, [updates]);
    let update = b.input(dtype, [outer, updates, inner]);
    let out = b.computed(dtype, [outer, extent, inner]);
    let over = |axis: usize| [(axis * inner) as i64, inner as i64, 1];
    let kernel = Scatter {
        outer: [outer].into(),
        updates: updates.into(),
        extent: extent.into(),
        inner: [inner].into(),
        op,
        init: Some(operand(0, dtype, 0, &over(extent))),
        index: operand(1, DType::I32, 0, &[1]),
        update: operand(2, dtype, 0, &over(updates)),
    };
    b.step(Kernel::Scatter(kernel), &[init, index, update], &[out]);
    b.output(out);
    b.finish()
}

#[test]
fn every_op_in_order() {
    for [outer, updates, extent, inner] in
        [[1, 500, 7, 1], [3, 40, 10, 5], [1, 60, 9, 1300], [70, 3, 2, 3], [2, 0, 3, 2]]
    {
        for dtype in [DType::F32, DType::F16, DType::I8, DType::I64, DType::F64] {
            for op in [ScatterOp::Set, ScatterOp::Add, ScatterOp::Max, ScatterOp::Min] {
                let fill = |count: usize, seed: usize| -> Vec<Scalar> {
                    (0..count).map(|i| Scalar::new((i * seed % 17) as f64 - 8.0, dtype)).collect()
                };
                let (init, update) = (fill(outer * extent * inner, 5), fill(outer * updates * inner, 7));
                let index: Vec<i32> = (0..updates).map(|u| (u * u % extent) as i32).collect();
                let mut expected: Vec<f64> = init.iter().map(|s| s.to_f64()).collect();
                for (i, v) in update.iter().enumerate() {
                    let (o, u, c) = (i / (updates * inner), i / inner % updates, i % inner);
                    let e = &mut expected[(o * extent + index[u] as usize) * inner + c];
                    let v = v.to_f64();
                    *e = match op {
                        ScatterOp::Set => v,
                        ScatterOp::Add => Scalar::new(*e + v, dtype).to_f64(),
                        ScatterOp::Max => e.max(v),
                        ScatterOp::Min => e.min(v),
                    };
                }
                let inputs = [
                    HostTensor::from_scalars(dtype, [outer, extent, inner], init).unwrap(),
                    HostTensor::new([updates], &index).unwrap(),
                    HostTensor::from_scalars(dtype, [outer, updates, inner], update).unwrap(),
                ];
                let program = scatter(op, dtype, [outer, updates, extent, inner]);
                let bytes = hadal_graph::Bytes::new(run(&program, &inputs).remove(0));
                let found = HostTensor::from_bytes(dtype, [outer, extent, inner], bytes).unwrap().to_f64();
                assert_eq!(found, expected, "{op:?} {dtype} {outer} {updates} {extent} {inner}");
            }
        }
    }
}

#[test]
fn sums_of_halves_are_kept_wide() {
    // 1 is below half an ulp of 4096 in f16, so adding one at a time in f16 would not move.
    let inputs = [
        HostTensor::new([1, 1, 1], &[half::f16::from_f32(4096.0)]).unwrap(),
        HostTensor::new([100], &[0i32; 100]).unwrap(),
        HostTensor::new([1, 100, 1], &[half::f16::from_f32(1.0); 100]).unwrap(),
    ];
    let found = run1::<half::f16>(&scatter(ScatterOp::Add, DType::F16, [1, 100, 1, 1]), &inputs);
    assert_eq!(found[0].to_f32(), 4196.0);
}

#[test]
fn an_index_out_of_range_is_an_error() {
    for wrong in [-1, 3] {
        let inputs = [
            HostTensor::new([1, 3, 1], &[0f32; 3]).unwrap(),
            HostTensor::new([2], &[1, wrong]).unwrap(),
            HostTensor::new([1, 2, 1], &[1f32; 2]).unwrap(),
        ];
        let program = scatter(ScatterOp::Add, DType::F32, [1, 2, 3, 1]);
        let error = try_run(&CpuBackend::with_threads(1), &program, &inputs).unwrap_err();
        assert_eq!(error, DeviceError::IndexOutOfRange { op: "step".into() });
    }
}

#[test]
fn a_cache_is_updated_where_it_lies() {
    use hadal_device::Backend;
    let mut b = Builder::new();
    let cache = b.variable(DType::F32, [4, 2]);
    let (index, update) = (b.input(DType::I64, [1]), b.input(DType::F32, [1, 2]));
    let after = b.taking(cache);
    let kernel = Scatter {
        outer: Shape::scalar(),
        updates: 1.into(),
        extent: 4.into(),
        inner: [2].into(),
        op: ScatterOp::Set,
        init: None,
        index: operand(1, DType::I64, 0, &[1]),
        update: operand(2, DType::F32, 0, &[2, 1]),
    };
    b.step(Kernel::Scatter(kernel), &[cache, index, update], &[after]);
    b.update(0, after);
    let backend = CpuBackend::with_threads(1);
    let executable = prepare(&backend, &b.finish()).unwrap();
    let mut cache = backend.upload(&tensor(&[4, 2], &[0.0; 8])).unwrap();
    for i in [2i64, 0] {
        let index = backend.upload(&HostTensor::new([1], &[i]).unwrap()).unwrap();
        let update = backend.upload(&tensor(&[1, 2], &[i as f32 + 1.0; 2])).unwrap();
        cache = step(&executable, vec![index, update], vec![cache]).unwrap().variables.remove(0);
    }
    assert_eq!(fetch::<f32>(&backend, &cache), [1.0, 1.0, 0.0, 0.0, 3.0, 3.0, 0.0, 0.0]);
}
