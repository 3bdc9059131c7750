//! Layer normalisation.

use super::{Parameter, Weights};
use crate::Result;
use crate::device::Device;
use crate::tensor::Tensor;
use crate::variable::Variable;
use hadal_graph::DType;

/// `(x - mean) / sqrt(variance + epsilon) · w + b` over the last axis (Ba, Kiros, Hinton, 2016).
#[derive(Clone, Debug)]
pub struct LayerNorm {
    weight: Parameter,
    bias: Parameter,
    epsilon: f64,
}

impl LayerNorm {
    /// A trainable layer with variables `name.weight` (ones) and `name.bias` (zeros).
    #[track_caller]
    pub fn init(device: &Device, name: &str, width: usize, epsilon: f64) -> Result<LayerNorm> {
        let weight = Tensor::ones(device, [width], DType::F32)?;
        let bias = Tensor::zeros(device, [width], DType::F32)?;
        Ok(LayerNorm {
            weight: Variable::new(&format!("{name}.weight"), &weight)?.into(),
            bias: Variable::new(&format!("{name}.bias"), &bias)?.into(),
            epsilon,
        })
    }

    /// The frozen layer with the tensors `name.weight` and `name.bias`. Errors: they are missing or have other shapes.
    pub fn load(weights: &Weights, name: &str, width: usize, epsilon: f64) -> Result<LayerNorm> {
        Ok(LayerNorm {
            weight: weights.get(&format!("{name}.weight"), [width])?.into(),
            bias: weights.get(&format!("{name}.bias"), [width])?.into(),
            epsilon,
        })
    }

    /// `[.., width]` to the same shape.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.layer_norm(&self.weight.get()?, &self.bias.get()?, self.epsilon)
    }

    /// Its trainable variables.
    pub fn variables(&self) -> Vec<&Variable> {
        [&self.weight, &self.bias].into_iter().filter_map(Parameter::variable).collect()
    }
}
