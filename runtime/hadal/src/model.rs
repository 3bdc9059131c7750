//! Models: a graph with its weights.

use crate::device::Device;
use crate::jit::Outside;
use crate::plan::{Plan, lock};
use crate::tensor::Tensor;
use crate::tensor::record::{Recorder, locate};
use crate::trace::{self, Kind};
use crate::{Error, Result};
use hadal_device::{Arguments, Buffer, ExecutableStats, PlanReport, Weights};
use hadal_formats::Loaded;
use hadal_graph::op::Op;
use hadal_graph::{Bindings, Graph, HostTensor, NodeId, Shape, TensorType};
use std::fmt;
use std::panic::Location;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// A graph with its weights: what a file holds, and what runs on any device.
///
/// ```no_run
/// use hadal::{Device, Model, Tensor};
/// let device = Device::open("auto")?;
/// let model = Model::load("model.onnx")?.to(&device)?;
/// let outputs = model.run(&[("x", &Tensor::new(&device, &[1.0f32, 2.0], [1, 2])?)])?;
/// println!("{}", outputs.get("y")?);
/// # Ok::<(), hadal::Error>(())
/// ```
#[derive(Clone)]
pub struct Model {
    graph: Arc<Graph>,
    weights: Arc<Weights>,
}

impl Model {
    /// A model of a graph and the values of its parameters and variables.
    ///
    /// Errors: a graph that breaks the rules of [`Graph::validate`]; weights that are missing or have another type.
    pub fn new(graph: Graph, weights: Weights) -> Result<Model> {
        graph.validate()?;
        for (_, node) in graph.nodes().iter() {
            let (Op::Parameter(_) | Op::Variable(_)) = node.op else { continue };
            let (name, ty) = (node.op.leaf_name().unwrap_or_default(), &node.types[0]);
            match weights.get(name) {
                None => return Err(Error::Weights(format!("the graph needs a weight `{name}`: {ty}"))),
                Some(value) if value.dtype() != ty.dtype || Shape::from(value.shape()) != ty.shape => {
                    return Err(Error::Weights(format!(
                        "the weight `{name}` must be {ty}, but is {}{:?}",
                        value.dtype(),
                        value.shape()
                    )));
                }
                Some(_) => {}
            }
        }
        Ok(Model { graph: Arc::new(graph), weights: Arc::new(weights) })
    }

    /// Reads a model file: a Hadal file or ONNX. Weights stay in the file, memory-mapped. Errors: `Format`.
    pub fn load(path: impl AsRef<Path>) -> Result<Model> {
        match hadal_formats::load(&path)? {
            Loaded::Hadal(model) | Loaded::Onnx(model) => Model::new(model.graph, model.weights),
            Loaded::Weights(file) => Err(Error::Weights(format!(
                "{} holds {} tensors, but no graph\n  hint: load them into layers with `nn::Weights`",
                file.source(),
                file.len()
            ))),
        }
    }

    /// Writes a Hadal file: one safetensors file that carries the graph. Errors: `Format`.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        Ok(hadal_formats::hadal_file::write(path, &self.graph, &self.weights)?)
    }

    /// Makes a model of a function: `f` runs once, on placeholders of the given types, whose shapes may have symbols. Tensors and
    /// variables that it uses become parameters.
    ///
    /// Errors: those of `f`; a variable that it sets; a name that is used twice.
    #[cfg(not(target_arch = "wasm32"))]
    #[track_caller]
    pub fn trace<N: Into<String>>(
        name: &str,
        device: &Device,
        inputs: &[(&str, TensorType)],
        f: impl FnOnce(&[Tensor]) -> Result<Vec<(N, Tensor)>>,
    ) -> Result<Model> {
        crate::device::block_on(Model::trace_async(name, device, inputs, f))
    }

    /// As `Model::trace`, for a browser.
    pub async fn trace_async<N: Into<String>>(
        name: &str,
        device: &Device,
        inputs: &[(&str, TensorType)],
        f: impl FnOnce(&[Tensor]) -> Result<Vec<(N, Tensor)>>,
    ) -> Result<Model> {
        let (graph, mut weights, captured) = record(name, device, inputs, f)?;
        for (name, tensor) in captured {
            weights.insert(name, tensor.to_host_async().await?);
        }
        Model::new(graph, weights)
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The values of its parameters and variables, by name.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// Names and types of its inputs, in order.
    pub fn inputs(&self) -> impl ExactSizeIterator<Item = (&str, &TensorType)> {
        self.graph.inputs().iter().map(|&id| leaf(&self.graph, id))
    }

    /// Names and types of its outputs, in order.
    pub fn outputs(&self) -> impl ExactSizeIterator<Item = (&str, &TensorType)> {
        self.graph.outputs.iter().map(|o| (o.name.as_str(), self.graph.ty(o.node)))
    }

    /// Compiles the model for a device and uploads its weights. Errors: what the device cannot run; no memory.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn to(&self, device: &Device) -> Result<PreparedModel> {
        crate::device::block_on(self.to_async(device))
    }

    /// As `Model::to`, for a browser.
    pub async fn to_async(&self, device: &Device) -> Result<PreparedModel> {
        let plan = device.book().prepare(device.backend()?, &self.graph, &self.weights).await?;
        let program = plan.executable().program().clone();
        let mut state = Vec::with_capacity(program.variables.len());
        for &variable in &program.variables {
            let name = &program.values[variable].name;
            let value: &HostTensor = self
                .weights
                .get(name)
                .ok_or_else(|| Error::Weights(format!("the variable `{name}` has no initial value")))?;
            state.push(device.upload(value)?);
        }
        Ok(PreparedModel::new(device, self.graph.clone(), plan, state))
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.graph.name;
        write!(f, "Model({name}: {} nodes, {} weights)", self.graph.nodes().len(), self.weights.len())
    }
}

