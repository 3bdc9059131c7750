//! What groups write to memory, and read from it.

use super::group::{Facts, Grouping};
use super::order::{Flow, Stored};
use crate::NodeId;
use crate::op::Op;
use std::collections::{BTreeSet, HashMap};

impl Facts<'_> {
    /// Whether the size of every value is known.
    pub(super) fn sized(&self) -> bool {
        let mut live = self.graph.nodes().handles().filter(|id| self.live[id.index()]);
        live.all(|id| self.bytes(id).is_some())
    }

    /// Bytes of a node's first result; `None` for sizes that are not known yet.
    pub(super) fn bytes(&self, id: NodeId) -> Option<u64> {
        let elements = self.graph.shape(id).elements().as_usize()?;
        Some((elements * self.graph.dtype(id).size()) as u64)
    }

    /// The node whose memory a node of another group is read from: a barrier is the memory of what it keeps apart.
    fn behind_barriers(&self, mut id: NodeId) -> NodeId {
        while let Op::Barrier(_) = self.graph.node(id).op {
            id = self.behind_reshapes(self.graph.node(id).inputs[0]);
        }
        id
    }
}

impl Grouping {
    /// The nodes of a group that must be in memory, in topological order.
    pub(super) fn roots(&self, group: usize, facts: &Facts<'_>) -> Vec<NodeId> {
        let outside = |user: &NodeId| self.of[user.index()] != Some(group);
        let stays = |n: &NodeId| facts.users[n.index()].iter().any(outside) || facts.results.contains(n);
        self.groups[group].nodes.iter().copied().filter(stays).collect()
    }

    /// What groups write, read and wait for. Sizes that are not known count as 0.
    pub(super) fn flow(&self, facts: &Facts<'_>) -> Flow {
        let count = self.groups.len();
        let mut flow = Flow {
            values: Vec::new(),
            writes: vec![Vec::new(); count],
            reads: vec![Vec::new(); count],
            needs: vec![BTreeSet::new(); count],
            rank: self.groups.iter().map(|group| group.nodes.last().map(|node| node.index())).collect(),
        };
        let mut values: HashMap<NodeId, usize> = HashMap::new();
        for group in 0..count {
            for root in self.roots(group, facts) {
                if matches!(facts.graph.node(root).op, Op::Barrier(_)) {
                    continue;
                }
                let bytes = if facts.results.contains(&root) { 0 } else { facts.bytes(root).unwrap_or(0) };
                values.insert(root, flow.values.len());
                flow.writes[group].push(flow.values.len());
                flow.values.push(Stored { bytes, readers: Vec::new() });
            }
        }
        for (index, group) in self.groups.iter().enumerate() {
            let barrier =
                matches!(group.nodes[..], [only] if matches!(facts.graph.node(only).op, Op::Barrier(_)));
            let sources = group.nodes.iter().flat_map(|node| &facts.sources[node.index()]);
            let mut seen = BTreeSet::new();
            for source in sources {
                match self.of[source.node.index()] {
                    Some(other) if other != index => flow.needs[index].insert(other),
                    _ => continue,
                };
                // A barrier reads nothing itself: who reads it reads what it stands for.
                let value = values.get(&facts.behind_barriers(source.node));
                if let (false, Some(&value)) = (barrier, value)
                    && seen.insert(value)
                {
                    flow.values[value].readers.push(index);
                    flow.reads[index].push(value);
                }
            }
        }
        flow
    }
}
