//! Adafactor.

use super::descent::Descent;
use super::moments;
use super::rule::{Point, Rule, Slot, check_decay};
use crate::Result;
use crate::tensor::Tensor;

/// Adafactor (Shazeer and Stern, "Adafactor: adaptive learning rates with sublinear memory cost", 2018, algorithms 4 and 5).
///
/// Keeps the means of squares of rows and columns in place of those of elements, for parameters of rank 2 and above: memory for
/// `n + m` numbers and not for `n · m`.
pub type Adafactor = Descent<AdafactorOptions>;

/// Constants of [`Adafactor`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdafactorOptions {
    /// Added to squares of gradients.
    pub epsilon: f64,
    /// Least root mean square of a parameter that scales its rate.
    pub least_scale: f64,
    /// Greatest root mean square of a direction.
    pub clip: f64,
    /// The mean of squares decays by `1 - t^-decay_power` in step `t`.
    pub decay_power: f64,
    /// Decay of the mean of directions; 0 for none, which saves its memory.
    pub beta1: f64,
    /// Multiplies the rate by the root mean square of the parameter.
    pub scale_parameter: bool,
    /// Decoupled weight decay, with the scaled rate.
    pub weight_decay: f64,
}

impl Default for AdafactorOptions {
    fn default() -> AdafactorOptions {
        AdafactorOptions {
            epsilon: 1e-30,
            least_scale: 1e-3,
            clip: 1.0,
            decay_power: 0.8,
            beta1: 0.0,
            scale_parameter: true,
            weight_decay: 0.0,
        }
    }
}

impl Rule for AdafactorOptions {
    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        let mut slots = match shape {
            [outer @ .., rows, columns] => vec![
                Slot::zeros("row", &[outer, &[*rows, 1]].concat()),
                Slot::zeros("column", &[outer, &[1, *columns]].concat()),
            ],
            _ => vec![Slot::zeros("square", shape)],
        };
        if self.beta1 != 0.0 {
            slots.push(Slot::zeros("mean", shape));
        }
        slots
    }

    fn next(&self, at: &Point) -> Result<Tensor> {
        // t^-p; in the first step 1, so that nothing of the zeros before it stays.
        let share = (at.step().log()? * -self.decay_power)?.exp()?;
        let moved = |slot: &str, x: Tensor| {
            let old = at.slot(slot)?;
            let next = (&old + ((x - &old)? * &share)?)?;
            at.set(slot, &next)?;
            Ok::<Tensor, crate::Error>(next)
        };
        let square = (at.gradient.sqr()? + self.epsilon)?;
        let direction = match at.value.rank() {
            0 | 1 => (&at.gradient * moved("square", square)?.rsqrt()?)?,
            _ => {
                let row = moved("row", square.mean_keep(&[-1])?)?;
                let column = moved("column", square.mean_keep(&[-2])?)?;
                let row = (&row / row.mean_keep(&[-2])?)?;
                ((&at.gradient * row.rsqrt()?)? * column.rsqrt()?)?
            }
        };
        let excess = (root_mean_square(&direction)? / self.clip)?.maximum(1.0)?;
        let mut direction = (direction / excess)?;
        if self.beta1 != 0.0 {
            direction = moments::average(at, "mean", &direction, self.beta1)?;
        }
        direction = at.decayed(direction)?;
        if self.scale_parameter {
            direction = (direction * root_mean_square(&at.value)?.maximum(self.least_scale)?)?;
        }
        at.moved(&direction)
    }

    fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    fn check(&self) -> Result<()> {
        check_decay("beta1", self.beta1)
    }
}

fn root_mean_square(x: &Tensor) -> Result<Tensor> {
    x.sqr()?.mean(&[])?.sqrt()
}
