//! Steps of training: the workloads that PyTorch and others are measured with, too (`peers/pytorch_train.py`).

use crate::timing::{median, time};
use hadal::nn::{
    Activation, AttentionMask, AttentionOptions, BatchNorm2d, BatchNormOptions, Conv2d, Dropout, Embedding, Linear,
    MaxPool2d, Module, Rope, Scope, TransformerEncoder, TransformerOptions,
};
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

/// The model of the recipe `fashion-mnist-cnn`.
#[derive(Module)]
struct Cnn {
    conv1: Conv2d,
    norm1: BatchNorm2d,
    conv2: Conv2d,
    norm2: BatchNorm2d,
    hidden: Linear,
    dropout: Dropout,
    output: Linear,
}

/// The model of the recipe `char-transformer`.
#[derive(Module)]
struct Transformer {
    embedding: Embedding,
    blocks: TransformerEncoder,
    output: Linear,
}

/// Characters that the transformer tells apart.
const CHARACTERS: usize = 64;
/// Sequences of a batch, and characters of a sequence.
const TEXT: [usize; 2] = [32, 128];

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

impl Scores for Cnn {
    fn scores(&self, x: &Tensor) -> hadal::Result<Tensor> {
        let pool = MaxPool2d::new([2, 2], PoolOptions::default());
        let x = pool.forward(&self.norm1.forward(&self.conv1.forward(x)?)?.relu()?)?;
        let x = pool.forward(&self.norm2.forward(&self.conv2.forward(&x)?)?.relu()?)?;
        self.output.forward(&self.dropout.forward(&self.hidden.forward(&x.flatten(1, -1)?)?.relu()?)?)
    }
}

impl Scores for Transformer {
    fn scores(&self, x: &Tensor) -> hadal::Result<Tensor> {
        let x = self.embedding.forward(x)?;
        self.output.forward(&self.blocks.forward(&x, &AttentionMask::CAUSAL)?)?.flatten(0, 1)
    }
}

/// The named network, with random weights.
pub fn network(name: &str, device: &Device) -> anyhow::Result<Box<dyn Scores>> {
    let scope = Scope::random(device, 0);
    Ok(match name {
        "mlp" => Box::new(Mlp {
            hidden: Linear::new(&scope.at("hidden"), 784, 256)?,
            output: Linear::new(&scope.at("output"), 256, 10)?,
        }),
        "cnn" => {
            let padded = || ConvOptions { padding: vec![1], ..ConvOptions::default() };
            let norm = |name: &str, channels| BatchNorm2d::new(&scope.at(name), channels, BatchNormOptions::default());
            Box::new(Cnn {
                conv1: Conv2d::without_bias(&scope.at("conv1"), 1, 16, [3, 3], padded())?,
                norm1: norm("norm1", 16)?,
                conv2: Conv2d::without_bias(&scope.at("conv2"), 16, 32, [3, 3], padded())?,
                norm2: norm("norm2", 32)?,
                hidden: Linear::new(&scope.at("hidden"), 32 * 7 * 7, 128)?,
                dropout: Dropout::new(&scope.at("dropout"), 0.25)?,
                output: Linear::new(&scope.at("output"), 128, 10)?,
            })
        }
        "transformer" => {
            let attention = AttentionOptions { heads: 4, rope: Some(Rope::default()), ..AttentionOptions::default() };
            let options = TransformerOptions {
                inner: 512,
                attention,
                dropout: 0.0,
                activation: Activation::Gelu,
                norm_first: true,
                ..TransformerOptions::new(128, 4)
            };
            Box::new(Transformer {
                embedding: Embedding::new(&scope.at("embedding"), CHARACTERS, 128)?,
                blocks: TransformerEncoder::new(&scope.at("blocks"), 4, &options, true)?,
                output: Linear::new(&scope.at("output"), 128, CHARACTERS)?,
            })
        }
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

pub fn run(model: &str, backend: &str, steps: usize, eager: bool, (plan, profile): (bool, bool)) -> anyhow::Result<()> {
    let device = Device::open(backend)?;
    let text = model == "transformer";
    let model = network(model, &device)?;
    let optimizer = Adam::new(&model.variables(), 1e-3, AdamOptions::default())?;
    let numbers = |count: usize, below: i64| (0..count as i64).map(|i| i * i % below).collect::<Vec<_>>();
    let (images, labels) = if text {
        let [sequences, length] = TEXT;
        let characters = numbers(sequences * length, CHARACTERS as i64);
        let input = Tensor::new(&device, &characters, TEXT)?;
        (input, Tensor::new(&device, &characters, [sequences * length])?)
    } else {
        let labels = Tensor::new(&device, &numbers(BATCH, 10), [BATCH])?;
        (Tensor::rand(&device, [BATCH, 1, 28, 28], 1)?, labels)
    };
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
    if profile {
        let calls = || (0..steps).try_for_each(|_| traced.call(&[&images, &labels]).map(drop));
        let ((), profile) = hadal::profiler::profile(&device, calls)?;
        eprintln!("{}", profile.table(hadal::profiler::By::Op, 40));
    }
    let middle = median(&times);
    println!(
        "{}",
        serde_json::json!({ "engine": "hadal", "backend": backend, "eager": eager, "median_ms": middle, "steps_per_second": 1e3 / middle })
    );
    Ok(())
}
