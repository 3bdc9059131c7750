//! Walking a graph.

use super::{Array, Evaluate, Values};
use crate::dim::{Bindings, Symbol};
use crate::error::{GraphError, OpError};
use crate::graph::{Graph, Node, NodeId};
use crate::op::{Op, Operator};
use crate::{HostTensor, TensorType};
use std::collections::BTreeMap;

/// What a graph computed.
#[derive(Clone, Debug, PartialEq)]
pub struct Interpretation {
    /// The outputs, in the graph's order.
    pub outputs: Vec<HostTensor>,
    /// New values of variables, by name.
    pub assigns: Vec<(String, HostTensor)>,
}

/// Computes a graph from its inputs, parameters and variables, by name. Tensors that the graph does not have are ignored.
///
/// Errors: a leaf that is missing or not of its declared type, a symbol that two shapes bind differently, and whatever an op says about its
/// values (an index out of range).
pub fn interpret(graph: &Graph, inputs: &BTreeMap<String, HostTensor>) -> Result<Interpretation, GraphError> {
    interpret_observed(graph, inputs, &mut |_, _| {})
}

/// Like [`interpret`]; `observe` is shown the results of every live node as it is computed.
pub fn interpret_observed(
    graph: &Graph,
    inputs: &BTreeMap<String, HostTensor>,
    observe: &mut dyn FnMut(NodeId, &[Array]),
) -> Result<Interpretation, GraphError> {
    let bindings = bind(graph, inputs)?;
    let leaf = |name: &str| inputs.get(name).map(Array::from_host);
    let mut wanted: Vec<NodeId> = graph.outputs.iter().map(|o| o.node).collect();
    wanted.extend(graph.assigns.iter().map(|a| a.value));
    let mut values = walk(graph, &wanted, &leaf, &bindings, observe)?.into_iter();
    let host = |array: Array| array.to_host().map_err(|e| GraphError::general("interpret", e.into()));
    let outputs = values.by_ref().take(graph.outputs.len()).map(host).collect::<Result<_, _>>()?;
    let mut assigns = Vec::new();
    for (assign, value) in graph.assigns.iter().zip(values) {
        let name = graph.node(assign.variable).op.leaf_name().unwrap_or_default();
        assigns.push((name.to_string(), host(value)?));
    }
    Ok(Interpretation { outputs, assigns })
}

/// The values of all symbols of a graph, from the shapes of its inputs.
///
/// Errors: an input is missing or has another dtype, rank or extent than declared; two inputs bind one symbol differently.
pub fn bind(graph: &Graph, inputs: &BTreeMap<String, HostTensor>) -> Result<Bindings, GraphError> {
    let live = graph.live();
    let mut leaves: Vec<(&Node, &str, &HostTensor)> = Vec::new();
    for (id, node) in graph.nodes().iter() {
        let Some(name) = node.op.leaf_name().filter(|_| live[id.index()]) else { continue };
        match inputs.get(name) {
            Some(tensor) => leaves.push((node, name, tensor)),
            None => return Err(fail(node, OpError::Value(format!("`{name}` was not given")))),
        }
    }
    let mut bindings = Bindings::new();
    let mut bound_by: BTreeMap<Symbol, String> = BTreeMap::new();
    for &(node, name, tensor) in &leaves {
        let ty = &node.types[0];
        if tensor.dtype() != ty.dtype || tensor.shape().len() != ty.rank() {
            return Err(fail(node, wrong_type(name, ty, tensor)));
        }
        for (axis, (dim, &extent)) in ty.shape.iter().zip(tensor.shape()).enumerate() {
            let Some(symbol) = dim.as_symbol() else { continue };
            if let Err(earlier) = bindings.bind(symbol.clone(), extent) {
                let by = bound_by.get(symbol).map_or("", String::as_str);
                return Err(fail(
                    node,
                    OpError::Value(format!(
                        "`{symbol}` is {extent} at axis {axis} of `{name}`, but {earlier} at {by}"
                    )),
                ));
            }
            bound_by.entry(symbol.clone()).or_insert_with(|| format!("axis {axis} of `{name}`"));
        }
    }
    for &(node, name, tensor) in &leaves {
        let extents = node.types[0].shape.eval(&bindings).map_err(|e| fail(node, e.into()))?;
        if extents != tensor.shape() {
            return Err(fail(node, wrong_type(name, &node.types[0], tensor)));
        }
    }
    Ok(bindings)
}

