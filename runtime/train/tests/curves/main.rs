//! The first 50 losses of whole trainings, beside those that `make.py` got with PyTorch from the same weights, data, order and optimizer: an
//! MLP, LeNet and a transformer of two layers, each step one traced plan, on cpu and on wgpu.

#[path = "../networks/mod.rs"]
mod networks;

use hadal::nn::{Conv2d, Linear, MaxPool2d, Module, Scope, Weights};
use hadal::optim::{Adam, AdamOptions, AdamW, AdamWOptions, Optimizer};
use hadal::tensor::{ConvOptions, PoolOptions};
use hadal::{Device, HostTensor, Result, Tensor, Variable, jit};
use hadal_data::{Dataset, fashion_mnist, text};
use networks::{Scores, Transformer};
use std::collections::BTreeMap;

const STEPS: usize = 50;
/// Characters of an example of text.
const LENGTH: usize = 64;

#[derive(Module)]
struct Mlp {
    hidden: Linear,
    output: Linear,
}

impl Scores for Mlp {
    fn scores(&self, x: &Tensor) -> Result<Tensor> {
        self.output.forward(&self.hidden.forward(&x.flatten(1, -1)?)?.relu()?)
    }
}

#[derive(Module)]
struct LeNet {
    conv1: Conv2d,
    conv2: Conv2d,
    fc1: Linear,
    fc2: Linear,
    fc3: Linear,
}

impl Scores for LeNet {
    fn scores(&self, x: &Tensor) -> Result<Tensor> {
        let pool = MaxPool2d::new([2, 2], PoolOptions::default());
        let x = pool.forward(&self.conv1.forward(x)?.relu()?)?;
        let x = pool.forward(&self.conv2.forward(&x)?.relu()?)?.flatten(1, -1)?;
        self.fc3.forward(&self.fc2.forward(&self.fc1.forward(&x)?.relu()?)?.relu()?)
    }
}

fn mlp(scope: &Scope) -> Result<Mlp> {
    let hidden = Linear::new(&scope.at("hidden"), 784, 256)?;
    Ok(Mlp { hidden, output: Linear::new(&scope.at("output"), 256, 10)? })
}

fn lenet(scope: &Scope) -> Result<LeNet> {
    let padded = ConvOptions { padding: vec![2], ..ConvOptions::default() };
    Ok(LeNet {
        conv1: Conv2d::new(&scope.at("conv1"), 1, 6, [5, 5], padded)?,
        conv2: Conv2d::new(&scope.at("conv2"), 6, 16, [5, 5], ConvOptions::default())?,
        fc1: Linear::new(&scope.at("fc1"), 400, 120)?,
        fc2: Linear::new(&scope.at("fc2"), 120, 84)?,
        fc3: Linear::new(&scope.at("fc3"), 84, 10)?,
    })
}

fn transformer(scope: &Scope) -> Result<Transformer> {
    Transformer::new(scope, LENGTH, 256)
}

/// The formula of `initial` in `make.py`.
fn initial(name: &str, shape: &[usize]) -> HostTensor {
    let count: usize = shape.iter().product();
    let values: Vec<f32> = if shape.len() == 1 {
        vec![if name.contains("norm") && name.ends_with("weight") { 1.0 } else { 0.0 }; count]
    } else {
        let seed = name.bytes().fold(2166136261, |seed: u32, b| (seed ^ u32::from(b)).wrapping_mul(16777619));
        let bound = ((count / shape[0]) as f64).sqrt();
        let value = |i: u32| {
            let x = seed.wrapping_add(i.wrapping_mul(0x9E37_79B9));
            let x = (x ^ (x >> 16)).wrapping_mul(0x85EB_CA6B);
            let x = (x ^ (x >> 13)).wrapping_mul(0xC2B2_AE35);
            (((f64::from((x ^ (x >> 16)) >> 8) / 8_388_608.0) - 1.0) / bound) as f32
        };
        (0..count as u32).map(value).collect()
    };
    HostTensor::new(shape, &values).expect("one value for each element")
}

/// Batches of inputs and of targets.
type Batches = Vec<(Tensor, Tensor)>;