fn leaf(graph: &Graph, id: NodeId) -> (&str, &TensorType) {
    (graph.node(id).op.leaf_name().unwrap_or_default(), graph.ty(id))
}

/// A graph, its weights, and tensors whose values are further weights.
type Traced = (Graph, Weights, Vec<(String, Tensor)>);

fn record<N: Into<String>>(
    name: &str,
    device: &Device,
    inputs: &[(&str, TensorType)],
    f: impl FnOnce(&[Tensor]) -> Result<Vec<(N, Tensor)>>,
) -> Result<Traced> {
    let location = Location::caller();
    let ((scope, placeholders, results), _) = trace::traced(Kind::Model, |scope| {
        let place = |(name, ty): &(&str, TensorType)| trace::placeholder(device, ty.clone(), name, location);
        let placeholders: Vec<Tensor> = inputs.iter().map(place).collect();
        let results = f(&placeholders)?;
        Ok((scope, placeholders, results))
    })?;
    let mut recorder = Recorder::new(name);
    for ((name, _), placeholder) in inputs.iter().zip(&placeholders) {
        let id = recorder.input(name.to_string(), placeholder);
        recorder.bind(placeholder, id);
    }
    let mut outside = Outside::frozen(scope);
    for (name, tensor) in results {
        let id = recorder.record(&tensor, &mut outside.rule())?;
        recorder.graph.output(name, id);
    }
    let locations = recorder.take_locations();
    locate(&mut recorder.graph, &locations);
    let Outside { weights, frozen, .. } = outside;
    Ok((recorder.graph, weights, frozen))
}

/// A model on a device. Immutable but for the state of models that have some; any number of threads may run a model that has none.
pub struct PreparedModel {
    device: Device,
    graph: Arc<Graph>,
    plan: Arc<Plan>,
    /// One buffer per variable; `None` while a run has them.
    state: Mutex<Option<Vec<Buffer>>>,
}

impl PreparedModel {
    pub(crate) fn new(
        device: &Device,
        graph: Arc<Graph>,
        plan: Arc<Plan>,
        state: Vec<Buffer>,
    ) -> PreparedModel {
        PreparedModel { device: device.clone(), graph, plan, state: Mutex::new(Some(state)) }
    }

