//! What is held in memory when most is held, and what is computed once more afterwards instead.
//!
//! The worst moment of a training step is the turn from the forward pass to the backward pass. What was computed before it and is read
//! after it has to be held. Often that is more than it need be: a function of one element that the backward pass could compute from a
//! narrower tensor, or from one that is held anyway. So values that cross that moment are chosen anew: those of the fewest bytes from which
//! all that is read later follows elementwise. That is a minimum cut: an edge is a value, its capacity the value's bytes, sources are what
//! only real work computes, sinks what is read afterwards.
//!
//! | kept for the backward pass of | before | after |
//! |---|---|---|
//! | gelu of `f16` | its slope in `f32` | its operand in `f16` |
//! | attention in `f16` | its result in both | its result in `f16` |
//! | dropout | the mask | the key that it was drawn with |
//! | a norm and what scales it | both | one of them |
//!
//! Work that is done twice is little: chains of elementwise ops that start at *one* large value and that fuse into the steps that read
//! them. What a contraction reads is not computed again, since that would take a step of its own, and sums of several large values are not,
//! since that would reach back through all residual layers.
//!
//! Nodes that are computed again stand in the graph twice. [`Recomputed::late`] has the later ones: grouping keeps them apart from what
//! they start at, as fusing them would compute them early.

use super::group::{Facts, group};
use super::min_cut::{Network, UNBOUNDED};
use super::order::{order, peak};
use crate::Target;
use crate::error::GraphError;
use crate::graph::{Graph, Node, NodeId};
use crate::op::Op;
use std::collections::{BTreeMap, HashMap, HashSet};

/// A graph in which some nodes are computed twice.
pub(super) struct Recomputed {
    pub(super) graph: Graph,
    /// The second of the two, and what is only computed late.
    pub(super) late: HashSet<NodeId>,
}

/// The worst moments that are looked at: when one is mended, another is the worst.
const ROUNDS: usize = 3;

/// Recomputes what saves memory at the worst moment. Where sizes are not known, or nothing can be saved, the graph is as it was.
///
/// Errors: none on a valid graph.
pub(super) fn recompute(graph: Graph, target: &Target) -> Result<Recomputed, GraphError> {
    let mut best = Recomputed { graph, late: HashSet::new() };
    let Some(mut moment) = Moment::of(&best, target) else { return Ok(best) };
    for _ in 0..ROUNDS {
        let Some(next) = moment.mended(&best)? else { break };
        match Moment::of(&next, target) {
            Some(after) if after.bytes < moment.bytes => (best, moment) = (next, after),
            _ => break,
        }
    }
    Ok(best)
}

/// The moment at which most memory is held.
struct Moment {
    bytes: u64,
    /// Owners that are computed before it.
    early: Vec<bool>,
}

impl Moment {
    /// `None` where sizes are not known.
    fn of(recomputed: &Recomputed, target: &Target) -> Option<Moment> {
        let none = HashSet::new();
        let facts = Facts::new(&recomputed.graph, &none, &none, &recomputed.late);
        if !facts.sized() {
            return None;
        }
        let grouping = group(&facts, target);
        let flow = grouping.flow(&facts);
        let order = order(&flow, true);
        let (bytes, position) = peak(&flow, &order);
        let mut early = vec![false; recomputed.graph.nodes().len()];
        for &group in &order[..position] {
            grouping.groups[group].nodes.iter().for_each(|node| early[node.index()] = true);
        }
        Some(Moment { bytes, early })
    }

    /// The graph with less to hold at this moment; `None` if there is no such.
    fn mended(&self, recomputed: &Recomputed) -> Result<Option<Recomputed>, GraphError> {
        let none = HashSet::new();
        let facts = Facts::new(&recomputed.graph, &none, &none, &recomputed.late);
        let again = Cut { facts: &facts, early: &self.early }.computed_again();
        if again.is_empty() {
            return Ok(None);
        }
        Ok(Some(Copy::new(&facts, &self.early, &again).run(&recomputed.late)))
    }
}

/// The choice of what is held.
struct Cut<'a> {
    facts: &'a Facts<'a>,
    early: &'a [bool],
}

