//! Rows: what is compared, and how.

use crate::golden::Golden;
use hadal::nn::{Module, Scope, Weights};
use hadal::{Device, HostTensor, Result, Shape, Tensor, Variable, jit};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Largest difference, as a share of the largest expected value (or of 1): rounding of `f32` over some hundred terms.
const TOLERANCE: f64 = 1e-5;

/// Runs a row on a device; says what differs.
type Check = dyn Fn(&Device) -> Result<(), String>;

/// A layer, a loss or an activation, and how the golden file calls it.
#[derive(Clone)]
pub(crate) struct Row {
    /// The public name, and a variant after a dot; the golden file's name.
    pub(crate) name: &'static str,
    run: Arc<Check>,
}

impl Row {
    /// Runs the row on a device. Errors: what differs.
    pub(crate) fn check(&self, device: &Device) -> Result<(), String> {
        (self.run)(device).map_err(|error| format!("{}: {error}", self.name))
    }
}

/// Tensors of the golden file, by name: those with a gradient are variables.
pub(crate) struct Inputs {
    variables: BTreeMap<String, Variable>,
    constants: BTreeMap<String, Tensor>,
}

impl Inputs {
    /// The input of that name.
    pub(crate) fn get(&self, name: &str) -> Result<Tensor> {
        match self.variables.get(name) {
            Some(variable) => variable.get(),
            None => Ok(self.constants[name].clone()),
        }
    }
}

/// A row of a layer in training.
pub(crate) fn layer<L: Module + 'static>(
    name: &'static str,
    build: impl Fn(&Scope) -> Result<L> + 'static,
    forward: impl Fn(&L, &Inputs) -> Result<Vec<Tensor>> + 'static,
) -> Row {
    let run = move |device: &Device| compare(name, device, true, &build, &forward);
    Row { name, run: Arc::new(run) }
}

/// A row of a layer in evaluation.
pub(crate) fn evaluated<L: Module + 'static>(
    name: &'static str,
    build: impl Fn(&Scope) -> Result<L> + 'static,
    forward: impl Fn(&L, &Inputs) -> Result<Vec<Tensor>> + 'static,
) -> Row {
    let run = move |device: &Device| compare(name, device, false, &build, &forward);
    Row { name, run: Arc::new(run) }
}

/// A row of a function without parameters.
pub(crate) fn function(name: &'static str, forward: impl Fn(&Inputs) -> Result<Tensor> + 'static) -> Row {
    let forward = move |_: &(), inputs: &Inputs| Ok(vec![forward(inputs)?]);
    layer(name, |_| Ok(()), forward)
}

fn compare<L: Module>(
    name: &str,
    device: &Device,
    training: bool,
    build: &dyn Fn(&Scope) -> Result<L>,
    forward: &dyn Fn(&L, &Inputs) -> Result<Vec<Tensor>>,
) -> Result<(), String> {
    let golden = Golden::open(name)?;
    for traced in [false, true] {
        let how = if traced { "under jit" } else { "eagerly" };
        let found = compute(&golden, device, training, traced, build, forward);
        let found = found.map_err(|error| format!("{how}: {error}"))?;
        let expected = || {
            let outputs = golden.outputs.iter().enumerate().map(|(i, o)| (format!("output {i}"), o));
            let gradients = golden.gradients.iter().map(|(n, g)| (format!("the gradient of {n}"), g));
            outputs.chain(gradients).chain(golden.buffers.iter().map(|(n, b)| (format!("the buffer {n}"), b)))
        };
        if let Some(other) = found.keys().find(|key| !expected().any(|(name, _)| name == **key)) {
            return Err(format!("{how}: PyTorch has no {other}"));
        }
        for (what, packed) in expected() {
            let Some(value) = found.get(&what) else { return Err(format!("{how}: there is no {what}")) };
            if let Some(difference) = packed.differs(value, TOLERANCE) {
                return Err(format!("{how}: {what}: {difference}"));
            }
        }
    }
    Ok(())
}

/// Outputs, gradients and buffers by what they are.
fn compute<L: Module>(
    golden: &Golden,
    device: &Device,
    training: bool,
    traced: bool,
    build: &dyn Fn(&Scope) -> Result<L>,
    forward: &dyn Fn(&L, &Inputs) -> Result<Vec<Tensor>>,
) -> Result<BTreeMap<String, HostTensor>> {
    let state = golden.state.iter().map(|(name, value)| (name.clone(), value.host())).collect();
    let layer = build(&Scope::weights(&Weights::from_tensors(state, device)).trainable())?;
    if !training {
        layer.eval();
    }
    let mut inputs = Inputs { variables: BTreeMap::new(), constants: BTreeMap::new() };
    for (name, value) in &golden.inputs {
        let tensor = Tensor::from_host(device, &value.host())?;
        match golden.gradients.contains_key(name) {
            true => drop(inputs.variables.insert(name.clone(), Variable::new(name, &tensor)?)),
            false => drop(inputs.constants.insert(name.clone(), tensor)),
        }
    }
    let mut leaves: Vec<(&str, &Variable)> = inputs.variables.iter().map(|(n, v)| (n.as_str(), v)).collect();
    leaves.extend(layer.named_parameters().into_iter().filter_map(|(n, p)| Some((n, p.variable()?))));
    let run = |_: &[Tensor]| -> Result<Vec<Tensor>> {
        let mut results = forward(&layer, &inputs)?;
        let mut total = Tensor::zeros(device, Shape::scalar(), hadal::DType::F32)?;
        for (output, seed) in results.iter().zip(&golden.seeds) {
            total = (total + (output * Tensor::from_host(device, &seed.host())?)?.sum(&[])?)?;
        }
        let gradients = total.backward()?;
        for (_, variable) in &leaves {
            results.push(match gradients.get(variable) {
                Some(gradient) => gradient.clone(),
                None => Tensor::zeros(device, variable.shape().clone(), variable.dtype())?,
            });
        }
        Ok(results)
    };
    let results = if traced { jit(device, run).call(&[])? } else { run(&[])? };
    let outputs = results.len() - leaves.len();
    let names = (0..outputs).map(|i| format!("output {i}"));
    let names = names.chain(leaves.iter().map(|(name, _)| format!("the gradient of {name}")));
    let mut found = BTreeMap::new();
    for (name, result) in names.zip(&results) {
        found.insert(name, result.to_host()?);
    }
    for (name, buffer) in layer.named_buffers() {
        found.insert(format!("the buffer {name}"), buffer.get()?.to_host()?);
    }
    Ok(found)
}
