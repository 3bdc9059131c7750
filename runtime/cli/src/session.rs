//! A graph with its weights, prepared on one device and run on host tensors.

use anyhow::{Context, Result};
use hadal::backend::{Backend, ExecutableStats, PlanReport, Weights};
use hadal::graph::program::Program;
use hadal::graph::{Bindings, Graph, HostTensor};
use hadal::{Device, Model, PreparedModel, Tensor};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Host tensors by name.
pub(crate) type Tensors = BTreeMap<String, HostTensor>;

/// A prepared model that takes and returns host tensors.
pub(crate) struct Session(PreparedModel);

impl Session {
    /// Compiles `graph` for the backend and prepares it.
    pub(crate) fn new(backend: &Arc<dyn Backend>, graph: &Graph, weights: &Weights) -> Result<Session> {
        let prepared = Model::new(graph.clone(), weights.clone())
            .and_then(|model| model.to(&Device::from_backend(backend.clone())))
            .with_context(|| format!("`{}` cannot be prepared on {}", graph.name, backend.info().id()))?;
        Ok(Session(prepared))
    }

    /// The device that it runs on.
    pub(crate) fn device(&self) -> &Device {
        self.0.device()
    }

    /// The prepared program.
    pub(crate) fn program(&self) -> &Program {
        self.0.program()
    }

    /// Counters since preparation.
    pub(crate) fn stats(&self) -> ExecutableStats {
        self.0.stats()
    }

    /// The outputs for `inputs`, in the graph's order. Errors: an input that is missing or not of its declared type, and the device's.
    pub(crate) fn run(&self, inputs: &Tensors) -> Result<Vec<HostTensor>> {
        let tensors: Vec<(&str, Tensor)> = inputs
            .iter()
            .map(|(name, tensor)| Ok((name.as_str(), Tensor::from_host(self.0.device(), tensor)?)))
            .collect::<Result<_>>()?;
        let given: Vec<(&str, &Tensor)> = tensors.iter().map(|(name, tensor)| (*name, tensor)).collect();
        let outputs = self.0.run(&given)?;
        outputs.iter().map(|(_, tensor)| Ok(tensor.to_host()?)).collect()
    }

    /// The plan for one set of sizes.
    pub(crate) fn plan(&self, sizes: &Bindings) -> Result<PlanReport> {
        let graph = self.0.graph();
        let mut shapes = Vec::new();
        for &id in graph.inputs() {
            let name = graph.node(id).op.leaf_name().unwrap_or_default();
            shapes.push((name, graph.shape(id).eval(sizes)?));
        }
        let shapes: Vec<(&str, &[usize])> =
            shapes.iter().map(|(name, shape)| (*name, shape.as_slice())).collect();
        Ok(self.0.plan(&shapes)?)
    }
}
