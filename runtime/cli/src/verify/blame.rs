//! Which op is wrong.
//!
//! First every node becomes an output, so that nothing is fused: the first one that differs is the op, since all before it agree. If none
//! differs, the fault lies in how ops were fused: then the graph is cut off behind a wrong node, and its inputs are tried in the same way,
//! until a node is wrong whose inputs are right.

use super::compare::{Difference, compare};
use crate::session::{Session, Tensors};
use anyhow::{Context, Result};
use hadal::backend::{Backend, Weights};
use hadal::graph::reference::{bind, interpret_observed};
use hadal::graph::{Graph, HostTensor, NodeId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The op whose result is the first to be wrong.
#[derive(Clone, Debug)]
pub(crate) struct Blame {
    /// The op.
    pub(crate) op: String,
    /// Where it stands in the model: the node's name, if it has one, and its place in the graph.
    pub(crate) node: String,
    /// The fused step that computes it, and its kernel.
    pub(crate) step: String,
    /// Whether it is right alone and wrong only when fused.
    pub(crate) fused: bool,
    /// How wrong.
    pub(crate) difference: Difference,
}

/// What all trials share.
struct Trial<'a> {
    backend: &'a Arc<dyn Backend>,
    graph: &'a Graph,
    weights: &'a Weights,
    inputs: &'a Tensors,
    /// The reference's result of every computed node.
    expected: BTreeMap<usize, HostTensor>,
}

/// Finds the first wrong op of a graph whose output `output` is wrong on `backend`.
pub(crate) fn first_wrong(
    backend: &Arc<dyn Backend>,
    graph: &Graph,
    weights: &Weights,
    inputs: &Tensors,
    output: usize,
) -> Result<Blame> {
    let trial = Trial { backend, graph, weights, inputs, expected: expected(graph, weights, inputs)? };
    let nodes: Vec<NodeId> =
        graph.nodes().handles().filter(|node| trial.expected.contains_key(&node.index())).collect();
    if let Some(blame) = trial.first(&nodes, false)? {
        return Ok(blame);
    }
    let mut node = graph.outputs.get(output).context("the graph has no such output")?.node;
    let mut blame = match trial.first(&[node], true)? {
        Some(blame) => blame,
        None => {
            let op = graph.node(node).op.label();
            anyhow::bail!("the result of `{op}` is wrong only together with the other outputs of the model")
        }
    };
    'deeper: loop {
        for &input in &graph.node(node).inputs {
            if let Some(deeper) = trial.first(&[input], true)? {
                (node, blame) = (input, deeper);
                continue 'deeper;
            }
        }
        return Ok(blame);
    }
}

fn expected(graph: &Graph, weights: &Weights, inputs: &Tensors) -> Result<BTreeMap<usize, HostTensor>> {
    let mut leaves = weights.clone();
    leaves.extend(inputs.clone());
    let mut expected = BTreeMap::new();
    interpret_observed(graph, &leaves, &mut |id, results| {
        let node = graph.node(id);
        if let ([array], None) = (results, node.op.leaf_name())
            && let Ok(tensor) = array.to_host()
        {
            expected.insert(id.index(), tensor);
        }
    })?;
    Ok(expected)
}

