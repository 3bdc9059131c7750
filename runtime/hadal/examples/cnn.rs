//! A convolutional network tells horizontal bars from vertical ones: `cargo run --release --example cnn`.

use hadal::nn::{Conv2d, Linear, Module, Scope};
use hadal::optim::{AdamW, AdamWOptions};
use hadal::tensor::{ConvOptions, PoolOptions};
use hadal::{DType, Device, Result, Tensor, jit};

/// 256 images of 12 × 12 with much noise and a bar somewhere, and whether it is vertical.
fn bars(device: &Device, seed: u64) -> Result<(Tensor, Tensor)> {
    let at = |i: usize, row: usize, column: usize| if i % 2 == 1 { column } else { row } == i / 2 % 12;
    let pixel = |n: usize| f32::from(at(n / 144, n / 12 % 12, n % 12));
    let images = Tensor::new(device, &(0..256 * 144).map(pixel).collect::<Vec<f32>>(), [256, 1, 12, 12])?;
    let noise = (Tensor::randn(device, [256, 1, 12, 12], seed)? * 0.6)?;
    Ok(((images + noise)?, Tensor::from_vec(device, (0..256i64).map(|i| i % 2).collect())?))
}

fn main() -> Result<()> {
    let (device, options) = (Device::open("auto")?, ConvOptions::default());
    let scope = Scope::random(&device, 0);
    let convolution = Conv2d::new(&scope.at("convolution"), 1, 8, [5, 5], options)?;
    let model = (convolution, Linear::new(&scope.at("output"), 8, 2)?);
    let scores = |x: &Tensor| {
        let features = model.0.forward(x)?.relu()?.max_pool(&[8, 8], &PoolOptions::default())?;
        model.1.forward(&features.flatten(1, -1)?)
    };
    let adam = AdamW::new(&model.variables(), 1e-2, AdamWOptions::default())?;
    let step = jit(&device, |given: &[Tensor]| {
        adam.step(scores(&given[0])?.cross_entropy(&given[1])?.mean(&[])?.backward()?)?;
        Ok(vec![])
    });
    for seed in 1..=100 {
        let (images, labels) = bars(&device, seed)?;
        step.call(&[&images, &labels])?;
    }
    let (images, labels) = bars(&device, 0)?;
    let right = scores(&images)?.argmax(-1)?.eq(&labels)?.to_dtype(DType::F32)?.mean(&[])?.item::<f32>()?;
    println!("accuracy on images that it has not seen: {right:.3}");
    assert!(right > 0.9);
    Ok(())
}
