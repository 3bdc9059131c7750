//! The graph as it stands in a file.

use hadal_graph::Graph;
use serde::{Deserialize, Serialize};

/// A graph.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PortableGraph {
    pub(super) name: String,
    pub(super) nodes: Vec<PortableNode>,
    #[serde(default)]
    pub(super) outputs: Vec<PortableOutput>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) assigns: Vec<PortableAssign>,
}

/// A node. Its types are not stored: they are inferred again.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PortableNode {
    /// The op, still unread, because its version decides whether this build can read it.
    pub(super) op: serde_json::Value,
    pub(super) version: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) inputs: Vec<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) regions: Vec<PortableGraph>,
}

/// A result.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PortableOutput {
    pub(super) name: String,
    pub(super) node: u32,
}

/// A change of state.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PortableAssign {
    pub(super) variable: u32,
    pub(super) value: u32,
}

impl PortableGraph {
    /// The portable form of `graph` and its regions.
    pub(super) fn new(graph: &Graph) -> Result<PortableGraph, serde_json::Error> {
        let mut nodes = Vec::with_capacity(graph.nodes().len());
        for (_, node) in graph.nodes().iter() {
            nodes.push(PortableNode {
                op: serde_json::to_value(&node.op)?,
                version: node.op.version(),
                inputs: node.inputs.iter().map(|i| i.index() as u32).collect(),
                name: node.name.as_deref().map(str::to_string),
                regions: node.regions.iter().map(|r| PortableGraph::new(r)).collect::<Result<_, _>>()?,
            });
        }
        let outputs = graph.outputs.iter();
        let assigns = graph.assigns.iter();
        Ok(PortableGraph {
            name: graph.name.clone(),
            nodes,
            outputs: outputs
                .map(|o| PortableOutput { name: o.name.clone(), node: o.node.index() as u32 })
                .collect(),
            assigns: assigns
                .map(|a| PortableAssign {
                    variable: a.variable.index() as u32,
                    value: a.value.index() as u32,
                })
                .collect(),
        })
    }
}
