//! RMSprop.

use super::descent::Descent;
use super::moments;
use super::rule::{Point, Rule, Slot, check_decay};
use crate::Result;
use crate::tensor::Tensor;

/// RMSprop (Hinton, "Neural networks for machine learning", lecture 6e, 2012): `torch.optim.RMSprop`.
pub type RmsProp = Descent<RmsPropOptions>;

/// Constants of [`RmsProp`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsPropOptions {
    /// Decay of the mean of squares.
    pub alpha: f64,
    /// Added to its root.
    pub epsilon: f64,
    /// Divides by the deviation and not by the root of the mean of squares (Graves, "Generating sequences with recurrent neural networks", 2013).
    pub centered: bool,
    /// What stays of the former direction; 0 for none.
    pub momentum: f64,
    /// Weight decay, added to the gradient.
    pub weight_decay: f64,
}

impl Default for RmsPropOptions {
    fn default() -> RmsPropOptions {
        RmsPropOptions { alpha: 0.99, epsilon: 1e-8, centered: false, momentum: 0.0, weight_decay: 0.0 }
    }
}

impl Rule for RmsPropOptions {
    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        let mut slots = vec![Slot::zeros("square", shape)];
        if self.centered {
            slots.push(Slot::zeros("mean", shape));
        }
        if self.momentum != 0.0 {
            slots.push(Slot::zeros("momentum", shape));
        }
        slots
    }

    fn next(&self, at: &Point) -> Result<Tensor> {
        let gradient = at.decayed_gradient()?;
        let square = moments::average(at, "square", &gradient.sqr()?, self.alpha)?;
        let variance = match self.centered {
            // Rounding must not make it negative.
            true => (square - moments::average(at, "mean", &gradient, self.alpha)?.sqr()?)?.maximum(0.0)?,
            false => square,
        };
        let direction = (gradient / (variance.sqrt()? + self.epsilon)?)?;
        if self.momentum == 0.0 {
            return at.moved(&direction);
        }
        let direction = ((at.slot("momentum")? * self.momentum)? + direction)?;
        at.set("momentum", &direction)?;
        at.moved(&direction)
    }

    fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    fn check(&self) -> Result<()> {
        check_decay("alpha", self.alpha)?;
        check_decay("momentum", self.momentum)
    }
}
