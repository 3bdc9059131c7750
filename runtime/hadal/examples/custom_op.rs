//! An op with a kernel and a gradient of one's own, `x · exp(-x²)`: `cargo run --release --example custom_op -- wgpu`.

use hadal::{CustomBackward, CustomKernel, DType, Device, Result, Tensor, Variable, custom_gradient, grad};

const BUMP: &str = "fn element(i: u32) -> f32 { let x = x0(i); return x * exp(-x * x); }";
const SLOPE: &str =
    "fn element(i: u32) -> f32 { let x = x0(i); return x1(i) * (1.0 - 2.0 * x * x) * exp(-x * x); }";

fn main() -> Result<()> {
    let device = Device::open(&std::env::args().nth(1).unwrap_or_else(|| "auto".into()))?;
    // The same for cpu and for tests, in Rust.
    let bump = CustomKernel::new("bump", BUMP).on_host(|x, i| {
        let x = x[0].values[i];
        x * (-x * x).exp()
    });
    let slope = CustomKernel::new("bump slope", SLOPE).on_host(|x, i| {
        let (x, d) = (x[0].values[i], x[1].values[i]);
        d * (1.0 - 2.0 * x * x) * (-x * x).exp()
    });
    let apply = |x: &Tensor| {
        let shape = x.shape().clone();
        let forward = |x: &[Tensor]| Ok(vec![bump.apply(&[&x[0]], DType::F32, shape.clone())?]);
        let backward = |b: &CustomBackward| {
            Ok(vec![Some(slope.apply(&[&b.arguments[0], &b.gradients[0]], DType::F32, shape.clone())?)])
        };
        Ok::<_, hadal::Error>(custom_gradient(&[x], forward, backward)?.remove(0))
    };
    let w = Variable::new("w", &Tensor::new(&device, &[0.2f32, 0.9, -0.4, 2.0], [4])?)?;
    for _ in 0..200 {
        let height = apply(&w.get()?)?.sum(&[])?;
        w.set(&(w.get()? + (grad(&height, &[&w])?.remove(0) * 0.3)?)?)?;
    }
    // The top of the bump is at 1 / √2, and all have climbed it.
    let tops = w.get()?.to_vec::<f32>()?;
    println!("{tops:.4?}");
    assert!(tops.iter().all(|top| (top - 0.5f32.sqrt()).abs() < 1e-3));
    Ok(())
}
