//! Dropout with keys of its own.

use super::{Mode, Module, Scope};
use crate::tensor::{KeySequence, Tensor};
use crate::{Error, Result};

/// Zeroes elements with probability `p` and scales the others by `1 / (1 - p)` in training, and nothing in evaluation (Srivastava et al.,
/// 2014); `torch.nn.Dropout`.
///
/// Keys come one after another from a counter that is state on the device: each step draws anew, under `jit` too, and one seed gives the
/// same draws on every device.
#[derive(Clone, Debug, Module)]
pub struct Dropout {
    p: f64,
    keys: KeySequence,
    mode: Mode,
}

impl Dropout {
    /// A layer whose keys have the scope's name. Errors: `p` outside `0..1`.
    #[track_caller]
    pub fn new(scope: &Scope, p: f64) -> Result<Dropout> {
        if !(0.0..1.0).contains(&p) {
            return Err(Error::argument(format!("the probability of dropout must be in 0..1, but is {p}")));
        }
        Ok(Dropout { p, keys: scope.keys("key")?, mode: scope.mode() })
    }

    /// Any shape to the same.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if self.drops() { x.dropout(self.p, &self.keys.next_key()?) } else { Ok(x.clone()) }
    }

    /// Whether it would drop anything now.
    pub(super) fn drops(&self) -> bool {
        self.p > 0.0 && self.mode.is_training()
    }
}
