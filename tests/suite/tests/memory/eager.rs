//! Runs a recorded graph as eager frameworks do: op by op in the order of recording, each result in memory of its own until its last reader
//! has run. Composites such as `gelu` and `attention` are one op each, and views cost nothing.

use hadal_device::{Arguments, Backend, Buffer, Weights};
use hadal_graph::op::{Input, Op};
use hadal_graph::{Graph, NodeId, compile};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a run came to.
pub(crate) struct Eager {
    /// The most bytes that computed tensors held at a time. What the run returns does not count, as it has memory of its own in a plan, too.
    pub(crate) peak: u64,
    pub(crate) outputs: Vec<Buffer>,
}

/// Runs `graph` with the value of each leaf that is not a constant, by name.
pub(crate) fn run(backend: &dyn Backend, graph: &Graph, leaves: &BTreeMap<String, Buffer>) -> Eager {
    let live = graph.live();
    let results: BTreeSet<NodeId> =
        graph.outputs.iter().map(|o| o.node).chain(graph.assigns.iter().map(|a| a.value)).collect();
    let results: BTreeSet<NodeId> = results.into_iter().flat_map(|id| owners(graph, &[id])).collect();
    let mut last = BTreeMap::new();
    for id in graph.nodes().handles().filter(|id| live[id.index()] && !is_view(graph, *id)) {
        for owner in owners(graph, &graph.node(id).inputs) {
            last.insert(owner, id);
        }
    }
    let mut held: BTreeMap<NodeId, Buffer> = BTreeMap::new();
    let mut peak = 0;
    for (id, node) in graph.nodes().iter().filter(|(id, _)| live[id.index()]) {
        if let Some(name) = leaf(&node.op) {
            held.insert(id, leaves[name].clone());
            continue;
        }
        if is_view(graph, id) {
            continue;
        }
        let buffer = match &node.op {
            _ if node.types.len() > 1 => continue, // computed with its projections
            _ => compute(backend, graph, id, &held),
        };
        held.insert(id, buffer);
        let counts =
            |(id, _): &(&NodeId, &Buffer)| leaf(&graph.node(**id).op).is_none() && !results.contains(id);
        let bytes: u64 = held.iter().filter(counts).map(|(_, b)| b.storage().device_bytes()).sum();
        peak = peak.max(bytes);
        held.retain(|known, _| results.contains(known) || last.get(known).is_some_and(|&reader| reader > id));
    }
    let outputs = graph.outputs.iter().map(|output| match held.get(&output.node) {
        Some(buffer) => buffer.clone(),
        None => compute(backend, graph, output.node, &held),
    });
    Eager { peak, outputs: outputs.collect() }
}

fn leaf(op: &Op) -> Option<&str> {
    match op {
        Op::Input(op) => Some(&op.name),
        Op::Parameter(op) => Some(&op.name),
        Op::Variable(op) => Some(&op.name),
        _ => None,
    }
}

fn is_view(graph: &Graph, id: NodeId) -> bool {
    matches!(
        graph.node(id).op,
        Op::Reshape(_)
            | Op::Transpose(_)
            | Op::Broadcast(_)
            | Op::Slice(_)
            | Op::Constant(_)
            | Op::Iota(_)
            | Op::Size(_)
            | Op::Detach(_)
    )
}

/// The tensors in memory that nodes read, through views and through ops with several results.
fn owners(graph: &Graph, ids: &[NodeId]) -> BTreeSet<NodeId> {
    let (mut owners, mut open) = (BTreeSet::new(), ids.to_vec());
    while let Some(id) = open.pop() {
        let several = graph.node(id).types.len() > 1;
        match is_view(graph, id) || several {
            true => open.extend(&graph.node(id).inputs),
            false => drop(owners.insert(id)),
        }
    }
    owners
}

/// The value of one node, from the tensors in memory.
fn compute(backend: &dyn Backend, graph: &Graph, id: NodeId, held: &BTreeMap<NodeId, Buffer>) -> Buffer {
    let mut one = Graph::new("op");
    let mut inputs = Vec::new();
    let copied = copy(graph, id, true, &mut one, &mut BTreeMap::new(), &mut |one, owner| {
        inputs.push(held[&owner].clone());
        let ty = graph.ty(owner).clone();
        one.apply(Input { name: owner.to_string(), ty }, &[]).unwrap()
    });
    one.output("y", copied);
    let program = Arc::new(compile(&one, backend.target()).unwrap());
    let executable = pollster::block_on(backend.prepare(program, &Weights::new())).unwrap();
    let run = executable.run(Arguments { inputs, ..Arguments::default() });
    pollster::block_on(run).unwrap().outputs.remove(0)
}

/// Copies a node and the views that it reads through.
fn copy(
    graph: &Graph,
    id: NodeId,
    whole: bool,
    one: &mut Graph,
    known: &mut BTreeMap<NodeId, NodeId>,
    input: &mut dyn FnMut(&mut Graph, NodeId) -> NodeId,
) -> NodeId {
    if let Some(&copied) = known.get(&id) {
        return copied;
    }
    let node = graph.node(id);
    let copied = if whole || is_view(graph, id) || node.types.len() > 1 {
        let operands: Vec<NodeId> =
            node.inputs.iter().map(|&i| copy(graph, i, false, one, known, input)).collect();
        one.apply_regions(node.op.clone(), &operands, node.regions.clone()).unwrap()
    } else {
        input(one, id)
    };
    known.insert(id, copied);
    copied
}
