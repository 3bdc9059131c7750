//! What mixed precision saves of a transformer's memory: four layers, 64 wide, on 64 sequences of 64 tokens.

use hadal::amp::{GradScaler, GradScalerOptions, autocast};
use hadal::optim::{AdamW, AdamWOptions};
use hadal::{DType, Device, Result, Tensor, Variable, jit};

const BATCH: usize = 64;
const LENGTH: usize = 64;
const WIDTH: usize = 64;
const HEADS: usize = 4;
const LAYERS: usize = 4;
const TOKENS: usize = 64;

/// A decoder: norm, causal attention, norm, two dense layers, with residuals.
struct Transformer {
    weights: Vec<(&'static str, usize, Variable)>,
}

impl Transformer {
    fn new(device: &Device) -> Result<Transformer> {
        let mut weights = Vec::new();
        let mut add = |layer: usize, name: &'static str, value: Tensor| {
            weights.push((name, layer, Variable::new(&format!("{layer}.{name}"), &value)?));
            Ok::<(), hadal::Error>(())
        };
        let mut seed = 0;
        let mut random = |shape: [usize; 2]| {
            seed += 1;
            Tensor::randn(device, shape, seed)? * (0.5 / (shape[0] as f64).sqrt())
        };
        add(0, "embedding", random([TOKENS, WIDTH])?)?;
        add(0, "position", random([LENGTH, WIDTH])?)?;
        add(0, "head", random([WIDTH, TOKENS])?)?;
        for layer in 0..LAYERS {
            for (name, shape) in [
                ("qkv", [WIDTH, 3 * WIDTH]),
                ("out", [WIDTH, WIDTH]),
                ("up", [WIDTH, 4 * WIDTH]),
                ("down", [4 * WIDTH, WIDTH]),
            ] {
                add(layer, name, random(shape)?)?;
            }
            for name in ["gain1", "gain2"] {
                add(layer, name, Tensor::ones(device, [WIDTH], DType::F32)?)?;
            }
            for name in ["bias1", "bias2"] {
                add(layer, name, Tensor::zeros(device, [WIDTH], DType::F32)?)?;
            }
        }
        Ok(Transformer { weights })
    }

    fn get(&self, layer: usize, name: &str) -> Result<Tensor> {
        let found = self.weights.iter().find(|(n, l, _)| (*n, *l) == (name, layer));
        found.expect("a weight of the model").2.get()
    }

    fn loss(&self, tokens: &Tensor, targets: &Tensor) -> Result<Tensor> {
        let embedded = self.get(0, "embedding")?.index_select(0, &tokens.flatten(0, -1)?)?;
        let mut x = (embedded.reshape([BATCH, LENGTH, WIDTH])? + self.get(0, "position")?)?;
        for layer in 0..LAYERS {
            let get = |name: &str| self.get(layer, name);
            let normal = x.layer_norm(&get("gain1")?, &get("bias1")?, 1e-5)?;
            let qkv = normal.matmul(&get("qkv")?)?.reshape([BATCH, LENGTH, 3 * HEADS, WIDTH / HEADS])?;
            let heads = qkv.transpose(1, 2)?.split(&[HEADS; 3], 1)?;
            let mixed = heads[0].attention(&heads[1], &heads[2], None, true)?;
            let mixed = mixed.transpose(1, 2)?.reshape([BATCH, LENGTH, WIDTH])?;
            x = (x + mixed.matmul(&get("out")?)?)?;
            let normal = x.layer_norm(&get("gain2")?, &get("bias2")?, 1e-5)?;
            x = (x + normal.matmul(&get("up")?)?.gelu()?.matmul(&get("down")?)?)?;
        }
        let logits = x.matmul(&self.get(0, "head")?)?.reshape([BATCH * LENGTH, TOKENS])?;
        logits.cross_entropy(targets)?.mean(&[])
    }
}

/// Trains a few steps; returns the allocator's high-water mark in bytes, and the last loss.
fn train(dtype: DType) -> Result<(u64, f32)> {
    let device = Device::open("cpu")?;
    let model = Transformer::new(&device)?;
    let variables: Vec<&Variable> = model.weights.iter().map(|(_, _, v)| v).collect();
    let optimizer = AdamW::new(&variables, 1e-3, AdamWOptions::default())?;
    let scaler = GradScaler::new(&device, GradScalerOptions::default())?;
    let step = jit(&device, |xy: &[Tensor]| {
        let loss = autocast(dtype, || model.loss(&xy[0], &xy[1]))?;
        scaler.step(&optimizer, scaler.backward(&loss)?)?;
        Ok(vec![loss])
    });
    let tokens: Vec<i64> = (0..BATCH * LENGTH).map(|i| (i * i / 7 % TOKENS) as i64).collect();
    let targets: Vec<i64> = tokens.iter().cycle().skip(1).take(BATCH * LENGTH).copied().collect();
    let tokens = Tensor::new(&device, &tokens, [BATCH, LENGTH])?;
    let targets = Tensor::new(&device, &targets, [BATCH * LENGTH])?;
    let mut loss = 0.0;
    for _ in 0..4 {
        loss = step.call(&[&tokens, &targets])?[0].item()?;
    }
    Ok((device.memory_stats().peak, loss))
}

#[test]
fn a_transformer_needs_less_memory_in_half_precision() -> Result<()> {
    let (full, loss) = train(DType::F32)?;
    let (half, mixed_loss) = train(DType::F16)?;
    let saved = 1.0 - half as f64 / full as f64;
    println!("{full} bytes in f32, {half} in f16: {:.1} % saved", 100.0 * saved);
    // Activations halve, but for the residual stream and what norms keep of it. Master weights and moments are `F32` in both.
    assert!(saved >= 0.4, "{full} bytes in f32, {half} in f16");
    assert!((mixed_loss - loss).abs() <= 1e-3 * loss, "{mixed_loss}, but {loss} in f32");
    Ok(())
}