    /// Runs the model on inputs by name; sizes may differ from run to run where the model leaves them free.
    ///
    /// Errors: inputs that are missing, unknown, on another device, or of another type; sizes that contradict each other.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn run(&self, inputs: &[(&str, &Tensor)]) -> Result<Outputs> {
        crate::device::block_on(self.run_async(inputs))
    }

    /// As `PreparedModel::run`, for a browser.
    pub async fn run_async(&self, inputs: &[(&str, &Tensor)]) -> Result<Outputs> {
        let ordered = self.order(inputs)?;
        let bindings = self.bind(&ordered)?;
        crate::tensor::materialise(ordered.clone()).await?;
        let buffers = ordered.iter().map(Tensor::buffer).collect::<Result<_>>()?;
        let variables = lock(&self.state).take().ok_or_else(|| Error::Variable {
            name: self.graph.name.clone(),
            reason: "a run that is under way holds the model's state, or one has failed with it".into(),
        })?;
        let stateless = variables.is_empty();
        if stateless {
            *lock(&self.state) = Some(Vec::new());
        }
        let run = self.plan.run(Arguments { bindings: bindings.clone(), inputs: buffers, variables });
        let results = run.await?;
        if !stateless {
            *lock(&self.state) = Some(results.variables);
        }
        let program = self.plan.executable().program();
        let mut outputs = Vec::with_capacity(results.outputs.len());
        for ((output, buffer), shape) in
            self.graph.outputs.iter().zip(results.outputs).zip(&program.output_shapes)
        {
            let dims = shape.eval(&bindings).map_err(hadal_device::DeviceError::from)?;
            let tensor = Tensor::from_buffer(&self.device, Shape::from(dims.as_slice()), buffer);
            outputs.push((output.name.clone(), tensor));
        }
        Ok(Outputs(outputs))
    }

    /// The plan for inputs of the given shapes, as a table. Errors: as [`PreparedModel::run_async`].
    pub fn plan(&self, shapes: &[(&str, &[usize])]) -> Result<PlanReport> {
        let meta = Device::meta();
        let mut inputs = Vec::new();
        for (name, shape) in shapes {
            let ty = self.graph.leaf(name).map(|id| self.graph.dtype(id));
            let dtype = ty.ok_or_else(|| self.unknown(name))?;
            inputs.push((*name, Tensor::zeros(&meta, Shape::from(*shape), dtype)?));
        }
        let inputs: Vec<(&str, &Tensor)> = inputs.iter().map(|(name, tensor)| (*name, tensor)).collect();
        let bindings = self.bind(&self.match_names(&inputs)?)?;
        Ok(self.plan.executable().plan(&bindings)?)
    }

    /// Counts of its runs.
    pub fn stats(&self) -> ExecutableStats {
        self.plan.executable().stats()
    }

    /// Where it runs.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The program that the device was given.
    pub fn program(&self) -> &hadal_graph::program::Program {
        self.plan.executable().program()
    }

    #[track_caller]
    fn order(&self, inputs: &[(&str, &Tensor)]) -> Result<Vec<Tensor>> {
        if let Some((_, other)) = inputs.iter().find(|(_, t)| *t.device() != self.device) {
            return Err(Error::devices("run", &self.device, other.device(), Location::caller()));
        }
        self.match_names(inputs)
    }

    /// The inputs in the graph's order.
    fn match_names(&self, inputs: &[(&str, &Tensor)]) -> Result<Vec<Tensor>> {
        let leaves: Vec<(&str, &TensorType)> =
            self.graph.inputs().iter().map(|&id| leaf(&self.graph, id)).collect();
        for (i, (name, _)) in inputs.iter().enumerate() {
            if !leaves.iter().any(|(n, _)| n == name) {
                return Err(self.unknown(name));
            }
            if inputs[..i].iter().any(|(n, _)| n == name) {
                return Err(Error::argument(format!("the input `{name}` was given twice")));
            }
        }
        let find = |(name, ty): &(&str, &TensorType)| match inputs.iter().find(|(n, _)| n == name) {
            Some((_, tensor)) => Ok((*tensor).clone()),
            None => Err(Error::argument(format!("the input `{name}` ({ty}) was not given"))),
        };
        leaves.iter().map(find).collect()
    }

    fn unknown(&self, name: &str) -> Error {
        let names: Vec<&str> = self.graph.inputs().iter().map(|&id| leaf(&self.graph, id).0).collect();
        Error::argument(format!("the model has no input `{name}`; it has: {}", names.join(", ")))
    }

    /// The sizes that the inputs' shapes give to symbols.
    fn bind(&self, inputs: &[Tensor]) -> Result<Bindings> {
        let mut bindings = Bindings::new();
        let leaves = || self.graph.inputs().iter().map(|&id| leaf(&self.graph, id)).zip(inputs);
        for ((name, ty), tensor) in leaves() {
            let dims = tensor.dims()?;
            if tensor.dtype() != ty.dtype || dims.len() != ty.rank() {
                return Err(Error::argument(format!(
                    "the input `{name}` must be {ty}, but is {}",
                    tensor.ty()
                )));
            }
            for (dim, extent) in ty.shape.iter().zip(dims) {
                if let Some(symbol) = dim.as_symbol()
                    && let Err(earlier) = bindings.bind(symbol.clone(), extent)
                {
                    return Err(Error::argument(format!(
                        "the size `{symbol}` is {earlier} by one input, but {extent} by `{name}`"
                    )));
                }
            }
        }
        for ((name, ty), tensor) in leaves() {
            let expected = ty.shape.eval(&bindings).map_err(hadal_device::DeviceError::from)?;
            if tensor.dims()? != expected {
                return Err(Error::argument(format!(
                    "the input `{name}` must be {ty}, but is {}",
                    tensor.ty()
                )));
            }
        }
        Ok(bindings)
    }
}

impl fmt::Debug for PreparedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PreparedModel({} on {})", self.graph.name, self.device)
    }
}

/// What a model returned, by name, in the model's order.
#[derive(Clone, Debug)]
pub struct Outputs(Vec<(String, Tensor)>);

impl Outputs {
    /// The output `name`. Errors: there is none of that name.
    pub fn get(&self, name: &str) -> Result<&Tensor> {
        let names = || self.0.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>().join(", ");
        let found = self.0.iter().find(|(n, _)| n == name).map(|(_, tensor)| tensor);
        found.ok_or_else(|| Error::argument(format!("the model has no output `{name}`; it has: {}", names())))
    }

    /// All outputs.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Tensor)> {
        self.0.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }
}

impl IntoIterator for Outputs {
    type Item = (String, Tensor);
    type IntoIter = std::vec::IntoIter<(String, Tensor)>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