/// Fashion-MNIST from its first image on, from 0 to 1.
fn images(device: &Device) -> hadal_train::Result<Batches> {
    const BATCH: usize = 64;
    let data = fashion_mnist::load(fashion_mnist::Part::Train)?;
    let batch = |i: usize| {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        for i in i * BATCH..(i + 1) * BATCH {
            let sample = data.get(i, 0)?;
            let field = |name| sample.field(name);
            pixels.extend(
                field("image")?
                    .to_vec::<u8>()
                    .map_err(hadal::Error::from)?
                    .iter()
                    .map(|&p| f32::from(p) / 255.0),
            );
            labels.extend(field("label")?.to_vec::<i32>().map_err(hadal::Error::from)?);
        }
        Ok((Tensor::new(device, &pixels, [BATCH, 1, 28, 28])?, Tensor::new(device, &labels, [BATCH])?))
    };
    (0..STEPS).map(batch).collect()
}

/// The King James text from its start on.
fn characters(device: &Device) -> hadal_train::Result<Batches> {
    const BATCH: usize = 8;
    let text = text::king_james()?;
    let tokens: Vec<i32> = text.bytes().take(STEPS * BATCH * LENGTH + 1).map(i32::from).collect();
    let batch = |i: usize| {
        let part = &tokens[i * BATCH * LENGTH..];
        let x = Tensor::new(device, &part[..BATCH * LENGTH], [BATCH, LENGTH])?;
        Ok((x, Tensor::new(device, &part[1..=BATCH * LENGTH], [BATCH * LENGTH])?))
    };
    (0..STEPS).map(batch).collect()
}

fn curve<M: Scores>(
    device: &Device,
    model: fn(&Scope) -> Result<M>,
    optimizer: fn(&[&Variable]) -> Result<Box<dyn Optimizer>>,
    data: fn(&Device) -> hadal_train::Result<Batches>,
) -> hadal_train::Result<Vec<f32>> {
    let model = model(&Scope::random(device, 0))?;
    let state = model.state_dict()?;
    let start = state.names().map(|name| {
        let shape = state.value(name).map(|value| value.shape().to_vec()).unwrap_or_default();
        (name.to_string(), initial(name, &shape))
    });
    model.load_state_dict(&Weights::from_tensors(start.collect(), device))?;
    let optimizer = optimizer(&model.variables())?;
    let step = jit(device, |batch: &[Tensor]| {
        let loss = model.scores(&batch[0])?.cross_entropy(&batch[1])?.mean(&[])?;
        optimizer.step(loss.backward()?)?;
        Ok(vec![loss])
    });
    data(device)?.iter().map(|(x, y)| Ok(step.call(&[x, y])?[0].item::<f32>()?)).collect()
}

fn devices() -> Vec<Device> {
    let mut devices = vec![Device::open("cpu").expect("a machine has a cpu")];
    match Device::open("wgpu") {
        Ok(device) => devices.push(device),
        Err(error) if std::env::var_os("CI").is_some() => panic!("{error}"),
        Err(error) => eprintln!("wgpu is left out: {error}"),
    }
    devices
}

/// Trains on every device and compares with PyTorch's losses, to 1e-3 of each.
fn compare<M: Scores>(
    name: &str,
    model: fn(&Scope) -> Result<M>,
    optimizer: fn(&[&Variable]) -> Result<Box<dyn Optimizer>>,
    data: fn(&Device) -> hadal_train::Result<Batches>,
) {
    let golden: BTreeMap<String, Vec<f32>> =
        serde_json::from_str(include_str!("curves.json")).expect("make.py writes JSON");
    for device in devices() {
        let losses = curve(&device, model, optimizer, data).expect("the training runs");
        assert_eq!(losses.len(), golden[name].len());
        for (step, (ours, theirs)) in losses.iter().zip(&golden[name]).enumerate() {
            let error = (ours - theirs).abs() / theirs;
            assert!(error <= 1e-3, "{name} on {device:?}, step {step}: {ours}, PyTorch {theirs}");
        }
    }
}

fn adam(variables: &[&Variable]) -> Result<Box<dyn Optimizer>> {
    Ok(Box::new(Adam::new(variables, 1e-3, AdamOptions::default())?))
}

fn adamw(variables: &[&Variable]) -> Result<Box<dyn Optimizer>> {
    let options = AdamWOptions { weight_decay: 0.01, ..AdamWOptions::default() };
    Ok(Box::new(AdamW::new(variables, 1e-3, options)?))
}

#[test]
fn an_mlp_learns_as_with_pytorch() {
    compare("mlp", mlp, adam, images);
}

#[test]
fn lenet_learns_as_with_pytorch() {
    compare("lenet", lenet, adam, images);
}

#[test]
fn a_transformer_learns_as_with_pytorch() {
    compare("transformer", transformer, adamw, characters);
}