fn wrong_type(name: &str, declared: &TensorType, given: &HostTensor) -> OpError {
    OpError::Value(format!("`{name}` must be {declared}, but {}{:?} was given", given.dtype(), given.shape()))
}

/// Computes one op: floats of the results are rounded to their dtypes and integers wrapped into them.
///
/// Errors: whatever the op says about its values; `Value` when a result is not of its inferred type, which is a bug of the op.
pub fn evaluate(op: &Op, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
    let results = op.evaluate(cx)?;
    if results.len() != cx.types.len() {
        return Err(OpError::Value(format!("{} results instead of {}", results.len(), cx.types.len())));
    }
    for (result, ty) in results.iter().zip(cx.types) {
        let extents = cx.extents(&ty.shape)?;
        let elements: usize = extents.iter().product();
        if result.dtype != ty.dtype
            || result.shape != extents
            || result.values.len() != elements
            || matches!(result.values, Values::Float(_)) != ty.dtype.is_float()
        {
            return Err(OpError::Value(format!(
                "computed {}{:?} instead of {ty}",
                result.dtype, result.shape
            )));
        }
    }
    Ok(results.into_iter().map(Array::rounded).collect())
}

/// The outputs of a region on `inputs`. The region's symbols are those of the graph around it.
pub(crate) fn interpret_region(
    region: &Graph,
    inputs: &[Array],
    bindings: &Bindings,
) -> Result<Vec<Array>, OpError> {
    let leaf = |name: &str| {
        let position = region.inputs().iter().position(|&i| region.node(i).op.leaf_name() == Some(name))?;
        inputs.get(position).cloned()
    };
    let wanted: Vec<NodeId> = region.outputs.iter().map(|o| o.node).collect();
    walk(region, &wanted, &leaf, bindings, &mut |_, _| {})
        .map_err(|error| OpError::Value(format!("in region `{}`: {error}", region.name)))
}

/// The first results of `wanted`.
fn walk(
    graph: &Graph,
    wanted: &[NodeId],
    leaf: &dyn Fn(&str) -> Option<Array>,
    bindings: &Bindings,
    observe: &mut dyn FnMut(NodeId, &[Array]),
) -> Result<Vec<Array>, GraphError> {
    let live = graph.live();
    let mut uses = vec![0usize; graph.nodes().len()];
    for (_, node) in graph.nodes().iter().filter(|(id, _)| live[id.index()]) {
        node.inputs.iter().for_each(|i| uses[i.index()] += 1);
    }
    wanted.iter().for_each(|w| uses[w.index()] += 1);
    let mut values: Vec<Vec<Array>> = vec![Vec::new(); graph.nodes().len()];
    for (id, node) in graph.nodes().iter().filter(|(id, _)| live[id.index()]) {
        let inputs: Vec<&Array> = node.inputs.iter().map(|i| &values[i.index()][0]).collect();
        let cx = Evaluate {
            inputs: &inputs,
            all: &|i| &values[node.inputs[i].index()],
            types: &node.types,
            bindings,
            regions: &node.regions,
            leaf,
        };
        let results = evaluate(&node.op, &cx).map_err(|error| graph.error_at(node, error))?;
        observe(id, &results);
        for input in &node.inputs {
            uses[input.index()] -= 1;
            if uses[input.index()] == 0 {
                values[input.index()] = Vec::new();
            }
        }
        if uses[id.index()] > 0 {
            values[id.index()] = results;
        }
    }
    Ok(wanted.iter().map(|w| values[w.index()][0].clone()).collect())
}

/// The error of a leaf.
fn fail(node: &Node, error: OpError) -> GraphError {
    GraphError::new(node.op.name(), Vec::new(), None, error).at(node)
}
