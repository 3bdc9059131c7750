//! From a graph to a program: all passes in order.

use crate::Target;
use crate::error::GraphError;
use crate::graph::{Graph, Node, NodeId};
use crate::lower::lower;
use crate::op::Operator;
use crate::program::Program;

/// Runs every pass and lowers the result to a program for `target`.
///
/// Errors: a dtype that the target lacks, named with the op that needs it.
pub fn compile(graph: &Graph, target: &Target) -> Result<Program, GraphError> {
    lower(&decompose(graph, target)?, target)
}

/// Replaces composites that are not native to the target.
fn decompose(graph: &Graph, target: &Target) -> Result<Graph, GraphError> {
    let mut current = graph.clone();
    loop {
        let mut result = Graph::new(current.name.clone());
        let mut map: Vec<Vec<NodeId>> = Vec::new();
        let mut changed = false;
        for (_, node) in current.nodes().iter() {
            let inputs: Vec<NodeId> = node.inputs.iter().map(|i| map[i.index()][0]).collect();
            if let crate::op::Op::Project(p) = &node.op {
                let results = &map[node.inputs[0].index()];
                if results.len() > 1 {
                    map.push(vec![results[p.index]]);
                    continue;
                }
            }
            if !target.native.contains(node.op.name()) {
                if let Some(results) = node.op.decompose(&mut result, &inputs)? {
                    changed = true;
                    map.push(results);
                    continue;
                }
            }
            let regions = node
                .regions
                .iter()
                .map(|r| decompose(r, target).map(std::sync::Arc::new))
                .collect::<Result<_, _>>()?;
            map.push(vec![result.push(Node { inputs: inputs.into(), regions, ..node.clone() })]);
        }
        for output in &current.outputs {
            result.output(output.name.clone(), map[output.node.index()][0]);
        }
        for assign in &current.assigns {
            result.assign(map[assign.variable.index()][0], map[assign.value.index()][0])?;
        }
        if !changed {
            return Ok(result);
        }
        current = result;
    }
}
