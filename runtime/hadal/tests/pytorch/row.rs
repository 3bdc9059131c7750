//! Rows: what is compared, and how.

use crate::golden::Golden;
use hadal::amp::autocast;
use hadal::nn::{Module, Scope, Weights};
use hadal::{DType, Device, HostTensor, Result, Shape, Tensor, Variable, jit};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Largest difference, as a share of the largest expected value (or of 1): rounding of `f32` over some hundred terms.
const TOLERANCE: f64 = 1e-5;

/// How a row is run.
#[derive(Clone, Copy)]
pub(crate) struct How {
    /// Under `jit`, or eagerly.
    pub(crate) traced: bool,
    /// Under autocast, with inputs of that dtype.
    pub(crate) mixed: Option<DType>,
    /// Largest difference, as a share of the largest expected value (or of 1).
    pub(crate) tolerance: f64,
}

/// Runs a row on a device; says what differs.
type Check = dyn Fn(&Device, How) -> Result<(), String>;

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
        for traced in [false, true] {
            let found = self.run(device, How { traced, mixed: None, tolerance: TOLERANCE });
            found.map_err(|error| format!("{}: {error}", if traced { "under jit" } else { "eagerly" }))?;
        }
        Ok(())
    }

    /// Runs the row in one way. Errors: what differs.
    pub(crate) fn run(&self, device: &Device, how: How) -> Result<(), String> {
        (self.run)(device, how).map_err(|error| format!("{}: {error}", self.name))
    }
}

/// Tensors of the golden file, by name: those with a gradient are variables.
pub(crate) struct Inputs {
    variables: BTreeMap<String, Variable>,
    constants: BTreeMap<String, Tensor>,
    mixed: Option<DType>,
}

impl Inputs {
    /// The input of that name.
    pub(crate) fn get(&self, name: &str) -> Result<Tensor> {
        let tensor = match self.variables.get(name) {
            Some(variable) => variable.get()?,
            None => self.constants[name].clone(),
        };
        match self.mixed {
            // A product is an activation, which a parameter is not.
            Some(half) if tensor.dtype().is_float() => tensor.to_dtype(half)? * 1.0,
            _ => Ok(tensor),
        }
    }
}

/// A row of a layer in training.
pub(crate) fn layer<L: Module + 'static>(
    name: &'static str,
    build: impl Fn(&Scope) -> Result<L> + 'static,
    forward: impl Fn(&L, &Inputs) -> Result<Vec<Tensor>> + 'static,
) -> Row {
    let run = move |device: &Device, how: How| compare(name, device, true, how, &build, &forward);
    Row { name, run: Arc::new(run) }
}

/// A row of a layer in evaluation.
pub(crate) fn evaluated<L: Module + 'static>(
    name: &'static str,
    build: impl Fn(&Scope) -> Result<L> + 'static,
    forward: impl Fn(&L, &Inputs) -> Result<Vec<Tensor>> + 'static,
) -> Row {
    let run = move |device: &Device, how: How| compare(name, device, false, how, &build, &forward);
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
    how: How,
    build: &dyn Fn(&Scope) -> Result<L>,
    forward: &dyn Fn(&L, &Inputs) -> Result<Vec<Tensor>>,
) -> Result<(), String> {
    let golden = Golden::open(name)?;
    let found = compute(&golden, device, training, how, build, forward).map_err(|error| error.to_string())?;
    let expected = || {
        let outputs = golden.outputs.iter().enumerate().map(|(i, o)| (format!("output {i}"), o));
        let gradients = golden.gradients.iter().map(|(n, g)| (format!("the gradient of {n}"), g));
        outputs.chain(gradients).chain(golden.buffers.iter().map(|(n, b)| (format!("the buffer {n}"), b)))
    };
    if let Some(other) = found.keys().find(|key| !expected().any(|(name, _)| name == **key)) {
        return Err(format!("PyTorch has no {other}"));
    }
    for (what, packed) in expected() {
        let Some(value) = found.get(&what) else { return Err(format!("there is no {what}")) };
        if let Some(difference) = packed.differs(value, how.tolerance) {
            return Err(format!("{what}: {difference}"));
        }
    }
    Ok(())
}

/// Outputs, gradients and buffers by what they are.
fn compute<L: Module>(
    golden: &Golden,
    device: &Device,
    training: bool,
    how: How,
    build: &dyn Fn(&Scope) -> Result<L>,
    forward: &dyn Fn(&L, &Inputs) -> Result<Vec<Tensor>>,
) -> Result<BTreeMap<String, HostTensor>> {
    let state = golden.state.iter().map(|(name, value)| (name.clone(), value.host())).collect();
    let layer = build(&Scope::weights(&Weights::from_tensors(state, device)).trainable())?;
    if !training {
        layer.eval();
    }
    let mut inputs = Inputs { variables: BTreeMap::new(), constants: BTreeMap::new(), mixed: how.mixed };
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
        let mut results = match how.mixed {
            None => forward(&layer, &inputs)?,
            Some(half) => autocast(half, || forward(&layer, &inputs))?,
        };
        for result in results.iter_mut().filter(|r| r.dtype().is_float()) {
            *result = result.to_dtype(DType::F32)?;
        }
        let mut total = Tensor::zeros(device, Shape::scalar(), DType::F32)?;
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
    let results = if how.traced { jit(device, run).call(&[])? } else { run(&[])? };
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
