//! A planned training step beside the same step op by op.

use crate::{devices, eager};
use hadal::nn::{Conv2d, LayerNorm, Linear, MaxPool2d, Module, Scope};
use hadal::optim::{Adam, AdamOptions};
use hadal::tensor::{ConvOptions, PoolOptions};
use hadal::{Device, Result, Tensor, jit};
use std::collections::BTreeMap;

/// 784-256-10 with ReLU.
#[derive(Module)]
struct Mlp {
    hidden: Linear,
    output: Linear,
}

/// LeCun et al., 1998, with max-pooling.
#[derive(Module)]
struct LeNet {
    conv1: Conv2d,
    conv2: Conv2d,
    fc1: Linear,
    fc2: Linear,
    fc3: Linear,
}

#[derive(Module)]
struct Layer {
    norm1: LayerNorm,
    qkv: Linear,
    out: Linear,
    norm2: LayerNorm,
    up: Linear,
    down: Linear,
}

/// Two layers, then one score for each class and token.
#[derive(Module)]
struct Transformer {
    first: Layer,
    second: Layer,
    head: Linear,
}

const WIDTH: usize = 32;
const HEADS: usize = 4;
const LENGTH: usize = 32;

impl Layer {
    fn new(scope: &Scope) -> Result<Layer> {
        Ok(Layer {
            norm1: LayerNorm::new(&scope.at("norm1"), WIDTH, 1e-5)?,
            qkv: Linear::new(&scope.at("qkv"), WIDTH, 3 * WIDTH)?,
            out: Linear::new(&scope.at("out"), WIDTH, WIDTH)?,
            norm2: LayerNorm::new(&scope.at("norm2"), WIDTH, 1e-5)?,
            up: Linear::new(&scope.at("up"), WIDTH, 4 * WIDTH)?,
            down: Linear::new(&scope.at("down"), 4 * WIDTH, WIDTH)?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let batch = x.dims()?[0];
        let qkv = self.qkv.forward(&self.norm1.forward(x)?)?;
        let heads = qkv.reshape([batch, LENGTH, 3 * HEADS, WIDTH / HEADS])?.transpose(1, 2)?;
        let heads = heads.split(&[HEADS; 3], 1)?;
        let mixed = heads[0].attention(&heads[1], &heads[2], None, true)?;
        let x = (x + self.out.forward(&mixed.transpose(1, 2)?.reshape([batch, LENGTH, WIDTH])?)?)?;
        let hidden = self.up.forward(&self.norm2.forward(&x)?)?.gelu()?;
        &x + self.down.forward(&hidden)?
    }
}

trait Scores: Module {
    /// One row of scores for each label.
    fn scores(&self, x: &Tensor) -> Result<Tensor>;
}

impl Scores for Mlp {
    fn scores(&self, x: &Tensor) -> Result<Tensor> {
        self.output.forward(&self.hidden.forward(&x.flatten(1, -1)?)?.relu()?)
    }
}

impl Scores for LeNet {
    fn scores(&self, x: &Tensor) -> Result<Tensor> {
        let pool = MaxPool2d::new([2, 2], PoolOptions::default());
        let x = pool.forward(&self.conv1.forward(x)?.relu()?)?;
        let x = pool.forward(&self.conv2.forward(&x)?.relu()?)?.flatten(1, -1)?;
        self.fc3.forward(&self.fc2.forward(&self.fc1.forward(&x)?.relu()?)?.relu()?)
    }
}

impl Scores for Transformer {
    fn scores(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.second.forward(&self.first.forward(x)?)?;
        self.head.forward(&x)?.flatten(0, 1)
    }
}

/// The arena of a step of Adam as one plan, and the most that its tensors hold at a time when it runs op by op.
fn measure(device: &Device, model: &dyn Scores, shape: &[usize]) -> Result<(u64, u64)> {
    let optimizer = Adam::new(&model.variables(), 1e-3, AdamOptions::default())?;
    let x = Tensor::randn(device, shape, 1)?;
    let rows = model.scores(&x)?.dims()?[0];
    let labels: Vec<i64> = (0..rows as i64).map(|i| i % 10).collect();
    let labels = Tensor::new(device, &labels, [rows])?;
    let step = jit(device, |xy: &[Tensor]| {
        let loss = model.scores(&xy[0])?.cross_entropy(&xy[1])?.mean(&[])?;
        optimizer.step(loss.backward()?)?;
        Ok(vec![loss])
    });
    step.call(&[&x, &labels])?;
    // The second step runs as a plan and op by op, from the same values.
    let mut leaves = BTreeMap::new();
    for (number, variable) in step.variables().iter().enumerate() {
        leaves.insert(format!("v{number}"), device.backend()?.upload(&variable.get()?.to_host()?)?);
    }
    for (number, argument) in [&x, &labels].into_iter().enumerate() {
        leaves.insert(format!("a{number}"), device.backend()?.upload(&argument.to_host()?)?);
    }
    let loss = step.call(&[&x, &labels])?[0].item::<f32>()?;
    let graph = step.graph().expect("it was called");
    let alone = eager::run(&**device.backend()?, &graph, &leaves);
    let bytes = pollster::block_on(device.backend()?.read(&alone.outputs[0]))?;
    let expected = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    assert!((loss - expected).abs() <= 1e-4 * expected.abs(), "{loss} as a plan, {expected} op by op");
    Ok((step.plan().expect("it was called")?.arena_bytes, alone.peak))
}

#[test]
fn a_planned_step_needs_a_third_less_than_its_live_tensors() -> Result<()> {
    for (number, device) in devices().into_iter().enumerate() {
        let scope = Scope::random(&device, 0);
        let padded = ConvOptions { padding: vec![2], ..ConvOptions::default() };
        let mlp = Mlp {
            hidden: Linear::new(&scope.at("hidden"), 784, 256)?,
            output: Linear::new(&scope.at("output"), 256, 10)?,
        };
        let lenet = LeNet {
            conv1: Conv2d::new(&scope.at("conv1"), 1, 6, [5, 5], padded)?,
            conv2: Conv2d::new(&scope.at("conv2"), 6, 16, [5, 5], ConvOptions::default())?,
            fc1: Linear::new(&scope.at("fc1"), 400, 120)?,
            fc2: Linear::new(&scope.at("fc2"), 120, 84)?,
            fc3: Linear::new(&scope.at("fc3"), 84, 10)?,
        };
        let transformer = Transformer {
            first: Layer::new(&scope.at("first"))?,
            second: Layer::new(&scope.at("second"))?,
            head: Linear::new(&scope.at("head"), WIDTH, 10)?,
        };
        let models: [(&str, &dyn Scores, Vec<usize>); 3] = [
            ("the MLP", &mlp, vec![128, 1, 28, 28]),
            ("LeNet", &lenet, vec![32, 1, 28, 28]),
            ("the transformer", &transformer, vec![16, LENGTH, WIDTH]),
        ];
        // Op by op is slow on a software GPU: one of them is enough there.
        for (name, model, shape) in models.into_iter().filter(|(name, ..)| number == 0 || *name == "the MLP")
        {
            let (planned, live) = measure(&device, model, &shape)?;
            let share = planned as f64 / live as f64;
            println!(
                "{name} on {device}: arena {planned}, live tensors op by op {live}: {:.0} %",
                100.0 * share
            );
            assert!(share <= 0.7, "{name} on {device}: {planned} of {live}");
        }
    }
    Ok(())
}
