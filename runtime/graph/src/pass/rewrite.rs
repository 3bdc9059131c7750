//! The driver that most passes share: it copies a graph node by node and lets a rule replace some of them.

use crate::TensorType;
use crate::error::{GraphError, OpError};
use crate::graph::{Assign, Graph, Node, NodeId, Output};
use crate::op::Op;
use std::sync::Arc;

/// What stands for a node.
pub(crate) enum Replacement {
    /// A node with the same results.
    Node(NodeId),
    /// One node for each result.
    Results(Vec<NodeId>),
}

impl Replacement {
    /// The node that stands for the first result.
    fn first(&self) -> NodeId {
        match self {
            Replacement::Node(id) => *id,
            Replacement::Results(ids) => ids[0],
        }
    }
}

/// What a rule does with a node: `None` to keep it, or what stands for it, which may be nodes that it adds to the graph or earlier ones. The
/// node's inputs and regions are already those of the new graph.
pub(crate) type Rule<'a> = dyn FnMut(&mut Graph, &Node) -> Result<Option<Replacement>, GraphError> + 'a;

/// Copies `source`, which must be [valid](Graph::validate), in topological order. `region` rewrites what nodes own; `rule` then sees each node.
///
/// The order of inputs, the names of outputs and assigns stay. Nodes that the rule adds take over the name and location of the node
/// that they replace. Leaves are not offered to the rule.
///
/// Errors: those of the rule, with the node's name and location; a replacement of another type than the node.
pub(crate) fn rewrite(
    source: &Graph,
    region: &dyn Fn(&Graph) -> Result<Graph, GraphError>,
    rule: &mut Rule<'_>,
) -> Result<Graph, GraphError> {
    let mut result = Graph::new(source.name.clone());
    let mut map: Vec<Replacement> = Vec::with_capacity(source.nodes().len());
    for (_, node) in source.nodes().iter() {
        if let (Op::Project(project), Some(from)) = (&node.op, node.inputs.first())
            && let Replacement::Results(results) = &map[from.index()]
        {
            map.push(Replacement::Node(results[project.index]));
            continue;
        }
        let mut copy = node.clone();
        for input in &mut copy.inputs {
            *input = map[input.index()].first();
        }
        for owned in &mut copy.regions {
            *owned = Arc::new(region(owned)?);
        }
        let before = result.nodes().len();
        let replacement = if node.op.leaf_name().is_some() {
            None
        } else {
            rule(&mut result, &copy).map_err(|error| error.at(node))?
        };
        for id in result.nodes().handles().skip(before) {
            result.set_origin(id, node);
        }
        map.push(match replacement {
            None => Replacement::Node(result.push(copy)),
            Some(replacement) => {
                check_types(&result, node, &replacement)?;
                replacement
            }
        });
    }
    for output in &source.outputs {
        result.outputs.push(Output { name: output.name.clone(), node: map[output.node.index()].first() });
    }
    for assign in &source.assigns {
        let [variable, value] = [assign.variable, assign.value].map(|id| map[id.index()].first());
        result.assigns.push(Assign { variable, value });
    }
    Ok(result)
}

/// Adds the nodes of `region` to `graph` with its inputs replaced by `inputs`; returns its outputs.
pub(crate) fn inline(graph: &mut Graph, region: &Graph, inputs: &[NodeId]) -> Vec<NodeId> {
    let mut map: Vec<NodeId> = region.nodes().handles().collect();
    for (&own, &given) in region.inputs().iter().zip(inputs) {
        map[own.index()] = given;
    }
    for (id, node) in region.nodes().iter().filter(|(_, node)| !matches!(node.op, Op::Input(_))) {
        let mut copy = node.clone();
        for input in &mut copy.inputs {
            *input = map[input.index()];
        }
        map[id.index()] = graph.push(copy);
    }
    region.outputs.iter().map(|o| map[o.node.index()]).collect()
}

fn check_types(graph: &Graph, node: &Node, replacement: &Replacement) -> Result<(), GraphError> {
    let given: Vec<&TensorType> = match replacement {
        Replacement::Node(id) => graph.node(*id).types.iter().collect(),
        Replacement::Results(ids) => ids.iter().map(|&id| graph.ty(id)).collect(),
    };
    if given.iter().copied().eq(&node.types) {
        return Ok(());
    }
    let list = |types: &[&TensorType]| types.iter().map(|t| t.to_string()).collect::<Vec<_>>().join(", ");
    let message = format!(
        "was replaced by ({}), but has the results ({}): this is a fault of the pass or of the op's decomposition",
        list(&given),
        list(&node.types.iter().collect::<Vec<_>>())
    );
    Err(GraphError::new(node.op.name(), Vec::new(), None, OpError::Attribute(message)).at(node))
}
