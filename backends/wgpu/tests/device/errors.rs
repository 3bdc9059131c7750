//! What goes wrong comes back as an error, and the process goes on.

use crate::programs::*;
use hadal_device::{Backend, BackendFactory, DeviceError, DeviceKind, Weights, Which};
use hadal_graph::program::{BinaryOp, Program};
use hadal_graph::{DType, HostTensor};
use hadal_wgpu::{Features, Options, WgpuFactory};
use std::sync::Arc;

fn double() -> Arc<Program> {
    let mut b = Builder::new("double");
    let x = b.input(DType::F32, [4usize]);
    let y = b.computed(DType::F32, [4usize]);
    b.pointwise("add", &[x], y, |p, r| binary(p, BinaryOp::Add, r[0], r[0]));
    b.output(y);
    b.build()
}

fn works(device: &hadal_wgpu::WgpuBackend) {
    let x = upload(device, &[1.0f32, 2.0, 3.0, 4.0]);
    let results = run(device, double(), &Weights::new(), inputs(vec![x]));
    assert_eq!(read::<f32>(device, &results.outputs[0]), [2.0, 4.0, 6.0, 8.0]);
}

#[test]
fn a_destroyed_device_is_lost_and_another_one_opens() {
    for features in [Features::All, Features::None] {
        let options = Options { features, ..Options::default() };
        let Some(device) = open(options.clone()) else { return };
        works(&device);
        let x = upload(&device, &[1.0f32; 4]);
        let executable = pollster::block_on(device.prepare(double(), &Weights::new())).unwrap();
        let pending = pollster::block_on(executable.run(inputs(vec![x.clone()]))).unwrap();
        device.destroy();
        let lost = |error: DeviceError| assert!(matches!(error, DeviceError::Lost { .. }), "{error}");
        lost(pollster::block_on(device.read(&pending.outputs[0])).unwrap_err());
        lost(pollster::block_on(executable.run(inputs(vec![x.clone()]))).unwrap_err());
        lost(pollster::block_on(device.prepare(double(), &Weights::new())).unwrap_err());
        lost(pollster::block_on(device.synchronize()).unwrap_err());
        lost(device.allocate(DType::F32, 4).unwrap_err());
        lost(device.write(&x, &tensor(&[1.0f32; 4])).unwrap_err());
        drop((pending, executable, x, device));
        works(&open(options).unwrap());
    }
}

#[test]
fn exhausted_memory_is_an_error_that_passes() {
    for device in devices() {
        let held = upload(&device, &[1.0f32; 1000]);
        let in_use = device.memory_stats().in_use;
        device.set_memory_limit(Some(in_use + 1_000_000));
        let Err(DeviceError::OutOfMemory { limit, .. }) = device.allocate(DType::F32, 1_000_000) else {
            panic!("the limit was ignored")
        };
        assert!(limit.contains(&(in_use + 1_000_000).to_string()));
        works(&device);
        device.set_memory_limit(None);
        let error = device.allocate(DType::F32, 1 << 40).unwrap_err();
        assert!(matches!(error, DeviceError::OutOfMemory { .. }), "{error}");
        works(&device);
        let more = device.allocate(DType::F32, 1_000_000).unwrap();
        drop(more);
        let stats = device.memory_stats();
        assert!(stats.cached >= 4_000_000 && stats.peak >= stats.in_use + 4_000_000);
        device.empty_cache();
        assert_eq!(device.memory_stats().cached, 0);
        works(&device);
        drop(held);
    }
}

#[test]
fn memory_that_is_dropped_is_used_again() {
    for device in devices() {
        let executable = pollster::block_on(device.prepare(double(), &Weights::new())).unwrap();
        let mut x = upload(&device, &[1.0f32; 4]);
        let mut after_two = None;
        for i in 0..100 {
            x = pollster::block_on(executable.run(inputs(vec![x]))).unwrap().outputs.remove(0);
            if i > 2 {
                let stats = device.memory_stats();
                assert_eq!(*after_two.get_or_insert(stats), stats);
            }
        }
        assert!(read::<f32>(&device, &x)[0].is_finite());
    }
}

