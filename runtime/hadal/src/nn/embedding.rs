//! A table of vectors.

use super::{Init, Module, Parameter, Scope};
use crate::Result;
use crate::tensor::Tensor;

/// Row `i` of a table for each index `i`; `torch.nn.Embedding`. Parameter: `weight: [count, width]`, at first normal with deviation 1.
#[derive(Clone, Debug, Module)]
pub struct Embedding {
    weight: Parameter,
}

impl Embedding {
    /// A table of `count` vectors. Errors: as [`Scope::parameter`].
    #[track_caller]
    pub fn new(scope: &Scope, count: usize, width: usize) -> Result<Embedding> {
        let init = Init::Normal { mean: 0.0, deviation: 1.0 };
        Ok(Embedding { weight: scope.parameter("weight", [count, width], init)? })
    }

    /// `[..]` of integers to `[.., width]`. An index that is not there is an error of the run.
    #[track_caller]
    pub fn forward(&self, indices: &Tensor) -> Result<Tensor> {
        self.weight.get()?.index_select(0, indices)
    }

    /// The table, for instance to share it with an output layer ([`Linear::from_parameters`](super::Linear::from_parameters)).
    pub fn weight(&self) -> &Parameter {
        &self.weight
    }
}
