//! A table of vectors.

use super::{Parameter, Weights, init};
use crate::Result;
use crate::device::Device;
use crate::tensor::Tensor;
use crate::variable::Variable;

/// Row `i` of a table `[count, width]` for each index `i`.
#[derive(Clone, Debug)]
pub struct Embedding {
    table: Parameter,
}

impl Embedding {
    /// A trainable table with the variable `name.weight`, normal with deviation 1.
    #[track_caller]
    pub fn init(device: &Device, name: &str, count: usize, width: usize, seed: u64) -> Result<Embedding> {
        let table = init::normal(device, [count, width], 1.0, seed)?;
        Ok(Embedding { table: Variable::new(&format!("{name}.weight"), &table)?.into() })
    }

    /// The frozen table `name.weight`. Errors: it is missing or has another shape.
    pub fn load(weights: &Weights, name: &str, count: usize, width: usize) -> Result<Embedding> {
        Ok(Embedding { table: weights.get(&format!("{name}.weight"), [count, width])?.into() })
    }

    /// `[..]` of integers to `[.., width]`. An index that is not there is an error of the run.
    #[track_caller]
    pub fn forward(&self, indices: &Tensor) -> Result<Tensor> {
        self.table.get()?.index_select(0, indices)
    }

    /// Its trainable variables.
    pub fn variables(&self) -> Vec<&Variable> {
        self.table.variable().into_iter().collect()
    }
}
