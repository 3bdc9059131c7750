//! What fusion, placement and caching save, as counts: they are the same on a fast machine and on a slow one.
//!
//! The model is a BERT of MiniLM's sizes (6 layers, 384 wide, 12 heads) with random weights and few words.

use hadal::nn::{Bert, BertConfig, Scope, Weights};
use hadal::{DType, Device, HostTensor, Model, Tensor, Variable, jit};
use hadal_cpu::CpuBackend;
use hadal_device::{Arguments, Backend, DeviceError, Executable};
use hadal_graph::op::Attention;
use hadal_graph::program::{Program, Role};
use hadal_graph::{Bindings, Graph, Scalar, Symbol, compile};
use hadal_suite::Random;
use hadal_wgpu::{Options, WgpuBackend};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

const MINILM: &str = r#"{"vocab_size": 97, "hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12,
    "intermediate_size": 1536, "max_position_embeddings": 512, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_act": "gelu"}"#;

/// The model with fixed random weights.
static BERT: LazyLock<Model> = LazyLock::new(|| {
    let (config, meta) = (BertConfig::from_json(MINILM).unwrap(), Device::meta());
    let (width, inner) = (config.hidden_size, config.intermediate_size);
    let mut random = Random::new(1);
    let mut tensors = BTreeMap::new();
    let mut add = |name: String, shape: &[usize], around: f32| {
        let values =
            (0..shape.iter().product()).map(|_| around + (random.below(2001) as f32 - 1000.0) / 12e3);
        tensors.insert(name, HostTensor::new(shape, &values.collect::<Vec<f32>>()).unwrap());
    };
    let mut norms = vec!["embeddings.LayerNorm".to_string()];
    for (table, rows) in
        [("word", config.vocab_size), ("position", 512), ("token_type", config.type_vocab_size)]
    {
        add(format!("embeddings.{table}_embeddings.weight"), &[rows, width], 0.0);
    }
    for layer in (0..config.num_hidden_layers).map(|n| format!("encoder.layer.{n}")) {
        for (name, out, from) in [
            ("attention.self.query", width, width),
            ("attention.self.key", width, width),
            ("attention.self.value", width, width),
            ("attention.output.dense", width, width),
            ("intermediate.dense", inner, width),
            ("output.dense", width, inner),
        ] {
            add(format!("{layer}.{name}.weight"), &[out, from], 0.0);
            add(format!("{layer}.{name}.bias"), &[out], 0.0);
        }
        norms.extend([format!("{layer}.attention.output.LayerNorm"), format!("{layer}.output.LayerNorm")]);
    }
    for norm in norms {
        add(format!("{norm}.weight"), &[width], 1.0);
        add(format!("{norm}.bias"), &[width], 0.0);
    }
    let weights = Weights::from_tensors(tensors, &meta);
    Bert::new(&Scope::weights(&weights), &config).unwrap().model().unwrap()
});

