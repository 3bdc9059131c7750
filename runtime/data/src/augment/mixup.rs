//! Mixing each sample with another one.

use super::colour::unit;
use crate::{DataError, Dataset, Random, Sample};
use hadal_graph::HostTensor;

/// A data set each of whose samples is mixed with a random other one: image and label are `share * own + (1 - share) * other`, where `share`
/// is drawn from a beta distribution. Zhang, Cissé, Dauphin and Lopez-Paz, 2018.
///
/// The image becomes `f32` from 0 to 1, and the label, a class, becomes `f32[classes]`, a probability for each. Other fields stay the sample's
/// own. Which other sample and which share depend on the seed, the epoch and the index alone.
#[derive(Clone, Debug)]
pub struct Mixup<D> {
    inner: D,
    image: String,
    label: String,
    classes: usize,
    alpha: f64,
    random: Random,
}

impl<D: Dataset> Mixup<D> {
    /// Mixes the fields `image` and `label` of a data set with this many classes.
    ///
    /// Errors: `Argument` when `alpha`, both parameters of the distribution, is not a finite number above 0.
    pub fn new(
        inner: D,
        image: impl Into<String>,
        label: impl Into<String>,
        classes: usize,
        alpha: f64,
        seed: u64,
    ) -> Result<Mixup<D>, DataError> {
        if alpha <= 0.0 || !alpha.is_finite() {
            return Err(DataError::argument("the alpha of a mixup", alpha, "a finite number above 0"));
        }
        let (image, label, random) = (image.into(), label.into(), Random::new(seed));
        Ok(Mixup { inner, image, label, classes, alpha, random })
    }

    fn class(&self, sample: &Sample) -> Result<usize, DataError> {
        let label = sample.field(&self.label)?;
        let class = match label.elements() {
            1 if label.dtype().is_int() => label.scalars().next().map(|class| class.to_i128()),
            _ => None,
        };
        class.and_then(|class| usize::try_from(class).ok()).filter(|class| *class < self.classes).ok_or_else(
            || {
                DataError::tensor(
                    &self.label,
                    format!("{label:?}"),
                    format!("an integer below {}", self.classes),
                )
            },
        )
    }
}

impl<D: Dataset> Dataset for Mixup<D> {
    fn len(&self) -> usize {
        self.inner.len()
    }

    fn get(&self, index: usize, epoch: u64) -> Result<Sample, DataError> {
        let mut sample = self.inner.get(index, epoch)?;
        let mut random = self.random.at(&[epoch, index as u64]);
        let other = self.inner.get(random.below(self.inner.len()), epoch)?;
        let share = random.beta(self.alpha) as f32;
        let (image, second) = (sample.field(&self.image)?, other.field(&self.image)?);
        if image.shape() != second.shape() {
            let (found, expected) =
                (format!("an image of shape {:?}", second.shape()), format!("{:?}", image.shape()));
            return Err(DataError::tensor(&self.image, found, expected)
                .with_hint("bring all images to one size before mixing them"));
        }
        let mixed = unit(image)?
            .iter()
            .zip(unit(second)?)
            .map(|(a, b)| share * a + (1.0 - share) * b)
            .collect::<Vec<f32>>();
        let mixed = HostTensor::new(image.shape(), &mixed).map_err(DataError::other)?;
        let mut label = vec![0.0f32; self.classes];
        label[self.class(&sample)?] += share;
        label[self.class(&other)?] += 1.0 - share;
        sample.insert(self.image.as_str(), mixed);
        sample
            .insert(self.label.as_str(), HostTensor::new([self.classes], &label).map_err(DataError::other)?);
        Ok(sample)
    }
}
