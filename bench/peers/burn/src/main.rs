//! Times steps of training in Burn on its CPU backend: one JSON line per call, like `hadal-bench train`.
//!
//! `hadal-bench-burn mlp|lenet STEPS`; threads by `RAYON_NUM_THREADS`.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::{CrossEntropyLoss, CrossEntropyLossConfig};
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d, Relu};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Distribution, Int, Tensor};
use std::time::Instant;

#[derive(Module, Debug)]
struct Mlp {
    hidden: Linear,
    output: Linear,
}

#[derive(Module, Debug)]
struct LeNet {
    conv1: Conv2d,
    conv2: Conv2d,
    pool: MaxPool2d,
    fc1: Linear,
    fc2: Linear,
    fc3: Linear,
}

trait Scores: Module + Sized {
    fn scores(&self, x: Tensor<4>) -> Tensor<2>;
}

impl Scores for Mlp {
    fn scores(&self, x: Tensor<4>) -> Tensor<2> {
        self.output.forward(Relu::new().forward(self.hidden.forward(x.flatten::<2>(1, 3))))
    }
}

impl Scores for LeNet {
    fn scores(&self, x: Tensor<4>) -> Tensor<2> {
        let relu = Relu::new();
        let x = self.pool.forward(relu.forward(self.conv1.forward(x)));
        let x = self.pool.forward(relu.forward(self.conv2.forward(x))).flatten::<2>(1, 3);
        self.fc3.forward(relu.forward(self.fc2.forward(relu.forward(self.fc1.forward(x)))))
    }
}

/// The median time of a step, in milliseconds.
fn median<M: Scores>(mut model: M, device: &Device, steps: usize) -> f64 {
    let mut optimizer = AdamConfig::new().init();
    let images = Tensor::<4>::random([128, 1, 28, 28], Distribution::Default, device);
    let labels = Tensor::<1, Int>::arange(0..128, device).remainder_scalar(10);
    let loss: CrossEntropyLoss = CrossEntropyLossConfig::new().init(device);
    let mut times = Vec::new();
    for step in 0..steps + 3 {
        let start = Instant::now();
        let loss = loss.forward(model.scores(images.clone()), labels.clone());
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(1e-3, model, gradients);
        loss.into_data();
        if step >= 3 {
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().expect("mlp or lenet");
    let steps = arguments.next().and_then(|n| n.parse().ok()).expect("a number of steps");
    let device = Device::flex().autodiff();
    let linear = |inputs, outputs| LinearConfig::new(inputs, outputs).init(&device);
    let median = match name.as_str() {
        "mlp" => median(Mlp { hidden: linear(784, 256), output: linear(256, 10) }, &device, steps),
        _ => {
            let padding = PaddingConfig2d::Explicit(2, 2, 2, 2);
            let model = LeNet {
                conv1: Conv2dConfig::new([1, 6], [5, 5]).with_padding(padding).init(&device),
                conv2: Conv2dConfig::new([6, 16], [5, 5]).init(&device),
                pool: MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init(),
                fc1: linear(400, 120),
                fc2: linear(120, 84),
                fc3: linear(84, 10),
            };
            median(model, &device, steps)
        }
    };
    println!("{}", serde_json::json!({ "engine": "burn 0.22.1", "median_ms": median, "steps_per_second": 1e3 / median }));
}
