//! A small network that learns handwritten digits, step by step: what trains in the tab in the demo.
//!
//! An image is 28 × 28 numbers from 0 (paper) to 1 (ink), row by row; a label is 0 to 9.

use hadal::nn::{Linear, Module, Scope, Sequential, loss};
use hadal::optim::{Adam, AdamOptions};
use hadal::{Device, JitFunction, Result, Tensor, jit};

/// Numbers of an image.
pub const PIXELS: usize = 28 * 28;

const CLASSES: usize = 10;
const HIDDEN: usize = 128;
const LEARNING_RATE: f64 = 1e-3;

type Step = Box<dyn Fn(&[Tensor]) -> Result<Vec<Tensor>>>;

/// The network, its optimizer, and the traced step of training.
pub struct Digits {
    device: Device,
    network: Sequential,
    step: JitFunction<Step>,
}

impl Digits {
    /// A network with random weights that depend on `seed` alone.
    ///
    /// Errors: no memory on the device.
    pub fn new(device: &Device, seed: u64) -> Result<Digits> {
        let scope = Scope::random(device, seed);
        let network = Sequential::new()
            .then(Linear::new(&scope.at("hidden"), PIXELS, HIDDEN)?)
            .apply(Tensor::relu)
            .then(Linear::new(&scope.at("classes"), HIDDEN, CLASSES)?);
        let optimizer = Adam::new(&network.variables(), LEARNING_RATE, AdamOptions::default())?;
        let trained = network.clone();
        let step: Step = Box::new(move |x| {
            let logits = trained.forward(&x[0])?;
            let loss = loss::cross_entropy(&logits, &x[1], &loss::CrossEntropyOptions::default())?;
            optimizer.step(loss.backward()?)?;
            Ok(vec![loss])
        });
        Ok(Digits { device: device.clone(), network, step: jit(device, step) })
    }

    /// One step on a batch; returns its loss before the step. A batch of another size is planned anew.
    ///
    /// Errors: images and labels that do not fit together.
    pub async fn step(&self, images: &[f32], labels: &[i32]) -> Result<f32> {
        let images = Tensor::new(&self.device, images, [labels.len(), PIXELS])?;
        let labels = Tensor::new(&self.device, labels, [labels.len()])?;
        self.step.call_async(&[&images, &labels]).await?[0].item_async().await
    }

    /// The probabilities of the ten digits for each image, row by row.
    ///
    /// Errors: a number of elements that is no whole number of images.
    pub async fn probabilities(&self, images: &[f32]) -> Result<Vec<f32>> {
        let images = Tensor::new(&self.device, images, [images.len() / PIXELS, PIXELS])?;
        let logits = hadal::no_grad(|| self.network.forward(&images))?;
        logits.softmax(-1)?.to_vec_async().await
    }

    /// The weights as a safetensors file. Errors: those of reading them back.
    pub async fn save(&self) -> Result<Vec<u8>> {
        let mut tensors = std::collections::BTreeMap::new();
        for variable in self.network.variables() {
            tensors.insert(variable.name().to_string(), variable.get()?.to_host_async().await?);
        }
        Ok(hadal::formats::safetensors::to_bytes(&tensors, &metadata())?)
    }
}

fn metadata() -> std::collections::BTreeMap<String, String> {
    [("format".to_string(), "pt".to_string())].into()
}

/// A made-up task, the same on every machine: the losses of `steps` steps on images of bars, whose place is the label.
///
/// Errors: those of [`Digits::step`].
pub async fn losses_on_bars(device: &Device, steps: usize) -> Result<Vec<f32>> {
    let digits = Digits::new(device, 42)?;
    let mut losses = Vec::with_capacity(steps);
    for step in 0..steps {
        let labels: Vec<i32> = (0..32).map(|i| ((i * 7 + step * 3) % CLASSES) as i32).collect();
        let pixel = |label: i32, at: usize| {
            let (row, column) = (at / 28, at % 28);
            let bar = column / 3 == label as usize && row > (at + step) % 5;
            if bar { 1.0 } else { ((at * 31 + step * 17) % 97) as f32 / 970.0 }
        };
        let images: Vec<f32> =
            labels.iter().flat_map(|&label| (0..PIXELS).map(move |at| pixel(label, at))).collect();
        losses.push(digits.step(&images, &labels).await?);
    }
    Ok(losses)
}