impl Cut<'_> {
    fn computed_again(&self) -> HashSet<NodeId> {
        let graph = self.facts.graph;
        let is_early = |id: &NodeId| self.early[id.index()];
        let is_held = |id: &NodeId| self.facts.users[id.index()].iter().any(|user| !is_early(user));
        let cheap = self.cheap();
        let mut involved: BTreeMap<NodeId, usize> = BTreeMap::new();
        let mut open: Vec<NodeId> =
            graph.nodes().handles().filter(|id| is_early(id) && is_held(id)).collect();
        while let Some(id) = open.pop() {
            let number = involved.len();
            if involved.contains_key(&id) {
                continue;
            }
            involved.insert(id, number);
            if cheap[id.index()] {
                open.extend(self.facts.sources[id.index()].iter().map(|s| s.node).filter(is_early));
            }
        }
        // Each value is an edge from `2n + 2` to `2n + 3`.
        let mut network = Network::new(2 * involved.len() + 2);
        for (&id, &number) in &involved {
            let (start, end) = (2 * number + 2, 2 * number + 3);
            // A result has memory of its own in any case.
            let free = self.facts.results.contains(&id);
            let bytes = if free { 0 } else { self.facts.bytes(id).unwrap_or(UNBOUNDED) };
            network.edge(start, end, bytes);
            if is_held(&id) {
                network.edge(end, 1, UNBOUNDED);
            }
            if !cheap[id.index()] {
                network.edge(0, start, UNBOUNDED);
                continue;
            }
            for source in &self.facts.sources[id.index()] {
                if let Some(other) = involved.get(&source.node) {
                    network.edge(2 * other + 3, start, UNBOUNDED);
                }
            }
        }
        let late = network.sink_side(0, 1);
        involved.iter().filter(|(_, number)| late[2 * *number + 2]).map(|(&id, _)| id).collect()
    }

    /// Early owners that may be computed again: elementwise work on one large value.
    fn cheap(&self) -> Vec<bool> {
        let facts = self.facts;
        let graph = facts.graph;
        let mut cheap = vec![false; graph.nodes().len()];
        // The large value that a cheap node starts at.
        let mut base: Vec<Option<NodeId>> = vec![None; graph.nodes().len()];
        for id in graph.nodes().handles().filter(|id| self.early[id.index()]) {
            let elements = |id: NodeId| graph.shape(id).elements().as_usize().unwrap_or(usize::MAX);
            let large = |s: NodeId| elements(s) >= elements(id) / 2 && self.early[s.index()];
            let mut bases = facts.sources[id.index()]
                .iter()
                .map(|source| source.node)
                .filter(|&s| large(s))
                .filter_map(|s| if cheap[s.index()] { base[s.index()] } else { Some(s) });
            let first = bases.next();
            let fuses = |user: &NodeId| self.early[user.index()] || is_fusible(&graph.node(*user).op);
            if is_cheap(&graph.node(id).op)
                && !facts.results.contains(&id)
                && bases.all(|other| Some(other) == first)
                && facts.users[id.index()].iter().all(fuses)
            {
                cheap[id.index()] = true;
                base[id.index()] = first;
            }
        }
        cheap
    }
}

fn is_cheap(op: &Op) -> bool {
    matches!(
        op,
        Op::Unary(_) | Op::Binary(_) | Op::Compare(_) | Op::Select(_) | Op::Cast(_) | Op::RandomBits(_)
    )
}

/// Whether an op can be in one step with elementwise work that it reads.
fn is_fusible(op: &Op) -> bool {
    is_cheap(op) || matches!(op, Op::Reduce(_))
}

/// The copy of a graph in which what comes late reads nodes that are computed once more.
struct Copy<'a> {
    facts: &'a Facts<'a>,
    early: &'a [bool],
    again: &'a HashSet<NodeId>,
    /// Whether a node is computed again, or shows what is.
    differs: Vec<bool>,
    graph: Graph,
    map: Vec<NodeId>,
    /// The later ones.
    late: HashMap<NodeId, NodeId>,
}

impl<'a> Copy<'a> {
    fn new(facts: &'a Facts<'a>, early: &'a [bool], again: &'a HashSet<NodeId>) -> Copy<'a> {
        let graph = facts.graph;
        let mut differs = vec![false; graph.nodes().len()];
        for (id, node) in graph.nodes().iter() {
            let shows = facts.free[id.index()] && node.inputs.iter().any(|i| differs[i.index()]);
            differs[id.index()] = shows || again.contains(&id);
        }
        let map = Vec::with_capacity(graph.nodes().len());
        let copy = Graph::new(graph.name.clone());
        Copy { facts, early, again, differs, graph: copy, map, late: HashMap::new() }
    }

    fn run(mut self, late_before: &HashSet<NodeId>) -> Recomputed {
        let source = self.facts.graph;
        for (id, node) in source.nodes().iter() {
            let comes_late = !self.facts.free[id.index()] && !self.early[id.index()];
            let inputs = node.inputs.iter().map(|&i| match comes_late {
                true => self.later(i),
                false => self.map[i.index()],
            });
            let inputs = inputs.collect();
            let copied = self.graph.push(Node { inputs, ..node.clone() });
            self.map.push(copied);
        }
        for output in &source.outputs {
            self.graph.output(output.name.clone(), self.map[output.node.index()]);
        }
        for assign in &source.assigns {
            let [variable, value] = [assign.variable, assign.value].map(|id| self.map[id.index()]);
            self.graph.assigns.push(crate::Assign { variable, value });
        }
        let twice = self.again.iter().filter_map(|id| self.late.get(id).copied());
        let before = late_before.iter().map(|id| self.map[id.index()]);
        Recomputed { late: twice.chain(before).collect(), graph: self.graph }
    }

    /// What stands for a node where it is read late.
    fn later(&mut self, id: NodeId) -> NodeId {
        if !self.differs[id.index()] {
            return self.map[id.index()];
        }
        if let Some(&known) = self.late.get(&id) {
            return known;
        }
        let node = self.facts.graph.node(id).clone();
        let inputs = node.inputs.iter().map(|&i| self.later(i)).collect();
        let copied = self.graph.push(Node { inputs, ..node });
        self.late.insert(id, copied);
        copied
    }
}
