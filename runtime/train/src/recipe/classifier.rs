//! Images and their classes.

use super::ModelSpec;
use super::model::{Scores, image_model};
use crate::{Evaluated, Task};
use hadal::nn::{Module, Scope};
use hadal::{DType, Result, Tensor};

/// Learns the class of grey images: fields `image`, `u8[n, 1, height, width]`, and `label`, an integer `[n]`.
pub struct Classifier {
    model: Box<dyn Scores>,
}

/// Mean and standard deviation of Fashion-MNIST's pixels, in `0..1`.
const PIXELS: (f64, f64) = (0.2860, 0.3530);

impl Classifier {
    /// A classifier with the model of a recipe. Errors: `Task` for a model of another kind; weights that do not fit.
    pub fn new(
        spec: &ModelSpec,
        scope: &Scope,
        size: [usize; 2],
        classes: usize,
    ) -> crate::Result<Classifier> {
        Ok(Classifier { model: image_model(spec, scope, size, classes)? })
    }

    /// Scores of each class, `[n, classes]`, of images with bytes as pixels.
    pub fn scores(&self, images: &Tensor) -> Result<Tensor> {
        let (mean, deviation) = PIXELS;
        let x = images.to_dtype(DType::F32)?;
        self.model.scores(&(x * (1.0 / (255.0 * deviation)))?.sub(mean / deviation)?)
    }
}

impl Task for Classifier {
    fn module(&self) -> &dyn Module {
        &*self.model
    }

    fn fields(&self) -> &[&'static str] {
        &["image", "label"]
    }

    fn loss(&self, fields: &[Tensor]) -> Result<Tensor> {
        self.scores(&fields[0])?.cross_entropy(&fields[1])?.mean(&[])
    }

    fn evaluate(&self, fields: &[Tensor]) -> Result<Evaluated> {
        let scores = self.scores(&fields[0])?;
        let losses = scores.cross_entropy(&fields[1])?;
        Ok(Evaluated { losses, scores: Some(scores), targets: Some(fields[1].clone()) })
    }
}
