//! How fast memory, matrix products and MiniLM are.

use crate::report::Report;
use hadal::nn::{Bert, BertConfig, Scope, Weights as Files};
use hadal::{Device, Tensor};
use hadal_device::{Arguments, Backend, DeviceError, StepTime, Weights};
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

/// What the device moves in a second when it copies: the roof of everything that computes little.
pub(crate) fn copies(report: &mut Report, backend: &dyn Backend, elements: usize) {
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
            report.number(&format!("copy of {} MiB", (4 * elements) >> 20), rate, "GB/s");
        }
        Err(error) => report.must("copy", false, &error.to_string()),
    }
}

/// A square matrix product.
pub(crate) fn product(report: &mut Report, backend: &dyn Backend, size: usize, dtype: DType) {
    let build = || -> Result<Graph, GraphError> {
        let mut g = Graph::new("product");
        let (a, b) = (g.input("a", dtype, [size, size])?, g.input("b", dtype, [size, size])?);
        let y = g.matmul(a, b)?;
        g.output("y", y);
        Ok(g)
    };
    let input = HostTensor::full(dtype, [size, size], Scalar::Float(0.5));
    let name = format!("product {size}×{size}×{size} in {dtype}");
    match profile(backend, &build().unwrap(), &[input.clone(), input]) {
        Ok(times) => {
            let kernel = times.first().map_or("", |time| time.kernel.as_str());
            let rate = 2.0 * (size as f64).powi(3) / total(&times).max(1) as f64 / 1e3;
            report.number(&format!("{name} ({kernel})"), rate, "TFLOP/s");
        }
        Err(error) => report.must(&name, false, &error.to_string()),
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