/// The wgpu device, which has to be there in CI.
fn wgpu() -> Option<WgpuBackend> {
    match pollster::block_on(WgpuBackend::open(Options::default())) {
        Ok(device) => Some(device),
        Err(error @ DeviceError::Unavailable { .. }) if std::env::var_os("CI").is_none() => {
            println!("wgpu is not tested: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// The cpu, and wgpu where it is.
fn devices() -> Vec<Arc<dyn Backend>> {
    let cpu: Arc<dyn Backend> = Arc::new(CpuBackend::new());
    [Some(cpu), wgpu().map(|device| Arc::new(device) as Arc<dyn Backend>)].into_iter().flatten().collect()
}

fn prepare(backend: &dyn Backend) -> Arc<dyn Executable> {
    let program = Arc::new(compile(BERT.graph(), backend.target()).unwrap());
    pollster::block_on(backend.prepare(program, BERT.weights())).unwrap()
}

fn sizes(batch: usize, seq: usize) -> Bindings {
    let mut bindings = Bindings::new();
    for (name, size) in [("batch", batch), ("seq", seq)] {
        assert_eq!(bindings.bind(Symbol(name.into()), size), Ok(()));
    }
    bindings
}

/// Hidden states and embeddings of made-up sentences.
fn run(backend: &dyn Backend, executable: &dyn Executable, batch: usize, seq: usize) -> Vec<f32> {
    let ids: Vec<i64> = (0..batch * seq).map(|i| (i * 31 % 97) as i64).collect();
    let [ids, mask] = [ids, vec![1; batch * seq]].map(|data| HostTensor::new([batch, seq], &data).unwrap());
    let inputs = [ids, mask].map(|tensor| backend.upload(&tensor).unwrap()).to_vec();
    let arguments = Arguments { bindings: sizes(batch, seq), inputs, ..Arguments::default() };
    let results = pollster::block_on(executable.run(arguments)).unwrap();
    let mut values = Vec::new();
    for (buffer, columns) in results.outputs.iter().zip([seq, 1]) {
        let bytes = pollster::block_on(backend.read(buffer)).unwrap();
        let read = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        values.extend(read.take(batch * columns * 384));
    }
    values
}

/// The most bytes that values of a run need at one time, whatever a backend does with them.
fn peak_of_values(program: &Program, bindings: &Bindings) -> u64 {
    let mut lives: BTreeMap<usize, (usize, usize, u64)> = BTreeMap::new();
    for (step, of) in program.steps.iter().enumerate() {
        for &id in of.reads.iter().chain(&of.writes) {
            let root = program.storage(id);
            if program.values[root].role == Role::Computed && !program.escapes(root) {
                let bytes = program.values[root].bytes().eval(bindings).unwrap() as u64;
                lives.entry(root.index()).or_insert((step, step, bytes)).1 = step;
            }
        }
    }
    let at = |step: usize| {
        lives.values().filter(|(first, last, _)| (*first..=*last).contains(&step)).map(|l| l.2).sum()
    };
    (0..program.steps.len()).map(at).max().unwrap_or(0)
}

#[test]
fn minilm_runs_in_few_dispatches() {
    for backend in devices() {
        let executable = prepare(&*backend);
        let before = executable.stats();
        run(&*backend, &*executable, 1, 128);
        let after = executable.stats();
        let name = backend.info().id();
        let dispatches = after.dispatches - before.dispatches;
        println!("{name}: {dispatches} dispatches");
        assert!(dispatches <= 72, "{name}: {dispatches} dispatches\n{}", executable.program());
        assert_eq!(after.host_steps, 0, "{name}");
        assert!(after.submits - before.submits <= 1, "{name}: one run is one submission");
    }
}

#[test]
fn the_arena_is_near_the_least_that_is_possible() {
    for backend in devices() {
        let executable = prepare(&*backend);
        for (batch, seq) in [(1, 128), (1, 17), (32, 128)] {
            let report = executable.plan(&sizes(batch, seq)).unwrap();
            let least = peak_of_values(executable.program(), &sizes(batch, seq));
            let place = format!("{batch}x{seq} on {}", backend.info().id());
            println!(
                "{place}: arena {}, peak {}, of values {least}",
                report.arena_bytes, report.peak_live_bytes
            );
            assert!(report.arena_bytes * 4 <= report.peak_live_bytes * 5, "{place}");
            // The bound itself is one: it counts all values, and scratch beside them.
            assert!(report.arena_bytes >= least && report.peak_live_bytes >= least, "{place}");
            let scratch = report.steps.iter().map(|s| s.scratch_bytes).max().unwrap_or(0);
            let padding = 256 * executable.program().values.len() as u64;
            assert!(report.peak_live_bytes <= least + scratch + padding, "{place}: {scratch} scratch");
        }
    }
}

#[test]
fn another_sequence_length_compiles_no_pipeline() {
    let Some(device) = wgpu() else { return };
    let cpu = CpuBackend::new();
    let [on_wgpu, on_cpu] = [prepare(&device), prepare(&cpu)];
    run(&device, &*on_wgpu, 1, 128);
    let pipelines = device.pipelines();
    assert!(pipelines > 0);
    for seq in [96, 61] {
        let (actual, expected) = (run(&device, &*on_wgpu, 1, seq), run(&cpu, &*on_cpu, 1, seq));
        assert_eq!(device.pipelines(), pipelines, "1x{seq} compiled kernels of its own");
        assert_eq!(actual.len(), expected.len());
        let error = actual.iter().zip(&expected).map(|(a, e)| (a - e).abs()).fold(0.0, f32::max);
        assert!(error < 1e-3, "1x{seq}: {error}");
    }
}

#[test]
fn a_hundred_jit_calls_prepare_once() -> hadal::Result<()> {
    for backend in devices() {
        let device = Device::from_backend(backend.clone());
        let weights: Vec<f32> = (0..16).map(|i| i as f32 / 16.0 - 0.5).collect();
        let w = Variable::new("w", &Tensor::new(&device, &weights, [4, 4])?)?;
        let step = jit(&device, |x: &[Tensor]| {
            let y = x[0].matmul(&w.get()?)?.tanh()?;
            w.set(&(w.get()? * 0.5)?)?;
            Ok(vec![y])
        });
        let x = Tensor::new(&device, &[1.0f32, -1.0, 0.5, 2.0], [1, 4])?;
        let first = step.call(&[&x])?[0].to_vec::<f32>()?;
        let prepared = device.stats();
        let mut last = first.clone();
        for _ in 1..100 {
            last = step.call(&[&x])?[0].to_vec::<f32>()?;
        }
        let stats = device.stats();
        assert_eq!((step.stats().traces, step.stats().calls), (1, 100));
        assert_eq!(stats.plans_prepared, prepared.plans_prepared, "{device}");
        assert_eq!(stats.runs - prepared.runs, 99, "{device}");
        assert!(stats.submits <= 100 + prepared.submits, "{device}: {} submits", stats.submits);
        // The weights of the last call are those of the first times 2⁻⁹⁹.
        assert!(first.iter().any(|y| y.abs() > 0.1) && last.iter().all(|y| y.abs() < 1e-20), "{last:?}");
    }
    Ok(())
}

/// Attention of one head, 32 wide, over `tokens`.
fn long_attention(tokens: usize) -> Graph {
    let mut g = Graph::new("long");
    let inputs = ["q", "k", "v"].map(|name| g.input(name, DType::F32, [1, tokens, 32]).unwrap());
    let result = g.apply(Attention { scale: Scalar::Float(0.2), causal: false }, &inputs).unwrap();
    let result = g.project(result, 0).unwrap();
    g.output("y", result);
    g
}

#[test]
fn attention_over_8192_tokens_never_holds_its_scores() {
    const TOKENS: usize = 8192;
    let scores = (TOKENS * TOKENS * 4) as u64;
    for backend in devices() {
        let program = Arc::new(compile(&long_attention(TOKENS), backend.target()).unwrap());
        let executable = pollster::block_on(backend.prepare(program, &hadal_device::Weights::new())).unwrap();
        let report = executable.plan(&Bindings::new()).unwrap();
        let scratch: u64 = report.steps.iter().map(|step| step.scratch_bytes).sum();
        println!("{}: arena {}, scratch {scratch}", backend.info().id(), report.arena_bytes);
        assert!(report.arena_bytes + scratch < scores);
    }
    // The cpu, whose scratch is one per thread, does it.
    let cpu = CpuBackend::new();
    let program = Arc::new(compile(&long_attention(TOKENS), cpu.target()).unwrap());
    let executable = pollster::block_on(cpu.prepare(program, &hadal_device::Weights::new())).unwrap();
    let mut random = Random::new(3);
    let mut noise = || (0..TOKENS * 32).map(|_| random.below(200) as f32 / 100.0 - 1.0).collect::<Vec<f32>>();
    // All values of a column are equal, so any average of them is that value.
    let columns: Vec<f32> = (0..TOKENS * 32).map(|i| (i % 32) as f32).collect();
    let tensors =
        [noise(), noise(), columns.clone()].map(|data| HostTensor::new([1, TOKENS, 32], &data).unwrap());
    let inputs = tensors.map(|tensor| cpu.upload(&tensor).unwrap()).to_vec();
    let results = pollster::block_on(executable.run(Arguments { inputs, ..Arguments::default() })).unwrap();
    let bytes = pollster::block_on(cpu.read(&results.outputs[0])).unwrap();
    let result = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    let error = result.zip(&columns).map(|(a, e)| (a - e).abs()).fold(0.0, f32::max);
    assert!(error < 1e-3, "{error}");
    let scratch: u64 =
        executable.plan(&Bindings::new()).unwrap().steps.iter().map(|step| step.scratch_bytes).sum();
    let peak = cpu.memory_stats().peak + scratch * cpu.threads() as u64;
    println!("cpu: peak {peak} of {scores}");
    assert!(peak < scores, "{peak} bytes");
}

/// `x + x` works on a device.
fn works(device: &Device) -> hadal::Result<()> {
    let x = Tensor::new(device, &[1.0f32, 2.5], [2])?;
    assert_eq!((&x + &x)?.to_vec::<f32>()?, [2.0, 5.0]);
    Ok(())
}

#[test]
fn a_lost_device_is_an_error_and_the_process_goes_on() -> hadal::Result<()> {
    let Some(backend) = wgpu() else { return Ok(()) };
    let device = Device::from_backend(Arc::new(backend.clone()));
    works(&device)?;
    let x = Tensor::new(&device, &[1.0f32; 64], [8, 8])?;
    let pending = x.matmul(&x)?;
    let model = BERT.to(&device)?;
    let ids = Tensor::zeros(&device, [1usize, 4], DType::I64)?;
    backend.destroy();
    let lost = |error: hadal::Error| {
        assert!(
            matches!(&error, hadal::Error::Device(e) if matches!(**e, DeviceError::Lost { .. })),
            "{error}"
        );
    };
    lost(pending.to_vec::<f32>().unwrap_err());
    lost(x.to_vec::<f32>().unwrap_err());
    lost(works(&device).unwrap_err());
    lost(model.run(&[("input_ids", &ids), ("attention_mask", &ids)]).unwrap_err());
    lost(BERT.to(&device).unwrap_err());
    lost(device.synchronize().unwrap_err());
    drop((pending, x, model, ids, device, backend));
    for backend in devices() {
        works(&Device::from_backend(backend))?;
    }
    Ok(())
}

#[test]
fn exhausted_memory_is_an_error_and_the_process_goes_on() -> hadal::Result<()> {
    for backend in devices() {
        let device = Device::from_backend(backend);
        let exhausted = |error: hadal::Error| {
            let device =
                matches!(&error, hadal::Error::Device(e) if matches!(**e, DeviceError::OutOfMemory { .. }));
            assert!(device, "{error}");
        };
        works(&device)?;
        let x = Tensor::new(&device, &vec![1.0f32; 1 << 18], [512, 512])?;
        device.synchronize()?;
        device.set_memory_limit(Some(device.memory_stats().in_use + (256 << 10)));
        exhausted(x.matmul(&x)?.to_vec::<f32>().unwrap_err());
        if device.info().is_some_and(|info| info.backend != "cpu") {
            // The cpu reads weights where they are.
            exhausted(BERT.to(&device).unwrap_err());
        }
        exhausted(
            Tensor::new(&device, &vec![0.0f32; 1 << 18], [1 << 18])
                .and_then(|t| t.to_vec::<f32>())
                .unwrap_err(),
        );
        works(&device)?;
        device.set_memory_limit(None);
        assert_eq!(x.matmul(&x)?.to_vec::<f32>()?, vec![512.0; 1 << 18], "{device}");
    }
    Ok(())
}
