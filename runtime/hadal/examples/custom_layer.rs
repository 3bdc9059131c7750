//! A layer of one's own with a gradient of its own: weights are -1 or 1 forward, and learn as if they were not rounded.
//! `cargo run --release --example custom_layer`

use hadal::nn::{Init, Module, Parameter, Scope};
use hadal::optim::{Adam, AdamOptions};
use hadal::{CustomBackward, Device, Result, Tensor, custom_gradient, jit};

#[derive(Module)]
struct BinaryLinear {
    weight: Parameter,
}

impl BinaryLinear {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let straight_through = |b: &CustomBackward| Ok(vec![Some(b.gradients[0].clone())]);
        let signs = custom_gradient(&[&self.weight.get()?], |w| Ok(vec![w[0].sign()?]), straight_through)?;
        x.matmul(&signs[0])
    }
}

fn main() -> Result<()> {
    let device = Device::open("auto")?;
    let init = Init::Normal { mean: 0.0, deviation: 0.1 };
    let weight = |seed| Scope::random(&device, seed).parameter("weight", [16, 4], init);
    let (model, teacher) = (BinaryLinear { weight: weight(0)? }, BinaryLinear { weight: weight(1)? });
    let adam = Adam::new(&model.variables(), 1e-2, AdamOptions::default())?;
    let step = jit(&device, |given: &[Tensor]| {
        let loss = (model.forward(&given[0])? - &given[1])?.sqr()?.mean(&[])?;
        adam.step(loss.backward()?)?;
        Ok(vec![loss])
    });
    let mut last = f32::NAN;
    for seed in 0..200 {
        let x = Tensor::randn(&device, [64, 16], seed)?;
        last = step.call(&[&x, &teacher.forward(&x)?])?[0].item::<f32>()?;
    }
    println!("loss {last} after 200 steps");
    assert_eq!(last, 0.0, "all signs are the teacher's");
    Ok(())
}
