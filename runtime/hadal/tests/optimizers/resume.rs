//! What is saved and restored goes on as if nothing had happened, bit for bit.

use crate::model::Model;
use crate::traces::{rate, rows};
use hadal::formats::{SafeTensors, safetensors};
use hadal::graph::Bytes;
use hadal::nn::Weights;
use hadal::optim::*;
use hadal::{DType, Device, HostTensor, Result, Tensor, Variable, jit};
use std::collections::BTreeMap;

const STEPS: usize = 9;

/// A model in training, with everything around it that has state.
struct Run {
    model: Model,
    optimizer: Box<dyn Optimizer>,
    ema: Ema,
}

impl Run {
    fn new(device: &Device, make: fn(&Model) -> Result<Box<dyn Optimizer>>) -> Result<Run> {
        let model = Model::new(device)?;
        Ok(Run { optimizer: make(&model)?, ema: Ema::new(&model.variables(), 0.9)?.warm_up(), model })
    }

    /// Trains from one step to another; returns the bits of the losses.
    fn train(&self, steps: std::ops::Range<usize>, traced: bool) -> Result<Vec<u32>> {
        let step = |x: &Tensor, y: &Tensor| {
            let loss = self.model.loss(x, y)?;
            self.optimizer.step(loss.backward()?)?;
            self.ema.update()?;
            Ok(vec![loss])
        };
        let (x, y) = (&self.model.x, &self.model.y);
        let compiled = jit(x.device(), |xy: &[Tensor]| step(&xy[0], &xy[1]));
        let mut losses = Vec::new();
        for i in steps {
            self.optimizer.set_learning_rate(rate(0.05, i))?;
            let loss = if traced { compiled.call(&[x, y])? } else { step(x, y)? };
            losses.push(loss[0].item::<f32>()?.to_bits());
        }
        Ok(losses)
    }

    /// A file for each part.
    fn save(&self) -> Result<[Vec<u8>; 3]> {
        let mut weights = BTreeMap::new();
        for variable in self.model.variables() {
            weights.insert(variable.name().to_string(), variable.get()?.to_host()?);
        }
        let file = |tensors: &BTreeMap<String, HostTensor>| safetensors::to_bytes(tensors, &BTreeMap::new());
        let state = [self.optimizer.state_dict()?, self.ema.state_dict()?];
        Ok([file(&weights)?, file(&tensors(&state[0]))?, file(&tensors(&state[1]))?])
    }

    fn load(&self, files: [Vec<u8>; 3]) -> Result<()> {
        let device = self.model.x.device();
        let open = |bytes| Weights::from_safetensors(&SafeTensors::from_bytes(Bytes::new(bytes))?, device);
        let [weights, optimizer, ema] = files.map(open);
        let weights = weights?;
        for variable in self.model.variables() {
            let value = weights.value(variable.name()).expect("the file has the model's names");
            variable.set(&Tensor::from_host(device, value)?)?;
        }
        self.optimizer.load_state_dict(&optimizer?)?;
        self.ema.load_state_dict(&ema?)
    }
}

fn tensors(weights: &Weights) -> BTreeMap<String, HostTensor> {
    let value = |name: &str| weights.value(name).expect("a name of its own").clone();
    weights.names().map(|name| (name.to_string(), value(name))).collect()
}

#[cfg(feature = "cpu")]
#[test]
fn a_resumed_run_is_the_uninterrupted_one_bit_for_bit() -> Result<()> {
    let device = Device::open("cpu")?;
    for row in rows() {
        for traced in [false, true] {
            let whole = Run::new(&device, row.make)?;
            let expected = whole.train(0..STEPS, traced)?;
            for interrupted in [1, 5] {
                let first = Run::new(&device, row.make)?;
                let mut losses = first.train(0..interrupted, traced)?;
                let files = first.save()?;
                drop(first);
                let second = Run::new(&device, row.make)?;
                second.load(files)?;
                losses.extend(second.train(interrupted..STEPS, traced)?);
                let what = format!("{} interrupted after {interrupted}, traced: {traced}", row.name);
                assert_eq!(losses, expected, "{what}");
                assert!(second.save()? == whole.save()?, "{what}: weights and state differ");
            }
        }
    }
    Ok(())
}

