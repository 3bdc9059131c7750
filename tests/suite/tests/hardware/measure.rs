//! How fast memory, arithmetic, matrix products and MiniLM are.

use crate::report::{Report, significant};
use crate::vendor::Vendor;
use hadal::nn::{Bert, BertConfig, Scope, Weights as Files};
use hadal::{Device, Tensor};
use hadal_device::{Arguments, Backend, DeviceError, StepTime, Weights};
use hadal_graph::op::Custom;
use hadal_graph::program::UnaryOp;
use hadal_graph::{Bindings, DType, Graph, GraphError, HostTensor, Scalar, compile};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// Runs of which the fastest counts.
const RUNS: usize = 5;

/// The device's times of the launches of a graph whose inputs are `inputs`, of the fastest of some runs.
fn profile(
    backend: &dyn Backend,
    graph: &Graph,
    inputs: &[HostTensor],
) -> Result<Vec<StepTime>, DeviceError> {
    let program =
        compile(graph, backend.target()).map_err(|error| DeviceError::Argument(error.to_string()))?;
    pollster::block_on(async {
        let executable = backend.prepare(Arc::new(program), &Weights::new()).await?;
        let inputs = inputs.iter().map(|tensor| backend.upload(tensor)).collect::<Result<Vec<_>, _>>()?;
        let mut fastest: Option<Vec<StepTime>> = None;
        for _ in 0..RUNS {
            let arguments =
                Arguments { bindings: Bindings::new(), inputs: inputs.clone(), variables: Vec::new() };
            let (_, times) = executable.profile(arguments).await?;
            if fastest.as_ref().is_none_or(|known| total(&times) < total(known)) {
                fastest = Some(times);
            }
        }
        Ok(fastest.unwrap_or_default())
    })
}

fn total(times: &[StepTime]) -> u64 {
    times.iter().map(|time| time.nanoseconds).sum()
}

/// What a device can do in a second at most, measured; 0 is not known.
#[derive(Clone, Copy)]
pub(crate) struct Roof {
    /// GB/s.
    pub(crate) bandwidth: f64,
    /// TFLOP/s of fused multiplications and additions in `f32`.
    pub(crate) arithmetic: f64,
}

/// GB/s that the device moves when it copies: the roof of everything that computes little.
pub(crate) fn copies(report: &mut Report, backend: &dyn Backend, elements: usize) -> f64 {
    let build = || -> Result<Graph, GraphError> {
        let mut g = Graph::new("copy");
        let x = g.input("x", DType::F32, [elements])?;
        let y = g.unary(UnaryOp::Neg, x)?;
        g.output("y", y);
        Ok(g)
    };
    let input = HostTensor::full(DType::F32, [elements], Scalar::Float(1.0));
    match profile(backend, &build().unwrap(), &[input]) {
        Ok(times) => {
            let rate = 8.0 * elements as f64 / total(&times).max(1) as f64;
            report.number(&format!("copy of {} KiB", (4 * elements) >> 10), rate, "GB/s");
            rate
        }
        Err(error) => {
            report.must("copy", false, &error.to_string());
            0.0
        }
    }
}

/// Rounds of a kernel that does nothing but arithmetic, each with eight fused multiplications and additions that do not wait for each other.
const ROUNDS: usize = 512;
const ARITHMETIC: &str = "fn element(i: u32) -> f32 {
    let x = x0(i);
    var a = vec4<f32>(x, x + 1.0, x + 2.0, x + 3.0);
    var b = a + vec4<f32>(4.0);
    for (var round = 0u; round < 512u; round = round + 1u) {
        a = fma(a, vec4<f32>(0.5), vec4<f32>(x));
        b = fma(b, vec4<f32>(0.5), vec4<f32>(x));
    }
    let sum = a + b;
    return sum.x + sum.y + sum.z + sum.w;
}";

/// TFLOP/s of arithmetic alone: the roof of everything that computes much, but for units that multiply matrices.
pub(crate) fn arithmetic(report: &mut Report, backend: &dyn Backend, elements: usize) -> f64 {
    let build = || -> Result<Graph, GraphError> {
        let mut g = Graph::new("arithmetic");
        let x = g.input("x", DType::F32, [elements])?;
        let (name, wgsl) = ("arithmetic".into(), ARITHMETIC.into());
        let op = Custom { name, ty: g.ty(x).clone(), wgsl, host: None, sources: Vec::new() };
        let y = g.apply(op, &[x])?;
        g.output("y", y);
        Ok(g)
    };
    let input = HostTensor::full(DType::F32, [elements], Scalar::Float(1.0));
    match profile(backend, &build().unwrap(), &[input]) {
        Ok(times) => {
            let operations = (16 * ROUNDS * elements) as f64;
            let rate = operations / total(&times).max(1) as f64 / 1e3;
            report.number("arithmetic alone in f32", rate, "TFLOP/s");
            rate
        }
        Err(error) => {
            report.must("arithmetic", false, &error.to_string());
            0.0
        }
    }
}