impl Trial<'_> {
    /// Runs the graph with `nodes` as its only outputs, and returns the first of them that is wrong.
    fn first(&self, nodes: &[NodeId], fused: bool) -> Result<Option<Blame>> {
        let nodes: Vec<NodeId> =
            nodes.iter().copied().filter(|node| self.expected.contains_key(&node.index())).collect();
        if nodes.is_empty() {
            return Ok(None);
        }
        let mut graph = self.graph.clone();
        graph.assigns.clear();
        graph.outputs.clear();
        for node in &nodes {
            graph.output(format!("node {}", node.index()), *node);
        }
        let session = Session::new(self.backend, &graph, self.weights)?;
        let actual = session.run(self.inputs)?;
        for (position, (node, actual)) in nodes.iter().zip(&actual).enumerate() {
            let difference = compare(actual, &self.expected[&node.index()]);
            if !difference.agrees {
                let step = self.step(&session, position)?;
                let found = self.graph.node(*node);
                let name = found.name.as_ref().map_or(String::new(), |name| format!("`{name}`, "));
                let node = format!("{name}node {} of {}", node.index(), self.graph.nodes().len());
                return Ok(Some(Blame { op: found.op.label(), node, step, fused, difference }));
            }
        }
        Ok(None)
    }

    /// The step that writes an output, and its kernel.
    fn step(&self, session: &Session, output: usize) -> Result<String> {
        let program = session.program();
        let mut leaves = self.weights.clone();
        leaves.extend(self.inputs.clone());
        let plan = session.plan(&bind(self.graph, &leaves)?)?;
        let storage = program.outputs.get(output).map(|&value| program.storage(value));
        let writes = |step: &hadal::graph::program::Step| {
            step.writes.iter().any(|&value| Some(program.storage(value)) == storage)
        };
        let Some(index) = program.steps.iter().position(writes) else {
            return Ok("a step that runs once, at preparation".into());
        };
        let label = &program.steps[index].label;
        Ok(match plan.steps.get(index).filter(|step| step.label == *label) {
            Some(step) => format!("{label} ({})", step.kernel),
            None => label.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::faulty::Faulty;
    use super::super::inputs;
    use super::*;
    use hadal::graph::program::{Step, UnaryOp};
    use hadal::graph::{Bindings, DType};

    /// `exp(tanh(x · y + x))`, and `x · x` beside it.
    fn graph() -> Graph {
        let mut graph = Graph::new("small");
        let x = graph.input("x", DType::F32, [64i64]).unwrap();
        let y = graph.input("y", DType::F32, [64i64]).unwrap();
        let square = graph.mul(x, x).unwrap();
        let product = graph.mul(x, y).unwrap();
        let sum = graph.add(product, x).unwrap();
        graph.set_name(sum, "layer.2.sum");
        let tanh = graph.unary(UnaryOp::Tanh, sum).unwrap();
        let exp = graph.unary(UnaryOp::Exp, tanh).unwrap();
        graph.output("square", square);
        graph.output("exp", exp);
        graph
    }

    fn judge(picks: fn(&Step) -> bool) -> Blame {
        let graph = graph();
        let backend = Faulty::backend(picks);
        let inputs = inputs::generate(&graph, &Bindings::new(), 1).unwrap();
        let weights = Weights::new();
        let reference = hadal::graph::reference::interpret(&graph, &inputs).unwrap();
        let actual = Session::new(&backend, &graph, &weights).unwrap().run(&inputs).unwrap();
        let agree: Vec<bool> =
            actual.iter().zip(&reference.outputs).map(|(a, e)| compare(a, e).agrees).collect();
        assert_eq!(agree, [true, false]);
        first_wrong(&backend, &graph, &weights, &inputs, 1).unwrap()
    }

    #[test]
    fn a_wrong_kernel_is_named_by_its_op() {
        let blame = judge(|_| true);
        assert_eq!((blame.op.as_str(), blame.fused), ("add", false));
        assert!(blame.node.contains("layer.2.sum"), "{}", blame.node);
    }

    #[test]
    fn a_wrong_fusion_is_named_by_its_op_and_step() {
        // Wrong only in a step that stores one result of several ops.
        let fused = |step: &Step| match &step.kernel {
            hadal::graph::program::Kernel::Pointwise(kernel) => {
                kernel.body.stores.len() == 1 && kernel.body.program.instrs.len() > 3
            }
            _ => false,
        };
        let blame = judge(fused);
        assert_eq!((blame.op.as_str(), blame.fused), ("add", true));
        assert!(blame.step.contains("add"), "{}", blame.step);
    }
}
