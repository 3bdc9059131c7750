//! What tracing saves: the same function called eagerly and under `jit`.

use crate::timing::{median, time};
use crate::train::network;
use hadal::optim::{Adam, AdamOptions};
use hadal::{Device, Result, Tensor, jit};

pub fn run(backend: &str, rounds: usize) -> anyhow::Result<()> {
    let device = Device::open(backend)?;
    for name in ["mlp", "lenet"] {
        let model = network(name, &device)?;
        for batch in [1, 8, 128] {
            let infer = |arguments: &[Tensor]| Ok(vec![model.scores(&arguments[0])?]);
            compare(&device, name, "inference", batch, rounds, infer)?;
        }
        for batch in [8, 128] {
            let optimizer = Adam::new(&model.variables(), 1e-3, AdamOptions::default())?;
            let step = |arguments: &[Tensor]| {
                let loss = model.scores(&arguments[0])?.cross_entropy(&arguments[1])?.mean(&[])?;
                optimizer.step(loss.backward()?)?;
                Ok(vec![loss])
            };
            compare(&device, name, "training step", batch, rounds, step)?;
        }
    }
    Ok(())
}

/// Times `f` on a batch of images and labels, to the result on the host.
fn compare(
    device: &Device,
    model: &str,
    what: &str,
    batch: usize,
    rounds: usize,
    f: impl Fn(&[Tensor]) -> Result<Vec<Tensor>>,
) -> anyhow::Result<()> {
    let labels: Vec<i64> = (0..batch as i64).map(|i| i % 10).collect();
    let arguments = [Tensor::rand(device, [batch, 1, 28, 28], 1)?, Tensor::new(device, &labels, [batch])?];
    arguments[0].to_host()?;
    let traced = jit(device, &f);
    let (mut eager, mut jitted, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds + 3 {
        let e = time(|| Ok(f(&arguments)?[0].to_host()?))?;
        let j = time(|| Ok(traced.call(&[&arguments[0], &arguments[1]])?[0].to_host()?))?;
        if round >= 3 {
            eager.push(e);
            jitted.push(j);
            ratios.push(e / j);
        }
    }
    let line = serde_json::json!({
        "model": model, "what": what, "batch": batch, "eager_ms": median(&eager), "jit_ms": median(&jitted), "ratio": median(&ratios),
    });
    println!("{line}");
    Ok(())
}
