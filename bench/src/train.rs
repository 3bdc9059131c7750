//! Steps of training: the workloads that PyTorch and others are measured with, too (`peers/pytorch_train.py`).

use crate::timing::{median, time};
use hadal::nn::{Conv2d, Linear, MaxPool2d, Module, Scope};
use hadal::optim::{Adam, AdamOptions};
use hadal::tensor::{ConvOptions, PoolOptions};
use hadal::{Device, Tensor, jit};

/// Examples of a batch.
const BATCH: usize = 128;

/// 784-256-10 with ReLU.
#[derive(Module)]
struct Mlp {
    hidden: Linear,
    output: Linear,
}

/// Two convolutions of 5 × 5 with max-pooling, then 400-120-84-10 (LeCun et al., 1998).
#[derive(Module)]
struct LeNet {
    conv1: Conv2d,
    conv2: Conv2d,
    fc1: Linear,
    fc2: Linear,
    fc3: Linear,
}

pub trait Scores: Module {
    fn scores(&self, x: &Tensor) -> hadal::Result<Tensor>;
}

impl Scores for Mlp {
    fn scores(&self, x: &Tensor) -> hadal::Result<Tensor> {
        self.output.forward(&self.hidden.forward(&x.flatten(1, -1)?)?.relu()?)
    }
}

impl Scores for LeNet {
    fn scores(&self, x: &Tensor) -> hadal::Result<Tensor> {
        let pool = MaxPool2d::new([2, 2], PoolOptions::default());
        let x = pool.forward(&self.conv1.forward(x)?.relu()?)?;
        let x = pool.forward(&self.conv2.forward(&x)?.relu()?)?.flatten(1, -1)?;
        self.fc3.forward(&self.fc2.forward(&self.fc1.forward(&x)?.relu()?)?.relu()?)
    }
}

/// `mlp` or LeNet, with random weights.
pub fn network(name: &str, device: &Device) -> anyhow::Result<Box<dyn Scores>> {
    let scope = Scope::random(device, 0);
    Ok(match name {
        "mlp" => Box::new(Mlp {
            hidden: Linear::new(&scope.at("hidden"), 784, 256)?,
            output: Linear::new(&scope.at("output"), 256, 10)?,
        }),
        _ => {
            let padded = ConvOptions { padding: vec![2], ..ConvOptions::default() };
            Box::new(LeNet {
                conv1: Conv2d::new(&scope.at("conv1"), 1, 6, [5, 5], padded)?,
                conv2: Conv2d::new(&scope.at("conv2"), 6, 16, [5, 5], ConvOptions::default())?,
                fc1: Linear::new(&scope.at("fc1"), 400, 120)?,
                fc2: Linear::new(&scope.at("fc2"), 120, 84)?,
                fc3: Linear::new(&scope.at("fc3"), 84, 10)?,
            })
        }
    })
}

pub fn run(model: &str, backend: &str, steps: usize, eager: bool, plan: bool) -> anyhow::Result<()> {
    let device = Device::open(backend)?;
    let model = network(model, &device)?;
    let optimizer = Adam::new(&model.variables(), 1e-3, AdamOptions::default())?;
    let images = Tensor::rand(&device, [BATCH, 1, 28, 28], 1)?;
    let labels: Vec<i64> = (0..BATCH as i64).map(|i| i % 10).collect();
    let labels = Tensor::new(&device, &labels, [BATCH])?;
    images.to_host()?;
    let step = |arguments: &[Tensor]| {
        let loss = model.scores(&arguments[0])?.cross_entropy(&arguments[1])?.mean(&[])?;
        optimizer.step(loss.backward()?)?;
        Ok(vec![loss])
    };
    let traced = jit(&device, step);
    let mut times = Vec::new();
    for i in 0..steps + 3 {
        let took = time(|| {
            match eager {
                true => step(&[images.clone(), labels.clone()])?,
                false => traced.call(&[&images, &labels])?,
            };
            Ok(())
        })?;
        if i >= 3 {
            times.push(took);
        }
    }
    if plan && let Some(plan) = traced.plan() {
        for step in plan?.steps {
            eprintln!(
                "{:>12} flop {:>12} B  {:24} {:?} {}",
                step.flops, step.bytes, step.kernel, step.shape, step.label
            );
        }
    }
    let middle = median(&times);
    println!(
        "{}",
        serde_json::json!({ "engine": "hadal", "backend": backend, "eager": eager, "median_ms": middle, "steps_per_second": 1e3 / middle })
    );
    Ok(())
}
