//! What mixed precision does to a network that learns real data: no more than another seed does.

use hadal::amp::{GradScaler, GradScalerOptions, autocast};
use hadal::nn::{Linear, Module, Scope};
use hadal::optim::{Adam, AdamOptions};
use hadal::{DType, Device, Tensor, jit};
use hadal_data::fashion_mnist::{self, Part};
use hadal_data::{Dataset, TensorDataset};

const BATCH: usize = 64;
const IMAGES: usize = 64 * BATCH;
const TESTED: usize = 2000;
const EPOCHS: usize = 3;

/// 784-64-10 with GELU.
#[derive(Module)]
struct Mlp {
    hidden: Linear,
    output: Linear,
}

impl Mlp {
    fn logits(&self, images: &Tensor) -> hadal::Result<Tensor> {
        let x = (images.to_dtype(DType::F32)?.flatten(1, -1)? / 255.0)?;
        self.output.forward(&self.hidden.forward(&x)?.gelu()?)
    }
}

/// The first images of a part, and their labels.
fn data(device: &Device, part: Part, count: usize) -> hadal::Result<(Tensor, Tensor)> {
    let all: TensorDataset = fashion_mnist::load(part).expect("the data set is installed");
    assert!(all.len() >= count);
    let tensor = |name: &str| {
        let host = all.tensor(name).expect("images and labels");
        Tensor::from_host(device, host)?.narrow(0, 0, count)
    };
    Ok((tensor("image")?, tensor("label")?))
}

/// Loss and accuracy on test images after training in a dtype.
fn train(dtype: DType, seed: u64) -> hadal::Result<(f32, f32)> {
    let device = Device::open("cpu")?;
    let scope = Scope::random(&device, seed);
    let mlp = Mlp {
        hidden: Linear::new(&scope.at("hidden"), 784, 64)?,
        output: Linear::new(&scope.at("output"), 64, 10)?,
    };
    let optimizer = Adam::new(&mlp.variables(), 1e-3, AdamOptions::default())?;
    let scaler = GradScaler::new(&device, GradScalerOptions::default())?;
    let step = jit(&device, |xy: &[Tensor]| {
        let loss = autocast(dtype, || mlp.logits(&xy[0])?.cross_entropy(&xy[1])?.mean(&[]))?;
        scaler.step(&optimizer, scaler.backward(&loss)?)?;
        Ok(vec![loss])
    });
    let (images, labels) = data(&device, Part::Train, IMAGES)?;
    for batch in 0..EPOCHS * IMAGES / BATCH {
        let start = batch * BATCH % IMAGES;
        step.call(&[&images.narrow(0, start, BATCH)?, &labels.narrow(0, start, BATCH)?])?;
    }
    let (images, labels) = data(&device, Part::Test, TESTED)?;
    let logits = autocast(dtype, || mlp.logits(&images))?;
    assert_eq!(logits.dtype(), dtype);
    let loss = logits.to_dtype(DType::F32)?.cross_entropy(&labels)?.mean(&[])?.item()?;
    let right =
        logits.argmax(-1)?.eq(&labels.to_dtype(DType::I64)?)?.to_dtype(DType::F32)?.mean(&[])?.item()?;
    Ok((loss, right))
}

#[test]
fn accuracy_in_half_precision_is_within_the_noise_of_seeds() -> hadal::Result<()> {
    if fashion_mnist::folder().is_err() && std::env::var_os("CI").is_none() {
        println!("left out: Fashion-MNIST is not installed");
        return Ok(());
    }
    let mut found = Vec::new();
    for dtype in [DType::F32, DType::F16] {
        let runs = (1..4).map(|seed| train(dtype, seed)).collect::<hadal::Result<Vec<_>>>()?;
        println!("{dtype}: loss and accuracy {runs:?}");
        found.push(runs);
    }
    let column =
        |runs: &[(f32, f32)], which: fn(&(f32, f32)) -> f32| runs.iter().map(which).collect::<Vec<f32>>();
    for (what, which) in [("loss", (|r| r.0) as fn(&(f32, f32)) -> f32), ("accuracy", |r| r.1)] {
        let [full, half] = [column(&found[0], which), column(&found[1], which)];
        let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
        let spread =
            full.iter().copied().fold(f32::MIN, f32::max) - full.iter().copied().fold(f32::MAX, f32::min);
        let gap = (mean(&half) - mean(&full)).abs();
        println!(
            "{what}: {} in f32, {} in f16, {gap} apart; seeds spread by {spread}",
            mean(&full),
            mean(&half)
        );
        assert!(gap <= spread, "{what}: {gap}, but seeds spread by {spread}");
        assert!(gap > 0.0 || what == "accuracy", "{what}: nothing was rounded");
    }
    assert!(found.iter().flatten().all(|(_, right)| *right > 0.78), "nothing was learnt: {found:?}");
    Ok(())
}
