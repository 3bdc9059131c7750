//! The models of recipes.

use super::ModelSpec;
use hadal::nn::{Dropout, Linear, Module, Scope};
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
) -> Result<Box<dyn Scores>> {
    match spec {
        ModelSpec::Mlp { hidden, dropout } => {
            Ok(Box::new(Mlp::new(scope, size[0] * size[1], hidden, classes, *dropout)?))
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
