//! Loss scaling: a step with infinite gradients is skipped, and nothing is read to know it.

use crate::counting::counting;
use crate::devices;
use hadal::amp::{GradScaler, GradScalerOptions};
use hadal::optim::*;
use hadal::{DType, Device, Result, Tensor, Variable, jit};
use std::sync::atomic::Ordering;

struct Run {
    w: Variable,
    optimizer: Box<dyn Optimizer>,
    scaler: GradScaler,
}

impl Run {
    fn new(device: &Device, options: GradScalerOptions) -> Result<Run> {
        let w = Variable::new("w", &Tensor::new(device, &[1.0f32, -2.0, 0.5], [3])?)?;
        let optimizer = Box::new(Adam::new(&[&w], 0.01, AdamOptions::default())?);
        Ok(Run { scaler: GradScaler::new(device, options)?, w, optimizer })
    }

    fn step(&self, x: &Tensor) -> Result<Tensor> {
        let loss = (self.w.get()?.sqr()? * x)?.sum(&[])?;
        let mut unscaled = self.scaler.unscale(self.scaler.backward(&loss)?)?;
        clip_grad_norm_(&mut unscaled.gradients, 10.0)?;
        self.scaler.step_unscaled(&*self.optimizer, unscaled)?;
        Ok(loss)
    }

    /// Trains on one batch after another.
    fn train(&self, batches: &[Tensor], traced: bool) -> Result<()> {
        let step = jit(batches[0].device(), |x: &[Tensor]| Ok(vec![self.step(&x[0])?]));
        for x in batches {
            if traced { drop(step.call(&[x])?) } else { drop(self.step(x)?) }
        }
        Ok(())
    }

    fn scale(&self) -> Result<f32> {
        self.scaler.scale()?.item()
    }

    fn state(&self) -> Result<Vec<Vec<u8>>> {
        let state = self.optimizer.state();
        let all = state.iter().map(|(_, v)| *v).chain([&self.w]);
        all.map(|v| Ok(v.get()?.to_host()?.bytes().to_vec())).collect()
    }
}

fn batches(device: &Device, planted: Option<(usize, f32)>) -> Result<Vec<Tensor>> {
    let batch = |i: usize| {
        let mut x = [0.5 + i as f32, 1.0, 2.0 - i as f32];
        if let Some((_, value)) = planted.filter(|(at, _)| *at == i) {
            x[1] = value;
        }
        Tensor::new(device, &x, [3])
    };
    (0..6).map(batch).collect()
}

#[test]
fn an_injected_infinity_skips_one_step_and_halves_the_scale() -> Result<()> {
    for device in devices() {
        for traced in [false, true] {
            for planted in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
                let what = format!("{planted} on {device}, traced: {traced}");
                let (options, bad) = (GradScalerOptions::default(), 3);
                let run = Run::new(&device, options)?;
                run.train(&batches(&device, Some((bad, planted)))?, traced)?;
                assert_eq!(run.scale()?, 32768.0, "{what}");
                assert_eq!(run.scaler.skipped()?.item::<i32>()?, 1, "{what}");
                // As if that batch had never been there: weights, moments and step count.
                let without = Run::new(&device, options)?;
                let mut batches = batches(&device, None)?;
                batches.remove(bad);
                without.train(&batches, traced)?;
                assert!(run.state()? == without.state()?, "{what}: the skipped step left a trace");
            }
        }
    }
    Ok(())
}

#[test]
fn the_scale_does_not_change_finite_steps() -> Result<()> {
    for device in devices() {
        let (scaled, plain) = (
            Run::new(&device, GradScalerOptions::default())?,
            Run::new(&device, GradScalerOptions::default())?,
        );
        let batches = batches(&device, None)?;
        scaled.train(&batches, false)?;
        for x in &batches {
            let mut gradients = (plain.w.get()?.sqr()? * x)?.sum(&[])?.backward()?;
            clip_grad_norm_(&mut gradients, 10.0)?;
            plain.optimizer.step(gradients)?;
        }
        assert!(scaled.state()? == plain.state()?, "{device}: powers of two are exact");
    }
    Ok(())
}

