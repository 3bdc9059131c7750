//! State dicts: values of parameters and buffers by name.

use super::{Buffer, Parameter, Weights};
use crate::device::Device;
use crate::tensor::{Tensor, materialise};
use crate::variable::Variable;
use crate::{Error, Result};
use hadal_graph::{HostTensor, Shape};
use std::collections::{BTreeMap, BTreeSet};

/// Copies what is held under each name. Errors: two tensors of one name.
pub(crate) async fn save(
    parameters: Vec<(&str, &Parameter)>,
    buffers: Vec<(&str, &Buffer)>,
) -> Result<Weights> {
    let mut tensors: BTreeMap<&str, Tensor> = BTreeMap::new();
    let parameters = parameters.into_iter().map(|(name, parameter)| (name, parameter.get()));
    for (name, value) in parameters.chain(buffers.into_iter().map(|(name, buffer)| (name, buffer.get()))) {
        if tensors.insert(name, value?).is_some() {
            return Err(twice(name));
        }
    }
    materialise(tensors.values().cloned().collect()).await?;
    let device = tensors.values().next().map_or_else(Device::meta, |tensor| tensor.device().clone());
    let mut values: BTreeMap<String, HostTensor> = BTreeMap::new();
    for (name, tensor) in tensors {
        values.insert(name.to_string(), tensor.to_host_async().await?);
    }
    Ok(Weights::from_tensors(values, &device))
}

/// Sets what is held under each name, or nothing at all.
#[track_caller]
pub(crate) fn load(
    parameters: &[(&str, &Parameter)],
    buffers: &[(&str, &Buffer)],
    weights: &Weights,
) -> Result<()> {
    let parameters = parameters.iter().map(|(name, parameter)| (*name, parameter.variable()));
    let buffers = buffers.iter().map(|(name, buffer)| (*name, buffer.variable()));
    let mut names = BTreeSet::new();
    let mut wrong = Wrong::default();
    let mut updates: Vec<(&Variable, &HostTensor)> = Vec::new();
    for (name, variable) in parameters.chain(buffers) {
        if !names.insert(name) {
            return Err(twice(name));
        }
        match (variable, weights.value(name)) {
            (None, _) => wrong.frozen.push(name.into()),
            (Some(_), None) => wrong.missing.push(name.into()),
            (Some(variable), Some(value)) => {
                if variable.dtype() != value.dtype() || *variable.shape() != Shape::from(value.shape()) {
                    wrong.types.push(format!(
                        "{name} ({}{} here, {}{} there)",
                        variable.dtype(),
                        variable.shape(),
                        value.dtype(),
                        Shape::from(value.shape())
                    ));
                }
                updates.push((variable, value));
            }
        }
    }
    wrong.unexpected = weights.names().filter(|name| !names.contains(name)).map(String::from).collect();
    wrong.check(weights.source())?;
    for (variable, value) in updates {
        variable.set(&Tensor::from_host(variable.device(), value)?)?;
    }
    Ok(())
}

fn twice(name: &str) -> Error {
    Error::Weights(format!(
        "two tensors of the module are called `{name}`\n  hint: give each layer a name of its own with `scope.at(..)`"
    ))
}

/// Names that do not fit, by what is wrong with them.
#[derive(Default)]
struct Wrong {
    missing: Vec<String>,
    unexpected: Vec<String>,
    types: Vec<String>,
    frozen: Vec<String>,
}

impl Wrong {
    fn check(&self, source: &str) -> Result<()> {
        let kinds = [
            ("missing", &self.missing),
            ("not in the module", &self.unexpected),
            ("of another type", &self.types),
            ("frozen in the module (build it on `Scope::weights(..).trainable()`)", &self.frozen),
        ];
        let lines: Vec<String> = kinds
            .iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(what, names)| format!("\n  {what}: {}", names.join(", ")))
            .collect();
        if lines.is_empty() {
            return Ok(());
        }
        Err(Error::Weights(format!("{source} does not fit the module{}", lines.concat())))
    }
}
