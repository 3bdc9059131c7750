//! Loops and branches: steps that own programs. Barriers: no steps at all.

use super::{Lowering, Stop, lower};
use crate::error::GraphError;
use crate::graph::{Graph, Node, NodeId};
use crate::op::{Op, Variable};
use crate::program::{Branch, Kernel, Loop, Step, ValueId};
use std::collections::HashMap;
use std::sync::Arc;

impl Lowering<'_> {
    pub(super) fn emit_while(&mut self, group: usize, anchor: NodeId) -> Result<(), Stop> {
        let node = self.graph.node(anchor);
        let condition = Arc::new(lower(&node.regions[0], self.target)?);
        let body = Arc::new(lower(&stateful(&node.regions[1])?, self.target)?);
        let reads = self.distinct_reads(&node.inputs.clone())?;
        let writes = self.define_results(group, anchor);
        let label = self.label(group);
        self.program.steps.push(Step {
            kernel: Kernel::Loop(Loop { condition, body }),
            reads,
            writes,
            label,
        });
        Ok(())
    }

    pub(super) fn emit_if(&mut self, group: usize, anchor: NodeId) -> Result<(), Stop> {
        let node = self.graph.node(anchor);
        let then = Arc::new(lower(&node.regions[0], self.target)?);
        let otherwise = Arc::new(lower(&node.regions[1], self.target)?);
        let reads = self.distinct_reads(&node.inputs.clone())?;
        let writes = self.define_results(group, anchor);
        let label = self.label(group);
        self.program.steps.push(Step {
            kernel: Kernel::Branch(Branch { then, otherwise }),
            reads,
            writes,
            label,
        });
        Ok(())
    }

    /// A barrier is the memory of its first operand. As a group of its own it keeps what is before apart from what comes after, and the
    /// order of groups makes it wait for its further operands.
    pub(super) fn emit_barrier(&mut self, anchor: NodeId) -> Result<(), Stop> {
        let value = self.memory(self.graph.node(anchor).inputs[0])?;
        self.values[anchor.index()] = Some(value);
        Ok(())
    }

    /// The values of control operands, each a different one: a value that is given twice is copied.
    fn distinct_reads(&mut self, inputs: &[NodeId]) -> Result<Vec<ValueId>, Stop> {
        let mut reads: Vec<ValueId> = Vec::new();
        for &input in inputs {
            let value = self.memory(input)?;
            let value = if reads.contains(&value) { self.push_copy(value) } else { value };
            reads.push(value);
        }
        Ok(reads)
    }
}

/// The body of a loop with its inputs as variables and its outputs as assigns, so that state is updated in place.
fn stateful(body: &Graph) -> Result<Graph, GraphError> {
    let mut graph = Graph::new(body.name.clone());
    let mut map: HashMap<NodeId, NodeId> = HashMap::new();
    let mut variables = Vec::new();
    for (id, node) in body.nodes().iter() {
        let copied = match &node.op {
            Op::Input(op) => {
                let variable = graph.apply(Variable { name: op.name.clone(), ty: op.ty.clone() }, &[])?;
                variables.push(variable);
                variable
            }
            _ => {
                let inputs = node.inputs.iter().map(|i| map[i]).collect();
                graph.push(Node { inputs, ..node.clone() })
            }
        };
        map.insert(id, copied);
    }
    for (variable, output) in variables.into_iter().zip(&body.outputs) {
        graph.assign(variable, map[&output.node])?;
    }
    Ok(graph)
}
