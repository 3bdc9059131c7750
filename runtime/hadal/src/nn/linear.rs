//! `x Wᵀ + b`.

use super::{Init, Module, Parameter, Scope};
use crate::Result;
use crate::tensor::Tensor;

/// `x Wᵀ + b` over the last axis; `torch.nn.Linear`. Parameters: `weight: [outputs, inputs]`, `bias: [outputs]`.
#[derive(Clone, Debug, Module)]
pub struct Linear {
    weight: Parameter,
    bias: Option<Parameter>,
}

impl Linear {
    /// A layer with a bias. Errors: as [`Scope::parameter`].
    #[track_caller]
    pub fn new(scope: &Scope, inputs: usize, outputs: usize) -> Result<Linear> {
        let weight = scope.parameter("weight", [outputs, inputs], Init::LINEAR)?;
        let bias = Some(scope.parameter("bias", [outputs], Init::bias(inputs))?);
        Ok(Linear { weight, bias })
    }

    /// A layer without a bias. Errors: as [`Scope::parameter`].
    #[track_caller]
    pub fn without_bias(scope: &Scope, inputs: usize, outputs: usize) -> Result<Linear> {
        Ok(Linear { weight: scope.parameter("weight", [outputs, inputs], Init::LINEAR)?, bias: None })
    }

    /// A layer of given parameters: `[outputs, inputs]` and `[outputs]`. One that another layer has too is shared with it.
    pub fn from_parameters(weight: Parameter, bias: Option<Parameter>) -> Linear {
        Linear { weight, bias }
    }

    /// `[.., inputs]` to `[.., outputs]`. Errors: another last extent, another dtype than the weight's.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let product = x.matmul(&self.weight.get()?.t()?)?;
        match &self.bias {
            Some(bias) => product.add(&bias.get()?),
            None => Ok(product),
        }
    }

    /// `weight`.
    pub fn weight(&self) -> &Parameter {
        &self.weight
    }

    /// `bias`.
    pub fn bias(&self) -> Option<&Parameter> {
        self.bias.as_ref()
    }
}
