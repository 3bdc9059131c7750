//! A graph with its weights, prepared on one device and run on host tensors.

use anyhow::{Context, Result};
use hadal::backend::{Arguments, Backend, Executable, ExecutableStats, Weights};
use hadal::graph::program::ValueId;
use hadal::graph::reference::bind;
use hadal::graph::{Bindings, Bytes, Graph, HostTensor, compile};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Host tensors by name.
pub(crate) type Tensors = BTreeMap<String, HostTensor>;

/// A prepared graph. Variables start from their values in the weights at each run.
pub(crate) struct Session {
    backend: Arc<dyn Backend>,
    executable: Arc<dyn Executable>,
    graph: Graph,
    weights: Weights,
}

impl Session {
    /// Compiles `graph` for the backend and prepares it.
    pub(crate) fn new(backend: &Arc<dyn Backend>, graph: &Graph, weights: &Weights) -> Result<Session> {
        let program = compile(graph, backend.target())
            .with_context(|| format!("`{}` cannot run on {}", graph.name, backend.info().id()))?;
        let executable = pollster::block_on(backend.prepare(Arc::new(program), weights))
            .with_context(|| format!("`{}` cannot be prepared on {}", graph.name, backend.info().id()))?;
        let (graph, weights) = (graph.clone(), weights.clone());
        Ok(Session { backend: backend.clone(), executable, graph, weights })
    }

    /// The prepared program.
    pub(crate) fn executable(&self) -> &dyn Executable {
        &*self.executable
    }

    /// Counters since preparation.
    pub(crate) fn stats(&self) -> ExecutableStats {
        self.executable.stats()
    }

    /// The outputs for `inputs`, in the graph's order. Errors: an input that is missing or not of its declared type, and the device's.
    pub(crate) fn run(&self, inputs: &Tensors) -> Result<Vec<HostTensor>> {
        let mut leaves = self.weights.clone();
        leaves.extend(inputs.iter().map(|(name, tensor)| (name.clone(), tensor.clone())));
        let bindings = bind(&self.graph, &leaves)?;
        let program = self.executable.program().clone();
        let upload = |ids: &[ValueId]| {
            ids.iter()
                .map(|&id| {
                    let name = &program.values[id].name;
                    let tensor = leaves.get(name).with_context(|| format!("`{name}` was not given"))?;
                    Ok(self.backend.upload(tensor)?)
                })
                .collect::<Result<Vec<_>>>()
        };
        let arguments = Arguments {
            bindings: bindings.clone(),
            inputs: upload(&program.inputs)?,
            variables: upload(&program.variables)?,
        };
        let results = pollster::block_on(self.executable.run(arguments))?;
        let mut outputs = Vec::new();
        for (&id, buffer) in program.outputs.iter().zip(&results.outputs) {
            let value = &program.values[id];
            let shape = value.shape.eval(&bindings)?;
            let bytes = pollster::block_on(self.backend.read(buffer))?;
            outputs.push(HostTensor::from_bytes(value.dtype, shape, Bytes::new(bytes))?);
        }
        Ok(outputs)
    }

    /// The plan for one set of sizes.
    pub(crate) fn plan(&self, bindings: &Bindings) -> Result<hadal::backend::PlanReport> {
        Ok(self.executable.plan(bindings)?)
    }
}
