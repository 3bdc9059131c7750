//! What mixed precision does to networks that learn real data: no more than another seed does.

mod networks;

use hadal::amp::{GradScaler, GradScalerOptions, autocast};
use hadal::nn::{Linear, Module, Scope};
use hadal::optim::{Adam, AdamOptions};
use hadal::{DType, Device, Result, Tensor, jit};
use hadal_data::fashion_mnist::{self, Part};
use hadal_data::text;
use networks::{Scores, Transformer};

/// A network and what it learns.
struct Workload<M> {
    model: fn(&Scope) -> Result<M>,
    /// Examples with their labels, a label for each row of scores.
    data: fn(&Device, Part) -> hadal_train::Result<(Tensor, Tensor)>,
    /// Examples of a batch, and how often all are used.
    batch: usize,
    epochs: usize,
    learning_rate: f64,
    /// What every run must reach.
    accuracy: f32,
}

/// 784-64-10 with GELU.
#[derive(Module)]
struct Mlp {
    hidden: Linear,
    output: Linear,
}

impl Scores for Mlp {
    fn scores(&self, x: &Tensor) -> Result<Tensor> {
        let x = (x.to_dtype(DType::F32)?.flatten(1, -1)? / 255.0)?;
        self.output.forward(&self.hidden.forward(&x)?.gelu()?)
    }
}

fn mlp(scope: &Scope) -> Result<Mlp> {
    let hidden = Linear::new(&scope.at("hidden"), 784, 64)?;
    Ok(Mlp { hidden, output: Linear::new(&scope.at("output"), 64, 10)? })
}

/// The first images of a part, and their labels.
fn images(device: &Device, part: Part) -> hadal_train::Result<(Tensor, Tensor)> {
    let count = if part == Part::Train { 4096 } else { 2000 };
    let all = fashion_mnist::load(part)?;
    let tensor = |name: &str| -> hadal_train::Result<Tensor> {
        Ok(Tensor::from_host(device, all.tensor(name).expect("images and labels"))?.narrow(0, 0, count)?)
    };
    Ok((tensor("image")?, tensor("label")?))
}

/// Characters of a line of text.
const LENGTH: usize = 32;

fn transformer(scope: &Scope) -> Result<Transformer> {
    Transformer::new(scope, LENGTH, 128)
}

/// Lines of the King James text and the characters after each of theirs; to test, from its middle.
fn lines(device: &Device, part: Part) -> hadal_train::Result<(Tensor, Tensor)> {
    let (start, count) = if part == Part::Train { (0, 1600) } else { (2_000_000, 200) };
    let text = text::king_james()?;
    let codes: Vec<i32> = text.bytes().skip(start).take(count * LENGTH + 1).map(i32::from).collect();
    let tensor = |from: usize| Tensor::new(device, &codes[from..][..count * LENGTH], [count, LENGTH]);
    Ok((tensor(0)?, tensor(1)?))
}

/// Loss and accuracy on the test part after training in a dtype.
fn train<M: Scores>(work: &Workload<M>, dtype: DType, seed: u64) -> hadal_train::Result<(f32, f32)> {
    let device = Device::open("cpu")?;
    let model = (work.model)(&Scope::random(&device, seed))?;
    let optimizer = Adam::new(&model.variables(), work.learning_rate, AdamOptions::default())?;
    let scaler = GradScaler::new(&device, GradScalerOptions::default())?;
    let step = jit(&device, |xy: &[Tensor]| {
        let loss =
            autocast(dtype, || model.scores(&xy[0])?.cross_entropy(&xy[1].flatten(0, -1)?)?.mean(&[]))?;
        scaler.step(&optimizer, scaler.backward(&loss)?)?;
        Ok(vec![loss])
    });
    let (x, y) = (work.data)(&device, Part::Train)?;
    let examples = x.to_host()?.shape()[0];
    for _ in 0..work.epochs {
        for start in (0..examples).step_by(work.batch) {
            step.call(&[&x.narrow(0, start, work.batch)?, &y.narrow(0, start, work.batch)?])?;
        }
    }
    let (x, y) = (work.data)(&device, Part::Test)?;
    let scores = autocast(dtype, || model.scores(&x))?;
    assert_eq!(scores.dtype(), dtype);
    let y = y.flatten(0, -1)?;
    let loss = scores.to_dtype(DType::F32)?.cross_entropy(&y)?.mean(&[])?.item()?;
    let right = scores.argmax(-1)?.eq(&y.to_dtype(DType::I64)?)?.to_dtype(DType::F32)?.mean(&[])?.item()?;
    Ok((loss, right))
}

/// Three seeds in f32 and three in f16: their means are no further apart than seeds in f32 are.
fn compare<M: Scores>(work: &Workload<M>) -> hadal_train::Result<()> {
    let mut found = Vec::new();
    for dtype in [DType::F32, DType::F16] {
        let runs = (1..4).map(|seed| train(work, dtype, seed)).collect::<hadal_train::Result<Vec<_>>>()?;
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
    assert!(found.iter().flatten().all(|(_, right)| *right > work.accuracy), "nothing was learnt: {found:?}");
    Ok(())
}

/// Whether a test is left out: only where its data is missing, and only at home.
fn left_out(missing: bool) -> bool {
    let left_out = missing && std::env::var_os("CI").is_none();
    if left_out {
        println!("left out: the data is not installed");
    }
    left_out
}

#[test]
fn an_mlp_in_half_precision_is_within_the_noise_of_seeds() -> hadal_train::Result<()> {
    if left_out(fashion_mnist::folder().is_err()) {
        return Ok(());
    }
    compare(&Workload { model: mlp, data: images, batch: 64, epochs: 3, learning_rate: 1e-3, accuracy: 0.78 })
}

#[test]
fn a_transformer_in_half_precision_is_within_the_noise_of_seeds() -> hadal_train::Result<()> {
    if left_out(text::king_james().is_err()) {
        return Ok(());
    }
    compare(&Workload {
        model: transformer,
        data: lines,
        batch: 32,
        epochs: 2,
        learning_rate: 3e-3,
        accuracy: 0.25,
    })
}
