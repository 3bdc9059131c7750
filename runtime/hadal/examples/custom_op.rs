//! An op with a kernel and a gradient of one's own: a smooth bump, `x · exp(-x²)`.
//!
//! `cargo run --release --example custom_op -- wgpu`

use hadal::{CustomBackward, CustomKernel, DType, Device, Result, Tensor, Variable, custom_gradient, grad};

/// The kernel, and its slope as another kernel.
struct Bump {
    forward: CustomKernel,
    slope: CustomKernel,
}

impl Bump {
    fn new() -> Bump {
        let bump = "fn element(i: u32) -> f32 {
            let x = x0(i);
            return x * exp(-x * x);
        }";
        let slope = "fn element(i: u32) -> f32 {
            let x = x0(i);
            return x1(i) * (1.0 - 2.0 * x * x) * exp(-x * x);
        }";
        Bump {
            forward: CustomKernel::new("bump", bump).on_host(|x, i| {
                let x = x[0].values[i];
                x * (-x * x).exp()
            }),
            slope: CustomKernel::new("bump slope", slope).on_host(|x, i| {
                let (x, d) = (x[0].values[i], x[1].values[i]);
                d * (1.0 - 2.0 * x * x) * (-x * x).exp()
            }),
        }
    }

    fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let shape = x.shape().clone();
        let forward = |x: &[Tensor]| Ok(vec![self.forward.apply(&[&x[0]], DType::F32, shape.clone())?]);
        let backward = |b: &CustomBackward| {
            let operands = [&b.arguments[0], &b.gradients[0]];
            Ok(vec![Some(self.slope.apply(&operands, DType::F32, shape.clone())?)])
        };
        Ok(custom_gradient(&[x], forward, backward)?.remove(0))
    }
}

fn main() -> Result<()> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "auto".into());
    let device = Device::open(&name)?;
    let bump = Bump::new();
    let w = Variable::new("w", &Tensor::new(&device, &[0.2f32, 0.9, -0.4, 2.0], [4])?)?;
    // Climbs to the tops of the bump, ± 1 / √2.
    for step in 0..200 {
        let height = bump.apply(&w.get()?)?.sum(&[])?;
        let slope = grad(&height, &[&w])?.remove(0);
        if step % 50 == 0 {
            println!("{step:3}: {:.4}", height.item::<f32>()?);
        }
        w.set(&(w.get()? + (slope * 0.3)?)?)?;
    }
    println!("{:.4?}", w.get()?.to_vec::<f32>()?);
    Ok(())
}
