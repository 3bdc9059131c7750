//! Stochastic gradient descent.

use super::descent::Descent;
use super::rule::{Point, Rule, Slot, check_decay};
use crate::tensor::Tensor;
use crate::{Error, Result};

/// Stochastic gradient descent, with momentum: `torch.optim.SGD`.
///
/// With gradient `g`: `m = momentum · m + (1 - dampening) · g` (in the first step `m = g`), then `w -= rate · m`.
pub type Sgd = Descent<SgdOptions>;

/// Constants of [`Sgd`]. The default has no momentum.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SgdOptions {
    /// What stays of the former direction; 0 for none.
    pub momentum: f64,
    /// What is kept out of the direction of each gradient.
    pub dampening: f64,
    /// Nesterov's momentum (Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013).
    pub nesterov: bool,
    /// Weight decay, added to the gradient.
    pub weight_decay: f64,
}

impl SgdOptions {
    /// Plain momentum.
    pub fn momentum(momentum: f64) -> SgdOptions {
        SgdOptions { momentum, ..SgdOptions::default() }
    }
}

impl Rule for SgdOptions {
    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        if self.momentum == 0.0 { Vec::new() } else { vec![Slot::zeros("momentum", shape)] }
    }

    fn next(&self, at: &Point) -> Result<Tensor> {
        let gradient = at.decayed_gradient()?;
        if self.momentum == 0.0 {
            return at.moved(&gradient);
        }
        let share = match self.dampening {
            0.0 => gradient.clone(),
            dampening => {
                let damped = (&gradient * (1.0 - dampening))?;
                at.step().eq(1.0)?.where_(&gradient, &damped)?
            }
        };
        let direction = ((at.slot("momentum")? * self.momentum)? + share)?;
        at.set("momentum", &direction)?;
        match self.nesterov {
            true => at.moved(&(gradient + (direction * self.momentum)?)?),
            false => at.moved(&direction),
        }
    }

    fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    fn check(&self) -> Result<()> {
        check_decay("momentum", self.momentum)?;
        if self.nesterov && (self.momentum == 0.0 || self.dampening != 0.0) {
            return Err(Error::argument(format!(
                "Nesterov's momentum needs momentum and no dampening, but they are {} and {}",
                self.momentum, self.dampening
            )));
        }
        Ok(())
    }
}