#[test]
fn state_that_does_not_fit_is_refused_and_changes_nothing() -> Result<()> {
    let device = crate::reference::reference();
    let run = |name: &str, n: usize| {
        let w = Variable::new(name, &Tensor::ones(&device, [n], DType::F32)?)?;
        Adam::new(&[&w], 0.1, AdamOptions::default())
    };
    let adam = run("w", 3)?;
    let message = |saved: &Weights| adam.load_state_dict(saved).unwrap_err().to_string();
    let own = adam.state_dict()?;
    assert!(message(&run("other", 3)?.state_dict()?).contains("no tensor `w.mean`"));
    assert!(
        message(&run("w", 4)?.state_dict()?).contains("`w.mean` of the given tensors is f32[4], but f32[3]")
    );
    let mut more = tensors(&own);
    more.insert("w.extra".into(), more["step"].clone());
    assert!(message(&Weights::from_tensors(more, &device)).contains("`w.extra`"));
    assert!(tensors(&adam.state_dict()?) == tensors(&own));

    let two: Vec<Variable> = (0..2)
        .map(|_| Variable::new("same", &Tensor::ones(&device, [1], DType::F32)?))
        .collect::<Result<_>>()?;
    let adam = Adam::new(&[&two[0], &two[1]], 0.1, AdamOptions::default())?;
    assert!(adam.state_dict().unwrap_err().to_string().contains("`same.mean`"));
    Ok(())
}

#[test]
fn options_that_make_no_sense_are_refused() -> Result<()> {
    let device = crate::reference::reference();
    let w = Variable::new("w", &Tensor::ones(&device, [2], DType::F32)?)?;
    let counter = Variable::state("counter", &Tensor::ones(&device, [2], DType::F32)?)?;
    let adam = |options| Adam::new(&[&w], 0.1, options).map(|_| ());
    assert!(
        adam(AdamOptions { beta1: 1.0, ..Default::default() }).unwrap_err().to_string().contains("beta1")
    );
    let nesterov = SgdOptions { nesterov: true, ..Default::default() };
    assert!(Sgd::new(&[&w], 0.1, nesterov).unwrap_err().to_string().contains("needs momentum"));
    assert!(Sgd::new(&[&counter], 0.1, SgdOptions::default()).is_err());
    assert!(Sgd::new(&[&w, &w], 0.1, SgdOptions::default()).unwrap_err().to_string().contains("twice"));
    let mut gradients = w.get()?.sum(&[])?.backward()?;
    assert!(
        clip_grad_norm_(&mut gradients, 0.0).is_err() && clip_grad_value_(&mut gradients, f64::NAN).is_err()
    );
    Ok(())
}

/// In half precision, updates below the distance of two numbers add up in the master weights.
#[test]
fn small_updates_of_half_precision_weights_are_not_lost() -> Result<()> {
    for device in crate::model::devices() {
        for dtype in [DType::F16, DType::BF16] {
            let w = Variable::new("w", &Tensor::ones(&device, [4], dtype)?)?;
            let sgd = Sgd::new(&[&w], 1e-4, SgdOptions::default())?;
            let value = || w.get()?.to_dtype(DType::F32)?.to_vec::<f32>();
            for _ in 0..100 {
                sgd.step(w.get()?.sum(&[])?.backward()?)?;
            }
            let expected = Tensor::full(&device, [4], 0.99, dtype)?.to_dtype(DType::F32)?.to_vec::<f32>()?;
            assert_eq!(value()?, expected, "{dtype} on {device}");
            // A weight that is set by hand wins over its master.
            w.set(&Tensor::full(&device, [4], 2.0, dtype)?)?;
            sgd.step(w.get()?.sum(&[])?.backward()?)?;
            assert_eq!(value()?, [2.0; 4], "{dtype} on {device}");
        }
    }
    Ok(())
}

/// Gradients with a known signal and a known noise give back the scale.
#[test]
fn the_noise_scale_is_measured() -> Result<()> {
    for device in crate::model::devices() {
        let w = Variable::new("w", &Tensor::zeros(&device, [64], DType::F32)?)?;
        let (sums, noise) = (Accumulation::new(&[&w])?, GradientNoise::new(&device, 0.9)?);
        let examples = 4;
        for batch in 0..60u64 {
            for part in 0..8 {
                // Each example's gradient is 0.5 in every element, with deviation 2: tr Σ / |G|² = 4 / 0.25.
                let draws = Tensor::randn(&device, [examples, 64], 1000 * batch + part)?;
                let data = ((draws * 2.0)? + 0.5)?.mean(&[0])?;
                let gradients = (w.get()? * data)?.sum(&[])?.backward()?;
                noise.part(&gradients)?;
                sums.add(gradients)?;
            }
            noise.whole(&sums.take()?, examples)?;
        }
        let scale = noise.scale()?.item::<f32>()?;
        assert!((scale - 16.0).abs() < 2.5, "{scale} on {device}");
        assert_eq!(BatchGrowth::Noise { most: 1024 }.size(2, 0, Some(scale as f64)), 8);
    }
    Ok(())
}
