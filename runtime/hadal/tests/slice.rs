//! The slice that proves the design: an MLP in training, eagerly and under `jit`, on every device, and a loop with a growing cache.

mod reference;

use hadal::nn::{Dropout, Linear, Scope};
use hadal::optim::{Adam, AdamOptions, Cosine, Schedule, Warmup};
use hadal::{DType, Device, Module, Result, Tensor, jit, while_loop};
use reference::reference;

const STEPS: usize = 200;
const BATCH: usize = 16;
const FEATURES: usize = 10;
const CLASSES: usize = 3;

#[derive(Module)]
struct Mlp {
    hidden: Linear,
    dropout: Dropout,
    output: Linear,
}

impl Mlp {
    fn new(device: &Device) -> Result<Mlp> {
        let scope = Scope::random(device, 1);
        Ok(Mlp {
            hidden: Linear::new(&scope.at("hidden"), FEATURES, 32)?,
            dropout: Dropout::new(&scope.at("dropout"), 0.1)?,
            output: Linear::new(&scope.at("output"), 32, CLASSES)?,
        })
    }

    fn loss(&self, x: &Tensor, targets: &Tensor) -> Result<Tensor> {
        let hidden = self.dropout.forward(&self.hidden.forward(x)?.gelu()?)?;
        self.output.forward(&hidden)?.cross_entropy(targets)?.mean(&[])
    }
}

/// Points in three overlapping clouds, the same on every machine.
fn batch(device: &Device, step: usize) -> Result<(Tensor, Tensor)> {
    let mut state = 1 + step as u64 % 8;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    let targets: Vec<i64> = (0..BATCH).map(|row| ((row + step) % CLASSES) as i64).collect();
    let mut x = Vec::new();
    for target in &targets {
        for feature in 0..FEATURES {
            let centre = if feature as i64 % 3 == *target { 0.5 } else { -0.25 };
            x.push(centre + 2.0 * next());
        }
    }
    Ok((Tensor::new(device, &x, [BATCH, FEATURES])?, Tensor::new(device, &targets, [BATCH])?))
}

fn schedule() -> Warmup<Cosine> {
    Warmup { steps: 10, from: 0.0, then: Cosine { base: 0.01, last: 0.0001, steps: STEPS - 10 } }
}

/// What a training run showed.
struct Shown {
    losses: Vec<f32>,
    plans: u64,
    submits: u64,
    runs: u64,
    buffers: Vec<u64>,
    bytes: Vec<u64>,
    nodes: Vec<u64>,
}