/// A square matrix product, beside the roofline and the vendor's library.
pub(crate) fn product(
    report: &mut Report,
    backend: &dyn Backend,
    vendor: Option<&Vendor<'_>>,
    roof: Roof,
    size: usize,
    dtype: DType,
) {
    let build = || -> Result<Graph, GraphError> {
        let mut g = Graph::new("product");
        let (a, b) = (g.input("a", dtype, [size, size])?, g.input("b", dtype, [size, size])?);
        let y = g.matmul(a, b)?;
        g.output("y", y);
        Ok(g)
    };
    let input = HostTensor::full(dtype, [size, size], Scalar::Float(0.5));
    let name = format!("product {size}×{size}×{size} in {dtype}");
    let operations = 2.0 * (size as f64).powi(3);
    let rate = match profile(backend, &build().unwrap(), &[input.clone(), input]) {
        Ok(times) => {
            let kernel = times.first().map_or("", |time| time.kernel.as_str());
            let rate = operations / total(&times).max(1) as f64 / 1e3;
            report.number(&format!("{name} ({kernel})"), rate, "TFLOP/s");
            rate
        }
        Err(error) => return report.must(&name, false, &error.to_string()),
    };
    // Each matrix is moved once.
    let intensity = operations / (3 * size * size * dtype.size()) as f64;
    let roofline = roof.arithmetic.min(intensity * roof.bandwidth / 1e3);
    if roofline > 0.0 {
        let share =
            format!("{name}, of the roofline of {} TFLOP/s without matrix units", significant(roofline));
        report.number(&share, 100.0 * rate / roofline, "%");
    }
    let Some(vendor) = vendor else { return };
    match vendor.product(dtype, size, RUNS) {
        Ok(nanoseconds) => {
            let theirs = operations / nanoseconds.max(1) as f64 / 1e3;
            report.number(&format!("{name} by {}", vendor.name()), theirs, "TFLOP/s");
            report.number(&format!("{name}, of {}", vendor.name()), 100.0 * rate / theirs, "%");
        }
        Err(error) => report.must(&format!("{name} by {}", vendor.name()), false, &error),
    }
}

/// MiniLM beside the cpu, and its time for some numbers of tokens.
pub(crate) fn minilm(report: &mut Report, backend: Arc<dyn Backend>, tokens: &[usize], runs: usize) {
    if tokens.is_empty() {
        return report.left_out("MiniLM", "it has a test of its own on the stand-in");
    }
    let home = std::env::var_os("HADAL_HOME").map(|home| PathBuf::from(home).join("minilm"));
    let Some(folder) = home.filter(|folder| folder.is_dir()) else {
        return report.left_out("MiniLM", "the model minilm is not in HADAL_HOME: `hadal pull minilm`");
    };
    let embed = |device: &Device| -> hadal::Result<Vec<(Vec<f32>, f64)>> {
        let config = BertConfig::open(folder.join("config.json"))?;
        let weights = Files::open(folder.join("model.safetensors"), &Device::meta())?;
        let model = Bert::new(&Scope::weights(&weights), &config)?.model()?.to(device)?;
        let once = |count: usize| -> hadal::Result<Vec<f32>> {
            let ids: Vec<i64> = (0..count as i64).map(|i| 2000 + 37 * i % 9000).collect();
            let row = |values: &[i64]| Tensor::new(device, values, [1, count]);
            let inputs = [("input_ids", &row(&ids)?), ("attention_mask", &row(&vec![1; count])?)];
            model.run(&inputs)?.get("sentence_embedding")?.to_vec()
        };
        let mut results = Vec::new();
        for &count in tokens {
            let found = once(count)?;
            let mut times = Vec::with_capacity(runs);
            for _ in 0..runs {
                let start = Instant::now();
                once(count)?;
                times.push(start.elapsed().as_secs_f64() * 1e3);
            }
            times.sort_by(f64::total_cmp);
            results.push((found, times[times.len() / 2]));
        }
        Ok(results)
    };
    let results = embed(&Device::open("cpu").unwrap())
        .and_then(|cpu| Ok((cpu, embed(&Device::from_backend(backend))?)));
    match results {
        Ok((cpu, gpu)) => {
            for ((&count, (expected, on_cpu)), (actual, on_gpu)) in tokens.iter().zip(&cpu).zip(&gpu) {
                let differences = actual.iter().zip(expected).map(|(a, e)| (a - e).abs());
                let worst =
                    differences.fold(0f32, |worst, d| if d > worst || d.is_nan() { d } else { worst });
                report.must(
                    &format!("MiniLM, {count} tokens"),
                    worst <= 1e-3,
                    &format!("differs by {worst:e} from cpu"),
                );
                report.number(&format!("MiniLM, {count} tokens, median of {runs}"), *on_gpu, "ms");
                report.number(&format!("MiniLM, {count} tokens on cpu"), *on_cpu, "ms");
            }
        }
        Err(error) => report.must("MiniLM", false, &error.to_string()),
    }
}
