//! f32 matrix product beside the crate `gemm`.

use crate::timing::{median, time};
use hadal::graph::Graph;
use hadal::{DType, Device, HostTensor, Model, Tensor};
use std::collections::BTreeMap;

pub fn run(n: usize, backend: &str, rounds: usize) -> anyhow::Result<()> {
    let mut graph = Graph::new("matmul");
    let a = graph.input("a", DType::F32, [n, n])?;
    let b = graph.parameter("b", DType::F32, [n, n])?;
    let c = graph.matmul(a, b)?;
    graph.output("c", c);
    let left: Vec<f32> = (0..n * n).map(|i| ((i * 7919) % 256) as f32 / 256.0 - 0.5).collect();
    let right: Vec<f32> = (0..n * n).map(|i| ((i * 104729) % 256) as f32 / 256.0 - 0.5).collect();
    let weights = BTreeMap::from([("b".to_string(), HostTensor::new([n, n], &right)?)]);
    let device = Device::open(backend)?;
    let model = Model::new(graph, weights)?.to(&device)?;
    let input = Tensor::from_host(&device, &HostTensor::new([n, n], &left)?)?;
    let mut out = vec![0f32; n * n];
    let peer = backend.starts_with("cpu");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..rounds + 2 {
        let hadal = time(|| {
            model.run(&[("a", &input)])?;
            Ok(device.synchronize()?)
        })?;
        let gemm = if peer { time(|| Ok(gemm_f32(n, &left, &right, &mut out)))? } else { 0.0 };
        if round >= 2 {
            ours.push(hadal);
            theirs.push(gemm);
        }
    }
    let rate = |ms: f64| 2.0 * (n as f64).powi(3) / ms / 1e6;
    let (hadal, gemm) = (median(&ours), median(&theirs));
    let mut line =
        serde_json::json!({ "n": n, "backend": backend, "hadal_ms": hadal, "hadal_gflops": rate(hadal) });
    if peer {
        line["gemm_ms"] = gemm.into();
        line["gemm_gflops"] = rate(gemm).into();
        line["time_ratio"] = (hadal / gemm).into();
    }
    println!("{line}");
    Ok(())
}

fn gemm_f32(n: usize, a: &[f32], b: &[f32], c: &mut [f32]) {
    let stride = n as isize;
    assert!(a.len() == n * n && b.len() == n * n && c.len() == n * n);
    // SAFETY: the three slices hold n × n elements each, which the strides (1, n) never leave.
    unsafe {
        gemm::gemm(
            n,
            n,
            n,
            c.as_mut_ptr(),
            1,
            stride,
            false,
            a.as_ptr(),
            1,
            stride,
            b.as_ptr(),
            1,
            stride,
            0.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::Rayon(0),
        );
    }
}
