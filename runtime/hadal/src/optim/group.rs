//! Parameter groups.

use crate::variable::Variable;

/// Variables that share a factor of the learning rate and a weight decay.
///
/// ```
/// # use hadal::{Device, Tensor, Variable};
/// use hadal::optim::{AdamW, AdamWOptions, Group};
/// # let device = Device::open("cpu")?;
/// # let weight = Variable::new("weight", &Tensor::new(&device, &[1.0f32], [1])?)?;
/// # let bias = Variable::new("bias", &Tensor::new(&device, &[1.0f32], [1])?)?;
/// let groups = [Group::new(&[&weight]), Group::new(&[&bias]).rate_factor(0.5).weight_decay(0.0)];
/// let optimizer = AdamW::with_groups(&groups, 1e-3, AdamWOptions::default())?;
/// # Ok::<(), hadal::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Group {
    pub(super) variables: Vec<Variable>,
    pub(super) rate_factor: f64,
    pub(super) weight_decay: Option<f64>,
}

impl Group {
    /// A group with the optimizer's own learning rate and weight decay. Variables that are not trainable are left out.
    pub fn new(variables: &[&Variable]) -> Group {
        let trainable = variables.iter().filter(|v| v.is_trainable());
        Group { variables: trainable.map(|&v| v.clone()).collect(), rate_factor: 1.0, weight_decay: None }
    }

    /// Multiplies the learning rate for this group. The factor is part of the plan.
    pub fn rate_factor(self, rate_factor: f64) -> Group {
        Group { rate_factor, ..self }
    }

    /// Takes the place of the weight decay in the optimizer's options.
    pub fn weight_decay(self, weight_decay: f64) -> Group {
        Group { weight_decay: Some(weight_decay), ..self }
    }
}