#[test]
fn an_index_out_of_range_surfaces_at_the_next_read_and_only_there() {
    for device in devices() {
        let mut b = Builder::new("gather");
        let (table, index) = (b.input(DType::F32, [4usize]), b.input(DType::I32, ["n"]));
        let y = b.computed(DType::F32, ["n"]);
        b.gather("embedding", table, index, y);
        b.output(y);
        let executable = pollster::block_on(device.prepare(b.build(), &Weights::new())).unwrap();
        let table = upload(&device, &[10.0f32, 11.0, 12.0, 13.0]);
        let gather = |indices: &[i32]| {
            let mut arguments = inputs(vec![table.clone(), upload(&device, indices)]);
            arguments.bindings = sizes(&[("n", indices.len())]);
            pollster::block_on(executable.run(arguments)).unwrap().outputs.remove(0)
        };
        assert_eq!(read::<f32>(&device, &gather(&[3, 0, 2])), [13.0, 10.0, 12.0]);
        for bad in [4, -1, i32::MAX, i32::MIN] {
            let result = gather(&[0, bad]);
            let error = pollster::block_on(device.read(&result)).unwrap_err();
            assert_eq!(error, DeviceError::IndexOutOfRange { op: "embedding".into() });
            assert_eq!(read::<f32>(&device, &gather(&[1])), [11.0]);
        }
        gather(&[7]);
        let error = pollster::block_on(device.synchronize()).unwrap_err();
        assert_eq!(error, DeviceError::IndexOutOfRange { op: "embedding".into() });
        pollster::block_on(device.synchronize()).unwrap();
    }
}

#[test]
fn what_the_device_cannot_hold_is_refused_by_name() {
    for device in devices() {
        let error = device.upload(&tensor(&[1.0f64])).unwrap_err();
        assert!(matches!(error, DeviceError::Unsupported { dtype: DType::F64, .. }), "{error}");
        let mut b = Builder::new("doubles");
        let x = b.parameter("x", DType::F32, [1usize]);
        let y = b.computed(DType::F64, [1usize]);
        b.pointwise("widen", &[x], y, |p, r| p.push(hadal_graph::program::Instr::Cast(r[0]), DType::F64));
        b.output(y);
        let weights = Weights::from([("x".to_string(), tensor(&[1.0f32]))]);
        let error = pollster::block_on(device.prepare(b.build(), &weights)).unwrap_err();
        assert!(matches!(error, DeviceError::Unsupported { dtype: DType::F64, .. }), "{error}");
    }
}

#[test]
fn adapters_are_listed_and_found_by_index_and_name() {
    let Ok(found) = pollster::block_on(WgpuFactory.list()) else {
        assert!(std::env::var_os("CI").is_none(), "CI has no adapter");
        return;
    };
    for (index, info) in found.iter().enumerate() {
        assert_eq!(info.index, index);
        assert_eq!(
            info.kind == DeviceKind::Software,
            info.name.contains("llvmpipe") || info.name.contains("SwiftShader")
        );
        let by_name =
            open(Options { which: Which::Name(info.name.to_uppercase()), ..Options::default() }).unwrap();
        assert_eq!(by_name.info().name, info.name);
    }
    for which in [Which::Index(found.len()), Which::Name("no such adapter".into())] {
        let error = pollster::block_on(WgpuFactory.open(&which)).unwrap_err();
        assert!(
            matches!(&error, DeviceError::Unavailable { hint, .. } if hint.contains(&found[0].name)),
            "{error}"
        );
    }
}

#[test]
fn kernels_are_timed_where_the_device_can() {
    for device in devices() {
        let executable = pollster::block_on(device.prepare(double(), &Weights::new())).unwrap();
        let x = device.upload(&HostTensor::new([4], &[1.0f32; 4]).unwrap()).unwrap();
        let timed = pollster::block_on(executable.profile(inputs(vec![x])));
        if device.info().features.iter().any(|f| f == "timestamps") {
            let (results, times) = timed.unwrap();
            assert_eq!(read::<f32>(&device, &results.outputs[0]), [2.0; 4]);
            assert_eq!(times.len(), 1);
            assert_eq!(times[0].label, "add");
            assert!(times[0].nanoseconds > 0 && times[0].kernel.starts_with("pointwise"));
        } else {
            assert!(matches!(timed, Err(DeviceError::Argument(_))));
        }
    }
}
