//! A model that is ready to run.

use crate::error::{coded, thrown};
use crate::profile;
use hadal::graph::{Bytes, TensorType};
use hadal::profiler::Profiler;
use hadal::{DType, Device, HostTensor, PreparedModel, Tensor};
use js_sys::{Array, Uint8Array};
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;

/// A model on a device.
#[wasm_bindgen]
pub struct Session {
    device: Device,
    model: PreparedModel,
}

impl Session {
    pub(crate) fn new(device: Device, model: PreparedModel) -> Session {
        Session { device, model }
    }
}

#[wasm_bindgen]
impl Session {
    /// JSON: `{name, inputs: [{name, dtype, shape}], outputs: […], nodes, steps, parameters}`. An extent is a number or, where it is free, a text.
    pub fn describe(&self) -> String {
        let graph = self.model.graph();
        let leaf = |&id: &_| port(graph.node(id).op.leaf_name().unwrap_or_default(), graph.ty(id));
        let inputs: Vec<Value> = graph.inputs().iter().map(leaf).collect();
        let outputs: Vec<Value> = graph.outputs.iter().map(|o| port(&o.name, graph.ty(o.node))).collect();
        let program = self.model.program();
        json!({
            "name": graph.name,
            "inputs": inputs,
            "outputs": outputs,
            "nodes": graph.nodes().len(),
            "steps": program.steps.len(),
            "parameters": program.parameters.len(),
        })
        .to_string()
    }

    /// The graph's nodes as JSON: `[{id, op, name, inputs, types}]`, operands first.
    pub fn nodes(&self) -> String {
        let nodes = self.model.graph().nodes().iter().map(|(id, node)| {
            let inputs: Vec<usize> = node.inputs.iter().map(|input| input.index()).collect();
            let types: Vec<String> = node.types.iter().map(|ty| ty.to_string()).collect();
            let name =
                node.op.leaf_name().map(str::to_string).or_else(|| node.name.as_deref().map(str::to_string));
            json!({ "id": id.index(), "op": node.op.label(), "name": name, "inputs": inputs, "types": types })
        });
        Value::from(nodes.collect::<Vec<_>>()).to_string()
    }

    /// Runs the model. `header` is JSON, `[{name, dtype, shape}]`, and `data` holds the bytes of each in the same order.
    ///
    /// Returns an array of the results' header and their bytes. Errors: `input`, `device_lost`, `out_of_memory`.
    pub async fn run(&self, header: String, data: Array) -> Result<Array, JsValue> {
        let tensors = self.inputs(&header, &data)?;
        let inputs: Vec<(&str, &Tensor)> = tensors.iter().map(|(name, tensor)| (&**name, tensor)).collect();
        let outputs = self.model.run_async(&inputs).await.map_err(thrown)?;
        let (mut header, arrays) = (Vec::new(), Array::new());
        for (name, tensor) in outputs.iter() {
            let host = tensor.to_host_async().await.map_err(thrown)?;
            header.push(json!({ "name": name, "dtype": host.dtype().name(), "shape": host.shape() }));
            arrays.push(&Uint8Array::from(&host.bytes()[..]));
        }
        arrays.unshift(&Value::from(header).to_string().into());
        Ok(arrays)
    }

    /// The plan for inputs of the given shapes, JSON `{name: shape}`: `{steps: [{label, kernel, shape, bytes, flops}], arena, weights}`.
    ///
    /// Errors: `input`.
    pub fn plan(&self, shapes: String) -> Result<String, JsValue> {
        let shapes: std::collections::BTreeMap<String, Vec<usize>> =
            serde_json::from_str(&shapes).map_err(|error| coded("input", &error.to_string()))?;
        let shapes: Vec<(&str, &[usize])> =
            shapes.iter().map(|(name, shape)| (name.as_str(), shape.as_slice())).collect();
        let plan = self.model.plan(&shapes).map_err(thrown)?;
        let step = |step: &hadal::backend::PlanStep| {
            json!({
                "label": step.label, "kernel": step.kernel, "shape": step.shape, "bytes": step.bytes, "flops": step.flops,
            })
        };
        let steps: Vec<Value> = plan.steps.iter().map(step).collect();
        Ok(json!({ "steps": steps, "arena": plan.arena_bytes, "weights": plan.weight_bytes }).to_string())
    }

    /// One run with the time of each launch; inputs as for [`Session::run`]. JSON: see [`profile::launches`]; empty where the device tells no times.
    ///
    /// Errors: as [`Session::run`], and `input` while another profile of this device is under way.
    pub async fn profile(&self, header: String, data: Array) -> Result<String, JsValue> {
        let tensors = self.inputs(&header, &data)?;
        let inputs: Vec<(&str, &Tensor)> = tensors.iter().map(|(name, tensor)| (&**name, tensor)).collect();
        // What compiles for these sizes is not part of it.
        self.model.run_async(&inputs).await.map_err(thrown)?;
        self.device.synchronize_async().await.map_err(thrown)?;
        let profiler = Profiler::start(&self.device).map_err(thrown)?;
        self.model.run_async(&inputs).await.map_err(thrown)?;
        Ok(profile::launches(&profiler.stop()).to_string())
    }

    fn inputs(&self, header: &str, data: &Array) -> Result<Vec<(String, Tensor)>, JsValue> {
        let described: Vec<Value> =
            serde_json::from_str(header).map_err(|error| coded("input", &error.to_string()))?;
        let mut tensors = Vec::with_capacity(described.len());
        for (i, description) in described.iter().enumerate() {
            let name = description["name"].as_str().unwrap_or_default();
            let bytes: Uint8Array = data.get(i as u32).dyn_into().map_err(|_| {
                coded("input", &format!("the input `{name}` has no data\n  hint: pass a Tensor"))
            })?;
            tensors.push((name.to_string(), self.tensor(name, description, bytes.to_vec())?));
        }
        Ok(tensors)
    }

    fn tensor(&self, name: &str, description: &Value, bytes: Vec<u8>) -> Result<Tensor, JsValue> {
        let wanted = description["dtype"].as_str().unwrap_or_default();
        let known = DType::ALL.into_iter().find(|dtype| dtype.name() == wanted);
        let dtype = known
            .ok_or_else(|| coded("input", &format!("the input `{name}` has the unknown dtype `{wanted}`")))?;
        // Said before it is uploaded: some devices cannot hold every dtype.
        let ty = self.model.graph().leaf(name).map(|id| self.model.graph().ty(id));
        if let Some(ty) = ty.filter(|ty| ty.dtype != dtype) {
            return Err(coded("input", &format!("the input `{name}` must be {ty}, but {dtype} was given")));
        }
        let shape = description["shape"].as_array().into_iter().flatten();
        let shape: Vec<usize> = shape.map(|extent| extent.as_u64().unwrap_or_default() as usize).collect();
        let host = HostTensor::from_bytes(dtype, shape, Bytes::new(bytes)).map_err(thrown)?;
        Tensor::from_host(&self.device, &host).map_err(thrown)
    }
}

/// An input or output of a model.
fn port(name: &str, ty: &TensorType) -> Value {
    let extent = |dim: &hadal::Dim| match dim.as_const() {
        Some(extent) => Value::from(extent),
        None => Value::from(dim.to_string()),
    };
    let shape: Vec<Value> = ty.shape.iter().map(extent).collect();
    json!({ "name": name, "dtype": ty.dtype.name(), "shape": shape })
}
