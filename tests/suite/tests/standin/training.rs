//! A small network in training, eagerly and under `jit`, and a loop with a growing cache.

use super::{Open, open};
use hadal::nn::{Dropout, Linear, Scope};
use hadal::optim::{Adam, AdamOptions};
use hadal::{DType, Device, Module, Result, Tensor, jit, while_loop};
use hadal_native::Platform;
use std::sync::Arc;

const STEPS: usize = 60;
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

fn batch(device: &Device, step: usize) -> Result<(Tensor, Tensor)> {
    let targets: Vec<i64> = (0..BATCH).map(|row| ((row + step) % CLASSES) as i64).collect();
    let x: Vec<f32> = (0..BATCH * FEATURES)
        .map(|i| {
            let centre = if (i % FEATURES) as i64 % 3 == targets[i / FEATURES] { 0.5 } else { -0.25 };
            centre + ((i * 37 + step % 8 * 101) % 53) as f32 / 40.0 - 0.66
        })
        .collect();
    Ok((Tensor::new(device, &x, [BATCH, FEATURES])?, Tensor::new(device, &targets, [BATCH])?))
}

fn train(device: &Device, traced: bool) -> Result<Vec<f32>> {
    let mlp = Mlp::new(device)?;
    let options = AdamOptions::default();
    let adam = Adam::new(&mlp.variables(), 0.01, options)?;
    let step = |x: &Tensor, targets: &Tensor| -> Result<Tensor> {
        let loss = mlp.loss(x, targets)?;
        adam.step(loss.backward()?)?;
        Ok(loss)
    };
    let under_jit = jit(device, |args: &[Tensor]| Ok(vec![step(&args[0], &args[1])?]));
    let before = device.stats();
    let mut losses = Vec::with_capacity(STEPS);
    for i in 0..STEPS {
        let (x, targets) = batch(device, i)?;
        losses.push(match traced {
            true => under_jit.call(&[&x, &targets])?[0].item::<f32>()?,
            false => step(&x, &targets)?.item()?,
        });
    }
    let after = device.stats();
    assert_eq!(after.plans_prepared - before.plans_prepared, 1, "one plan serves all steps");
    assert_eq!(after.runs - before.runs, STEPS as u64, "one run a step");
    Ok(losses)
}

/// The losses are those of the cpu.
pub(crate) fn training(platform: &dyn Platform) {
    let Some(Open { backend, standin }) = open(platform) else { return };
    let device = Device::from_backend(Arc::new(backend));
    let expected = train(&Device::open("cpu").unwrap(), false).unwrap();
    assert!(expected[STEPS - 1] < 0.7 * expected[0], "{expected:?}");
    for traced in [false, true] {
        let losses = train(&device, traced).unwrap_or_else(|error| panic!("{error} {}", standin.report()));
        for (step, (loss, expected)) in losses.iter().zip(&expected).enumerate() {
            let tolerance = 1e-4 + 2e-5 * step as f32;
            assert!((loss - expected).abs() <= tolerance, "step {step}: {loss}, but the cpu has {expected}");
        }
    }
    assert_eq!(standin.report(), "");
}

/// A loop that writes one row of a cache per turn and stops at a position that only the device knows.
pub(crate) fn a_loop_grows_its_cache(platform: &dyn Platform) {
    let Some(Open { backend, standin }) = open(platform) else { return };
    let device = Device::from_backend(Arc::new(backend));
    let grow = |length: i32| -> Result<Vec<f32>> {
        let cache = Tensor::zeros(&device, [8, 2], DType::F32)?;
        let weight = Tensor::new(&device, &[2.0f32, 1.0], [1, 2])?;
        let (limit, position) = (Tensor::scalar(&device, length)?, Tensor::scalar(&device, 0i32)?);
        let state = while_loop(
            &[&position, &cache],
            |state| state[0].lt(&limit),
            |state| {
                let row = (state[0].to_dtype(DType::F32)? * &weight)?;
                let cache = state[1].dynamic_update(0, &row, &state[0])?;
                Ok(vec![(&state[0] + 1)?, cache])
            },
        )?;
        state[1].to_vec::<f32>()
    };
    for length in [0i32, 1, 5, 8] {
        let filled = grow(length).unwrap_or_else(|error| panic!("{error} {}", standin.report()));
        let expected = (0..8).flat_map(|i| if i < length { [2.0 * i as f32, i as f32] } else { [0.0, 0.0] });
        assert_eq!(filled, expected.collect::<Vec<f32>>());
    }
}
