//! A multi-layer perceptron learns which points lie in a disc: `cargo run --release --example mlp`.

use hadal::nn::{Linear, Module, Scope};
use hadal::optim::{Adam, AdamOptions};
use hadal::{DType, Device, Result, Tensor, jit};

fn main() -> Result<()> {
    let device = Device::open("auto")?;
    let scope = Scope::random(&device, 0);
    let model = (Linear::new(&scope.at("hidden"), 2, 64)?, Linear::new(&scope.at("output"), 64, 2)?);
    let scores = |x: &Tensor| model.1.forward(&model.0.forward(x)?.relu()?);
    let adam = Adam::new(&model.variables(), 2e-2, AdamOptions::default())?;
    let points = ((Tensor::rand(&device, [512, 2], 1)? * 2.0)? - 1.0)?;
    let within = points.sqr()?.sum(&[1])?.lt(0.6)?.to_dtype(DType::I64)?;
    let step = jit(&device, |given: &[Tensor]| {
        let loss = scores(&given[0])?.cross_entropy(&given[1])?.mean(&[])?;
        adam.step(loss.backward()?)?;
        Ok(vec![loss])
    });
    for i in 0..=300 {
        let loss = step.call(&[&points, &within])?.remove(0);
        if i % 50 == 0 {
            println!("step {i:3}  loss {:.4}", loss.item::<f32>()?);
        }
    }
    let right = scores(&points)?.argmax(-1)?.eq(&within)?;
    let accuracy = right.to_dtype(DType::F32)?.mean(&[])?.item::<f32>()?;
    println!("accuracy {accuracy:.3}");
    assert!(accuracy > 0.95);
    Ok(())
}
