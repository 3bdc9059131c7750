//! Layers.
//!
//! A layer is a plain struct that holds its parameters and has a `forward`. A parameter is either *trainable*, a
//! [`Variable`], or *frozen*, a [`Tensor`] that usually comes from a file ([`Weights`]) and becomes a named
//! parameter of a traced [`Model`](crate::Model). The same `forward` serves eager use, `jit` and models.

mod bert;
mod dropout;
mod embedding;
mod init;
mod layer_norm;
mod linear;
mod weights;

pub use bert::{Bert, BertConfig};
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use init::{kaiming_uniform, normal, xavier_uniform};
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use weights::Weights;

use crate::Result;
use crate::tensor::Tensor;
use crate::variable::Variable;

/// A weight of a layer.
#[derive(Clone, Debug)]
pub enum Parameter {
    /// Changes in training.
    Trainable(Variable),
    /// Stays as it is.
    Frozen(Tensor),
}

impl Parameter {
    /// The current value. Errors: a variable that a run under way holds.
    pub fn get(&self) -> Result<Tensor> {
        match self {
            Parameter::Trainable(variable) => variable.get(),
            Parameter::Frozen(tensor) => Ok(tensor.clone()),
        }
    }

    /// The variable, if it is trainable.
    pub fn variable(&self) -> Option<&Variable> {
        match self {
            Parameter::Trainable(variable) => Some(variable),
            Parameter::Frozen(_) => None,
        }
    }
}

impl From<Variable> for Parameter {
    fn from(variable: Variable) -> Parameter {
        Parameter::Trainable(variable)
    }
}

impl From<Tensor> for Parameter {
    fn from(tensor: Tensor) -> Parameter {
        Parameter::Frozen(tensor)
    }
}
