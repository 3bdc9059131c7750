//! The models of recipes.

use super::ModelSpec;
use crate::TrainError;
use hadal::nn::{BatchNorm2d, BatchNormOptions, Conv2d, Dropout, Linear, MaxPool2d, Module, Scope};
use hadal::tensor::{ConvOptions, PoolOptions};
use hadal::{Result, Tensor};

/// A model that gives each image a score for each class.
pub(super) trait Scores: Module {
    /// `[n, 1, height, width]` to `[n, classes]`.
    fn scores(&self, images: &Tensor) -> Result<Tensor>;
}

/// Builds the model for images of `[1, height, width]`.
pub(super) fn image_model(
    spec: &ModelSpec,
    scope: &Scope,
    size: [usize; 2],
    classes: usize,
) -> crate::Result<Box<dyn Scores>> {
    match spec {
        ModelSpec::Mlp { hidden, dropout } => {
            Ok(Box::new(Mlp::new(scope, size[0] * size[1], hidden, classes, *dropout)?))
        }
        ModelSpec::Cnn { channels, hidden, dropout } => {
            Ok(Box::new(Cnn::new(scope, size, channels, *hidden, classes, *dropout)?))
        }
        ModelSpec::Transformer { .. } => {
            Err(TrainError::Task("images are learnt by a model of kind `mlp` or `cnn`".into()))
        }
    }
}

/// Linear layers with ReLU and dropout between.
#[derive(Debug, Module)]
struct Mlp {
    layers: Vec<Linear>,
    dropout: Vec<Dropout>,
}

impl Mlp {
    fn new(scope: &Scope, inputs: usize, hidden: &[usize], classes: usize, p: f64) -> Result<Mlp> {
        let widths: Vec<usize> =
            std::iter::once(inputs).chain(hidden.iter().copied()).chain([classes]).collect();
        let layer = |i: usize| Linear::new(&scope.at("layers").at(i), widths[i], widths[i + 1]);
        let dropout = |i: usize| Dropout::new(&scope.at("dropout").at(i), p);
        Ok(Mlp {
            layers: (0..=hidden.len()).map(layer).collect::<Result<_>>()?,
            dropout: (0..hidden.len()).map(dropout).collect::<Result<_>>()?,
        })
    }
}

impl Scores for Mlp {
    fn scores(&self, images: &Tensor) -> Result<Tensor> {
        let mut x = images.flatten(1, -1)?;
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(&x)?;
            if let Some(dropout) = self.dropout.get(i) {
                x = dropout.forward(&x.relu()?)?;
            }
        }
        Ok(x)
    }
}

/// Convolutions with batch norm, ReLU and max-pooling, then two linear layers.
#[derive(Debug, Module)]
struct Cnn {
    convolutions: Vec<Conv2d>,
    norms: Vec<BatchNorm2d>,
    hidden: Linear,
    dropout: Dropout,
    output: Linear,
}

impl Cnn {
    fn new(
        scope: &Scope,
        size: [usize; 2],
        channels: &[usize],
        hidden: usize,
        classes: usize,
        p: f64,
    ) -> Result<Cnn> {
        let inputs: Vec<usize> = std::iter::once(1).chain(channels.iter().copied()).collect();
        let convolution = |i: usize| {
            // The norm after it has a bias.
            let options = ConvOptions { padding: vec![1], ..ConvOptions::default() };
            let at = scope.at("convolutions").at(i);
            Conv2d::without_bias(&at, inputs[i], channels[i], [3, 3], options)
        };
        let norm =
            |i: usize| BatchNorm2d::new(&scope.at("norms").at(i), channels[i], BatchNormOptions::default());
        // Each pooling halves both extents.
        let left: usize = size.iter().map(|extent| extent >> channels.len()).product();
        let features = left * inputs[channels.len()];
        Ok(Cnn {
            convolutions: (0..channels.len()).map(convolution).collect::<Result<_>>()?,
            norms: (0..channels.len()).map(norm).collect::<Result<_>>()?,
            hidden: Linear::new(&scope.at("hidden"), features, hidden)?,
            dropout: Dropout::new(&scope.at("dropout"), p)?,
            output: Linear::new(&scope.at("output"), hidden, classes)?,
        })
    }
}

impl Scores for Cnn {
    fn scores(&self, images: &Tensor) -> Result<Tensor> {
        let pool = MaxPool2d::new([2, 2], PoolOptions::default());
        let mut x = images.clone();
        for (convolution, norm) in self.convolutions.iter().zip(&self.norms) {
            x = pool.forward(&norm.forward(&convolution.forward(&x)?)?.relu()?)?;
        }
        let x = self.hidden.forward(&x.flatten(1, -1)?)?.relu()?;
        self.output.forward(&self.dropout.forward(&x)?)
    }
}
