//! State that is saved and restored: named variables.

use crate::device::Device;
use crate::nn::Weights;
use crate::tensor::{Tensor, materialise};
use crate::variable::Variable;
use crate::{Error, Result};
use hadal_graph::HostTensor;
use std::collections::BTreeMap;

/// What keeps state in variables: optimizers, averages of weights, scalers. Saved and restored bit for bit.
///
/// ```
/// # use hadal::{Device, Tensor, Variable};
/// use hadal::optim::{Adam, AdamOptions, Stateful};
/// # let device = Device::open("cpu")?;
/// # let w = Variable::new("w", &Tensor::new(&device, &[1.0f32], [1])?)?;
/// let adam = Adam::new(&[&w], 0.1, AdamOptions::default())?;
/// let saved = adam.state_dict()?;
/// assert_eq!(saved.names().collect::<Vec<_>>(), ["learning_rate", "step", "w.mean", "w.square"]);
/// adam.load_state_dict(&saved)?;
/// # Ok::<(), hadal::Error>(())
/// ```
pub trait Stateful {
    /// What is kept, under names that belong to it alone. Parameters are not part of it: a model saves those.
    fn state(&self) -> Vec<(String, &Variable)>;

    /// The values of [`Stateful::state`], computed in one run and copied to host memory; [`Weights::save`] writes them.
    ///
    /// Errors: two parameters of one name; faults of the device; variables that a run under way holds.
    #[cfg(not(target_arch = "wasm32"))]
    fn state_dict(&self) -> Result<Weights> {
        crate::device::block_on(state_dict_async(&self.state()))
    }

    /// Replaces the state by a saved one. Nothing changes if there is an error.
    ///
    /// Errors: `Weights` for a tensor that is missing or of another type, or that belongs to nothing here.
    fn load_state_dict(&self, saved: &Weights) -> Result<()> {
        write(&self.state(), saved)
    }
}

/// The values of [`Stateful::state`], for a browser: `state_dict_async(&optimizer.state()).await`. Errors: as [`Stateful::state_dict`].
pub async fn state_dict_async(state: &[(String, &Variable)]) -> Result<Weights> {
    let mut values: Vec<Tensor> = Vec::with_capacity(state.len());
    for (_, variable) in state {
        values.push(variable.held()?);
    }
    materialise(values.clone()).await?;
    let mut saved: BTreeMap<String, HostTensor> = BTreeMap::new();
    for ((name, _), value) in state.iter().zip(&values) {
        if saved.insert(name.clone(), value.to_host_async().await?).is_some() {
            return Err(Error::Weights(format!(
                "two variables would be saved as `{name}`\n  hint: give the model's variables names that differ"
            )));
        }
    }
    let device = state.first().map_or_else(Device::meta, |(_, variable)| variable.device().clone());
    Ok(Weights::from_tensors(saved, &device))
}

fn write(state: &[(String, &Variable)], saved: &Weights) -> Result<()> {
    let mut values = Vec::with_capacity(state.len());
    for (name, variable) in state {
        let Some(value) = saved.value(name) else {
            return Err(Error::Weights(format!(
                "{} has no tensor `{name}`\n  hint: it belongs to another optimizer or model",
                saved.source()
            )));
        };
        if value.dtype() != variable.dtype() || Some(value.shape().to_vec()) != variable.shape().as_const() {
            return Err(Error::Weights(format!(
                "the tensor `{name}` of {} is {}{:?}, but {} was expected\n  hint: it belongs to a model of another size",
                saved.source(),
                value.dtype(),
                value.shape(),
                variable.ty()
            )));
        }
        values.push(Tensor::from_host(variable.device(), value)?);
    }
    if let Some(unknown) = saved.names().find(|known| !state.iter().any(|(name, _)| name == known)) {
        return Err(Error::Weights(format!(
            "{} has a tensor `{unknown}` that belongs to nothing here\n  hint: it was saved with other options",
            saved.source()
        )));
    }
    for ((_, variable), value) in state.iter().zip(&values) {
        variable.set(value)?;
    }
    Ok(())
}
