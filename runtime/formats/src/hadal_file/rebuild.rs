//! From the portable form to a graph, believing nothing.

use super::FORMAT;
use super::portable::{PortableGraph, PortableNode};
use crate::FormatError;
use crate::error::quoted;
use crate::limits::{MAX_REGION_DEPTH, check_shape};
use hadal_graph::op::Op;
use hadal_graph::{DType, Graph, NodeId};
use std::collections::HashSet;
use std::sync::Arc;

/// Applies every op anew. Errors: `Malformed`, `Unsupported`, `Graph`.
pub(super) fn rebuild(portable: &PortableGraph) -> Result<Graph, FormatError> {
    graph(portable, "", 0)
}

/// `path` leads to the region: `node 3, region 1, `.
fn graph(portable: &PortableGraph, path: &str, depth: usize) -> Result<Graph, FormatError> {
    if depth > MAX_REGION_DEPTH {
        let expected = format!("at most {MAX_REGION_DEPTH} levels");
        return Err(FormatError::malformed(FORMAT, path, "deeper regions", expected));
    }
    let mut graph = Graph::new(portable.name.clone());
    let mut leaves = HashSet::new();
    for (index, node) in portable.nodes.iter().enumerate() {
        let place = Place { path, index };
        let op = read_op(node, place)?;
        check_attributes(&op, place)?;
        if let Some(leaf) = op.leaf_name()
            && !leaves.insert(leaf.to_string())
        {
            let found = format!("a second input, parameter or variable called {}", quoted(leaf));
            return Err(FormatError::malformed(FORMAT, place.text(Some(&op)), found, "unique names"));
        }
        add(&mut graph, node, op, place, depth)?;
    }
    let find = |what: String, node: u32| {
        let id = NodeId::new(node as usize);
        graph.nodes().get(id).map(|_| id).ok_or_else(|| {
            let (found, expected) = (format!("node {node}"), format!("one of {}", graph.nodes().len()));
            FormatError::malformed(FORMAT, format!("{path}{what}"), found, expected)
        })
    };
    let mut names = HashSet::new();
    let mut outputs = Vec::new();
    for output in &portable.outputs {
        let what = || format!("output {}", quoted(&output.name));
        outputs.push((output.name.clone(), find(what(), output.node)?));
        if !names.insert(&output.name) {
            return Err(FormatError::malformed(
                FORMAT,
                format!("{path}{}", what()),
                "a second one",
                "unique names",
            ));
        }
    }
    let mut assigns = Vec::new();
    let mut assigned = HashSet::new();
    for assign in &portable.assigns {
        let what = || format!("the assign to node {}", assign.variable);
        assigns.push((find(what(), assign.variable)?, find(what(), assign.value)?));
        if !assigned.insert(assign.variable) {
            let expected = "at most one for each variable";
            return Err(FormatError::malformed(
                FORMAT,
                format!("{path}{}", what()),
                "a second one",
                expected,
            ));
        }
    }
    for (name, node) in outputs {
        graph.output(name, node);
    }
    for (variable, value) in assigns {
        let place = || format!("{path}the assign to node {}", variable.index());
        graph.assign(variable, value).map_err(|e| FormatError::graph(place(), e))?;
    }
    Ok(graph)
}

fn add(
    graph: &mut Graph,
    node: &PortableNode,
    op: Op,
    place: Place<'_>,
    depth: usize,
) -> Result<(), FormatError> {
    let text = place.text(Some(&op));
    let mut inputs = Vec::with_capacity(node.inputs.len());
    for &input in &node.inputs {
        if input as usize >= place.index {
            let found = format!("node {input} as input");
            return Err(FormatError::malformed(FORMAT, text, found, "only earlier nodes"));
        }
        inputs.push(NodeId::new(input as usize));
    }
    let mut regions = Vec::with_capacity(node.regions.len());
    for (i, region) in node.regions.iter().enumerate() {
        let path = format!("{}node {}, region {i}, ", place.path, place.index);
        regions.push(Arc::new(self::graph(region, &path, depth + 1)?));
    }
    let id = graph.apply_regions(op, &inputs, regions).map_err(|e| FormatError::graph(text.clone(), e))?;
    graph.set_location(id, None);
    if let Some(name) = &node.name {
        graph.set_name(id, name.as_str());
    }
    if graph.node(id).types.is_empty() {
        return Err(FormatError::malformed(FORMAT, text, "a node without results", "at least one"));
    }
    for ty in &graph.node(id).types {
        check_shape(&ty.shape)
            .map_err(|(found, expected)| FormatError::malformed(FORMAT, text.clone(), found, expected))?;
    }
    Ok(())
}

/// Reads the op of a node. Errors: `Unsupported` for a version that this build does not know, `Malformed`.
fn read_op(node: &PortableNode, place: Place<'_>) -> Result<Op, FormatError> {
    let newer = |op: Option<&Op>| {
        let what = format!("version {} of the op", node.version);
        FormatError::unsupported(place.text(op), what)
            .with_hint("use a newer Hadal, or write the file with an older one")
    };
    match serde_json::from_value::<Op>(node.op.clone()) {
        Ok(op) if op.version() == node.version => Ok(op),
        Ok(op) => Err(newer(Some(&op))),
        Err(_) if node.version > 1 => Err(newer(None)),
        Err(error) => Err(FormatError::malformed(
            FORMAT,
            place.text(None),
            error.to_string(),
            "an op that this build knows, with its attributes",
        )),
    }
}

/// Checks what inference takes for granted. Errors: `Malformed`.
fn check_attributes(op: &Op, place: Place<'_>) -> Result<(), FormatError> {
    let malformed = |(found, expected): (String, String)| {
        FormatError::malformed(FORMAT, place.text(Some(op)), found, expected)
    };
    match op {
        // Inference multiplies these extents before anything else has seen them.
        Op::Reshape(op) => check_shape(&op.shape).map_err(malformed),
        Op::Parameter(_) | Op::Variable(_) => {
            let (Op::Parameter(hadal_graph::op::Parameter { ty, .. })
            | Op::Variable(hadal_graph::op::Variable { ty, .. })) = op
            else {
                return Ok(());
            };
            if ty.shape.as_const().is_some() {
                return Ok(());
            }
            Err(malformed((format!("the type {ty}"), "known extents that are not negative".into())))
        }
        Op::Constant(op) if op.value.dtype() == DType::Bool => {
            match op.value.bytes().iter().find(|&&b| b > 1) {
                Some(byte) => Err(malformed((format!("a boolean of {byte}"), "0 or 1".into()))),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// Where a node is.
#[derive(Clone, Copy)]
struct Place<'a> {
    path: &'a str,
    index: usize,
}

impl Place<'_> {
    fn text(&self, op: Option<&Op>) -> String {
        let label = op.map_or(String::new(), |op| match op.leaf_name() {
            Some(name) => format!(" ({} {})", op.label(), quoted(name)),
            None => format!(" ({})", op.label()),
        });
        format!("{}node {}{label}", self.path, self.index)
    }
}
