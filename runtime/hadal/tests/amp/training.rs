//! A small MLP in mixed precision learns as it does in `F32`.

use crate::devices;
use hadal::amp::{GradScaler, GradScalerOptions, PrecisionSelector, autocast};
use hadal::optim::{Adam, AdamOptions};
use hadal::{DType, Device, Result, Tensor, Variable, jit};

struct Mlp {
    layers: Vec<(Variable, Variable)>,
}

impl Mlp {
    fn new(device: &Device) -> Result<Mlp> {
        let mut layers = Vec::new();
        for (i, [inputs, outputs]) in [[8usize, 32], [32, 32], [32, 4]].into_iter().enumerate() {
            let weight =
                (Tensor::randn(device, [inputs, outputs], i as u64)? * (1.0 / inputs as f64).sqrt())?;
            let bias = Tensor::zeros(device, [outputs], DType::F32)?;
            layers.push((
                Variable::new(&format!("{i}.weight"), &weight)?,
                Variable::new(&format!("{i}.bias"), &bias)?,
            ));
        }
        Ok(Mlp { layers })
    }

    fn variables(&self) -> Vec<&Variable> {
        self.layers.iter().flat_map(|(w, b)| [w, b]).collect()
    }

    fn logits(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = x.clone();
        for (i, (w, b)) in self.layers.iter().enumerate() {
            x = (x.matmul(&w.get()?)? + b.get()?)?;
            if i + 1 < self.layers.len() {
                x = x.gelu()?;
            }
        }
        Ok(x)
    }
}

/// Points, and which of four directions each lies nearest to.
fn data(device: &Device) -> Result<(Tensor, Tensor)> {
    let x = Tensor::randn(device, [256, 8], 11)?;
    let y = x.matmul(&Tensor::randn(device, [8, 4], 12)?)?.argmax(-1)?;
    Ok((x, y))
}

/// The loss and the accuracy after training in a dtype.
fn train(device: &Device, dtype: DType, traced: bool) -> Result<(f32, f32)> {
    let (x, y) = data(device)?;
    let mlp = Mlp::new(device)?;
    let adam = Adam::new(&mlp.variables(), 0.01, AdamOptions::default())?;
    let scaler = GradScaler::new(device, GradScalerOptions { growth_interval: 20, ..Default::default() })?;
    let step = |x: &Tensor, y: &Tensor| {
        let loss = autocast(dtype, || mlp.logits(x)?.cross_entropy(y)?.mean(&[]))?;
        assert_eq!(loss.dtype(), DType::F32);
        scaler.step(&adam, scaler.backward(&loss)?)?;
        Ok(vec![loss])
    };
    let compiled = jit(device, |xy: &[Tensor]| step(&xy[0], &xy[1]));
    for _ in 0..60 {
        if traced { drop(compiled.call(&[&x, &y])?) } else { drop(step(&x, &y)?) }
    }
    let logits = autocast(dtype, || mlp.logits(&x))?;
    assert_eq!(logits.dtype(), dtype);
    let loss = logits.to_dtype(DType::F32)?.cross_entropy(&y)?.mean(&[])?.item()?;
    let right = logits.argmax(-1)?.eq(&y)?.to_dtype(DType::F32)?.mean(&[])?.item()?;
    Ok((loss, right))
}

#[test]
fn an_mlp_learns_as_well_in_half_precision() -> Result<()> {
    for device in devices() {
        // The reference is slow, and its halves are those of the others.
        if device.to_string().starts_with("reference") {
            continue;
        }
        let (loss, right) = train(&device, DType::F32, true)?;
        assert!(right > 0.95, "{device}: {right}");
        for (half, tolerance) in [(DType::F16, 0.03), (DType::BF16, 0.15)] {
            for traced in [false, true] {
                let (mixed, mixed_right) = train(&device, half, traced)?;
                let what = format!("{half} on {device}, traced: {traced}");
                assert!((mixed - loss).abs() <= tolerance * loss, "{what}: loss {mixed}, but {loss} in f32");
                assert!((mixed_right - right).abs() <= 0.02, "{what}: {mixed_right}, but {right} in f32");
            }
        }
    }
    Ok(())
}

/// Without a scale, gradients of 2^-30 are zero in `F16`; with one they arrive.
#[test]
fn the_scale_keeps_small_gradients() -> Result<()> {
    for device in devices() {
        let w = Variable::new("w", &Tensor::ones(&device, [4, 4], DType::F32)?)?;
        let x = Tensor::ones(&device, [2, 4], DType::F32)?;
        let loss =
            || autocast(DType::F16, || x.matmul(&w.get()?)?.to_dtype(DType::F32)?.sum(&[])? * 2f64.powi(-30));
        let largest = |g: &hadal::Gradients| g.get(&w).expect("a gradient").abs()?.max(&[])?.item::<f32>();
        assert_eq!(largest(&loss()?.backward()?)?, 0.0, "{device}");
        let scaler = GradScaler::new(&device, GradScalerOptions::default())?;
        let unscaled = scaler.unscale(scaler.backward(&loss()?)?)?;
        assert_eq!(largest(&unscaled.gradients)?, 2f32.powi(-29), "{device}");
        assert!(!unscaled.overflow().to_bools()?[0]);
        // BF16 has the range for it.
        let selector = PrecisionSelector::new(&[&w], DType::BF16)?;
        let wide =
            selector.autocast(|| x.matmul(&w.get()?)?.to_dtype(DType::F32)?.sum(&[])? * 2f64.powi(-30))?;
        assert_eq!(largest(&wide.backward()?)?, 2f32.powi(-29), "{device}");
    }
    Ok(())
}