fn observe(device: &Device, mut step: impl FnMut(usize) -> Result<f32>) -> Result<Shown> {
    let before = device.stats();
    let (mut losses, mut buffers, mut bytes, mut nodes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for i in 0..STEPS {
        losses.push(step(i)?);
        buffers.push(device.memory_stats().buffers);
        bytes.push(device.memory_stats().in_use);
        nodes.push(device.stats().live_nodes);
    }
    let after = device.stats();
    Ok(Shown {
        losses,
        plans: after.plans_prepared - before.plans_prepared,
        submits: after.submits - before.submits,
        runs: after.runs - before.runs,
        buffers,
        bytes,
        nodes,
    })
}

fn train_eagerly(device: &Device) -> Result<Shown> {
    let mlp = Mlp::new(device)?;
    let adam = Adam::new(&mlp.variables(), 0.0, AdamOptions::default())?;
    observe(device, |step| {
        let (x, targets) = batch(device, step)?;
        adam.set_learning_rate(schedule().at(step))?;
        let loss = mlp.loss(&x, &targets)?;
        adam.step(loss.backward()?)?;
        loss.item()
    })
}

fn train_traced(device: &Device) -> Result<Shown> {
    let mlp = Mlp::new(device)?;
    let adam = Adam::new(&mlp.variables(), 0.0, AdamOptions::default())?;
    let train = jit(device, |args: &[Tensor]| {
        let loss = mlp.loss(&args[0], &args[1])?;
        adam.step(loss.backward()?)?;
        Ok(vec![loss])
    });
    let shown = observe(device, |step| {
        let (x, targets) = batch(device, step)?;
        adam.set_learning_rate(schedule().at(step))?;
        train.call(&[&x, &targets])?[0].item()
    })?;
    assert_eq!(train.stats().traces, 1);
    assert_eq!(train.stats().calls, STEPS as u64);
    Ok(shown)
}

fn check(name: &str, shown: &Shown, expected: &[f32], counts_submits: bool) {
    assert_eq!(shown.plans, 1, "{name}: one plan serves all steps");
    assert_eq!(shown.runs, STEPS as u64, "{name}: one run a step");
    if counts_submits {
        assert_eq!(shown.submits, STEPS as u64, "{name}: one submit a step");
    }
    let settled = |counts: &[u64]| counts[10..].iter().max() <= counts[..10].iter().max();
    assert!(settled(&shown.buffers), "{name}: buffers grow: {:?}", shown.buffers);
    assert!(settled(&shown.bytes), "{name}: memory grows: {:?}", shown.bytes);
    assert!(settled(&shown.nodes), "{name}: live nodes grow: {:?}", shown.nodes);
    let first: f32 = shown.losses[..8].iter().sum::<f32>() / 8.0;
    let last: f32 = shown.losses[STEPS - 8..].iter().sum::<f32>() / 8.0;
    assert!(last < 0.5 * first, "{name}: the loss went from {first} to {last}");
    // Rounding grows as training goes on: one part in 10⁴ at first, a few in 10³ after 200 steps.
    for (step, (a, b)) in shown.losses.iter().zip(expected).enumerate() {
        let tolerance = 1e-4 + 2e-5 * step as f32;
        assert!((a - b).abs() <= tolerance, "{name}, step {step}: {a}, but the reference has {b}");
    }
}

#[test]
fn training_agrees_eagerly_and_traced_on_every_device() -> Result<()> {
    let exact = train_eagerly(&reference())?;
    check("reference, eagerly", &exact, &exact.losses, false);
    check("reference, traced", &train_traced(&reference())?, &exact.losses, false);
    #[cfg(feature = "cpu")]
    {
        check("cpu, eagerly", &train_eagerly(&Device::open("cpu")?)?, &exact.losses, false);
        check("cpu, traced", &train_traced(&Device::open("cpu")?)?, &exact.losses, false);
    }
    #[cfg(feature = "wgpu")]
    if let Some(device) = gpu() {
        check("wgpu, eagerly", &train_eagerly(&device)?, &exact.losses, true);
        check("wgpu, traced", &train_traced(&device)?, &exact.losses, true);
    }
    Ok(())
}

/// A loop that writes one row of a cache per turn and stops at a position that only the device knows.
fn grow(device: &Device) -> Result<()> {
    let cache = Tensor::zeros(device, [8, 2], DType::F32)?;
    let weight = Tensor::new(device, &[2.0f32, 1.0], [1, 2])?;
    for length in [0i32, 1, 5, 8] {
        let limit = Tensor::scalar(device, length)?;
        let position = Tensor::scalar(device, 0i32)?;
        let state = while_loop(
            &[&position, &cache],
            |state| state[0].lt(&limit),
            |state| {
                let row = (state[0].to_dtype(DType::F32)? * &weight)?;
                let cache = state[1].dynamic_update(0, &row, &state[0])?;
                Ok(vec![(&state[0] + 1)?, cache])
            },
        )?;
        let filled = state[1].to_vec::<f32>()?;
        let expected: Vec<f32> =
            (0..8).flat_map(|i| if i < length { [2.0 * i as f32, i as f32] } else { [0.0, 0.0] }).collect();
        assert_eq!(filled, expected, "on {device}");
        assert_eq!(state[0].item::<i32>()?, length);
    }
    assert_eq!(device.stats().plans_prepared, 2, "{device}: the limit is run-time data");
    Ok(())
}

#[test]
fn a_loop_grows_its_cache_on_every_device() -> Result<()> {
    grow(&reference())?;
    #[cfg(feature = "cpu")]
    grow(&Device::open("cpu")?)?;
    #[cfg(feature = "wgpu")]
    if let Some(device) = gpu() {
        grow(&device)?;
    }
    Ok(())
}

/// The first adapter. Where tests must not pass without one, `CI` is set.
#[cfg(feature = "wgpu")]
fn gpu() -> Option<Device> {
    match Device::open("wgpu") {
        Ok(device) => Some(device),
        Err(error) if std::env::var_os("CI").is_some() => panic!("{error}"),
        Err(error) => {
            eprintln!("wgpu is left out: {error}");
            None
        }
    }
}
