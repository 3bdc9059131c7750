//! `x Wᵀ + b`.

use super::{Parameter, Weights, init};
use crate::Result;
use crate::device::Device;
use crate::tensor::Tensor;
use crate::variable::Variable;

/// `x Wᵀ + b` with `W: [outputs, inputs]` and `b: [outputs]`, over the last axis.
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Parameter,
    bias: Option<Parameter>,
}

impl Linear {
    /// A layer of given parameters.
    pub fn new(weight: impl Into<Parameter>, bias: Option<Parameter>) -> Linear {
        Linear { weight: weight.into(), bias }
    }

    /// A trainable layer with variables `name.weight` and `name.bias`.
    #[track_caller]
    pub fn init(device: &Device, name: &str, inputs: usize, outputs: usize, seed: u64) -> Result<Linear> {
        let weight = init::kaiming_uniform(device, [outputs, inputs], inputs, seed)?;
        let bias = Tensor::zeros(device, [outputs], weight.dtype())?;
        Ok(Linear {
            weight: Variable::new(&format!("{name}.weight"), &weight)?.into(),
            bias: Some(Variable::new(&format!("{name}.bias"), &bias)?.into()),
        })
    }

    /// The frozen layer with the tensors `name.weight` and `name.bias`. Errors: they are missing or have other shapes.
    pub fn load(weights: &Weights, name: &str, inputs: usize, outputs: usize) -> Result<Linear> {
        let weight = weights.get(&format!("{name}.weight"), [outputs, inputs])?;
        let bias = weights.get(&format!("{name}.bias"), [outputs])?;
        Ok(Linear { weight: weight.into(), bias: Some(bias.into()) })
    }

    /// `[.., inputs]` to `[.., outputs]`.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let product = x.matmul(&self.weight.get()?.t()?)?;
        match &self.bias {
            Some(bias) => product.add(&bias.get()?),
            None => Ok(product),
        }
    }

    /// Its trainable variables.
    pub fn variables(&self) -> Vec<&Variable> {
        [Some(&self.weight), self.bias.as_ref()]
            .into_iter()
            .flatten()
            .filter_map(Parameter::variable)
            .collect()
    }
}