#[test]
fn the_scale_grows_after_good_steps_in_a_row() -> Result<()> {
    for device in devices() {
        for traced in [false, true] {
            let options = GradScalerOptions { scale: 8.0, growth_interval: 2, ..Default::default() };
            let run = Run::new(&device, options)?;
            let good = batches(&device, None)?;
            let bad = &batches(&device, Some((0, f32::INFINITY)))?[0];
            let mut scales = Vec::new();
            for x in [&good[0], &good[1], &good[2], bad, &good[3], &good[4], &good[5]] {
                run.train(std::slice::from_ref(x), traced)?;
                scales.push(run.scale()?);
            }
            // The infinity starts the count again.
            assert_eq!(scales, [8.0, 16.0, 16.0, 8.0, 8.0, 16.0, 16.0], "{device}, traced: {traced}");
        }
    }
    Ok(())
}

#[test]
fn no_step_reads_anything_back() -> Result<()> {
    for device in devices() {
        let (device, reads) = counting(&device);
        for traced in [false, true] {
            let run = Run::new(&device, GradScalerOptions::default())?;
            let batches = batches(&device, Some((2, f32::INFINITY)))?;
            let before = device.stats();
            run.train(&batches, traced)?;
            assert_eq!(reads.load(Ordering::Relaxed), 0, "{device}, traced: {traced}");
            let after = device.stats();
            assert_eq!(after.runs - before.runs, batches.len() as u64, "{device}: one run a step");
            assert_eq!(
                after.plans_prepared - before.plans_prepared,
                1,
                "{device}: one plan for good and bad steps"
            );
        }
    }
    Ok(())
}

#[test]
fn the_scalers_state_is_saved() -> Result<()> {
    let device = crate::reference::reference();
    let options = GradScalerOptions { growth_interval: 4, ..Default::default() };
    let (first, second) = (Run::new(&device, options)?, Run::new(&device, options)?);
    first.train(&batches(&device, Some((0, f32::NAN)))?[..3], false)?;
    second.scaler.load_state_dict(&first.scaler.state_dict()?)?;
    second.train(&batches(&device, None)?[..2], false)?;
    assert_eq!(second.scale()?, 65536.0, "two good steps before and two after");
    assert_eq!(second.scaler.skipped()?.item::<i32>()?, 1);
    for wrong in [
        GradScalerOptions { scale: 0.0, ..options },
        GradScalerOptions { backoff: 1.5, ..options },
        GradScalerOptions { growth: 0.5, ..options },
        GradScalerOptions { growth_interval: 0, ..options },
    ] {
        assert!(GradScaler::new(&device, wrong).is_err(), "{wrong:?}");
    }
    Ok(())
}

/// Weights that are halves themselves have masters that a skipped step must leave alone too.
#[test]
fn half_weights_and_their_masters_are_skipped_together() -> Result<()> {
    for device in devices() {
        let w = Variable::new("w", &Tensor::ones(&device, [2], DType::F16)?)?;
        let sgd = Sgd::new(&[&w], 1e-3, SgdOptions::momentum(0.9))?;
        let scaler = GradScaler::new(&device, GradScalerOptions { scale: 1024.0, ..Default::default() })?;
        let before = sgd.state_dict()?;
        let loss = (w.get()?.to_dtype(DType::F32)? * f64::from(f32::MAX))?.sum(&[])?;
        scaler.step(&sgd, scaler.backward(&loss)?)?;
        let after = sgd.state_dict()?;
        for name in before.names() {
            assert_eq!(before.value(name), after.value(name), "{name} on {device}");
        }
        assert_eq!(w.get()?.to_dtype(DType::F32)?.to_vec::<f32>()?, [1.0, 1.0]);
        assert_eq!(scaler.scale()?.item::<f32>()?, 512.0);
    }
    Ok(())
}
