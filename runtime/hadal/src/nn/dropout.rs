//! Dropout with keys of its own.

use crate::Result;
use crate::device::Device;
use crate::tensor::{KeySequence, Tensor};

/// Zeroes elements with probability `p` and scales the others by `1 / (1 - p)` (Srivastava et al., 2014).
#[derive(Clone, Debug)]
pub struct Dropout {
    p: f64,
    keys: KeySequence,
}

impl Dropout {
    /// A layer that draws its keys from a seed.
    #[track_caller]
    pub fn new(device: &Device, p: f64, seed: u32) -> Result<Dropout> {
        Ok(Dropout { p, keys: KeySequence::new(device, seed)? })
    }

    /// In training: elements dropped with the next key. Otherwise `x` as it is. Errors: `p` outside `0..1`.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, training: bool) -> Result<Tensor> {
        if training { x.dropout(self.p, &self.keys.next_key()?) } else { Ok(x.clone()) }
    }
}
