//! Fusion: which nodes are computed together in one step.
//!
//! Every node is *free* (a view, a coordinate, a scalar constant, a cheap dequantisation of frozen weights), which costs nothing to
//! repeat in each step that reads it, or it belongs to exactly one group. Groups grow greedily in topological order and never form cycles.
//! Whether a group can really be printed as one step is decided later, by printing it: where that fails, the node that stood in the way is
//! *cut* (computed in memory, apart from its users) and grouping starts again.

use crate::graph::{Graph, NodeId};
use crate::op::Op;
use crate::{DType, Dim, Shape, Target};
use std::collections::{BTreeSet, HashSet};

/// What a group becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Elementwise.
    Pointwise,
    /// Reductions of one input shape over the same axes, and elementwise work before and after.
    Row { input: Shape, axes: Vec<usize> },
    /// One node of another archetype, with elementwise work after it.
    Anchored { anchor: NodeId, epilogue: bool },
}

#[derive(Clone, Debug)]
pub(super) struct Group {
    /// In topological order.
    pub nodes: Vec<NodeId>,
    pub kind: Kind,
    /// Elements of the domain (of the anchor's result, or of a row group's input).
    elements: Dim,
    /// For row groups: the number of rows.
    rows: Dim,
    instructions: usize,
}

pub(super) struct Grouping {
    pub groups: Vec<Group>,
    /// The group of each node that is not free.
    pub of: Vec<Option<usize>>,
}

/// The facts that grouping looks up again and again.
pub(super) struct Facts<'a> {
    pub graph: &'a Graph,
    pub live: Vec<bool>,
    /// Free nodes and leaves belong to no group.
    pub free: Vec<bool>,
    /// Nodes outside of which no fusion reaches.
    pub cut: &'a HashSet<NodeId>,
    /// Owners (nodes with a group) that read each owner, through free nodes.
    pub users: Vec<Vec<NodeId>>,
    /// Owners and leaves that each node reads, through free nodes.
    pub sources: Vec<Vec<Source>>,
    /// Nodes that must be in memory at the end: results of the graph and new values of variables, behind reshapes.
    pub results: BTreeSet<NodeId>,
    /// Nodes that join no group but their own.
    pub alone: &'a HashSet<NodeId>,
    /// Nodes that are computed late, apart from what they start at.
    pub late: &'a HashSet<NodeId>,
}

/// An owner or leaf that a node reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub node: NodeId,
    /// Every element is read exactly once: only reshapes and transposes lie between.
    pub whole: bool,
    /// Nothing but reshapes, transposes and repetition lies between.
    pub repeated: bool,
    /// Nothing but reshapes lies between, so that neighbours stay neighbours.
    pub straight: bool,
}

impl<'a> Facts<'a> {
    pub(super) fn new(
        graph: &'a Graph,
        cut: &'a HashSet<NodeId>,
        alone: &'a HashSet<NodeId>,
        late: &'a HashSet<NodeId>,
    ) -> Facts<'a> {
        let live = graph.live();
        let count = graph.nodes().len();
        let mut facts = Facts {
            graph,
            live,
            free: vec![false; count],
            cut,
            users: vec![Vec::new(); count],
            sources: vec![Vec::new(); count],
            results: BTreeSet::new(),
            alone,
            late,
        };
        for id in graph.nodes().handles() {
            facts.free[id.index()] = !cut.contains(&id)
                && (is_leaf(graph, id) || facts.is_view(id) || facts.is_dequantisation(id));
        }
        for end in graph.outputs.iter().map(|o| o.node).chain(graph.assigns.iter().map(|a| a.value)) {
            let memory = facts.behind_reshapes(end);
            if facts.free[memory.index()] && !is_leaf(graph, memory) {
                // A view is asked for as a result: it becomes work of its own.
                facts.free[end.index()] = false;
                facts.results.insert(end);
            } else {
                facts.results.insert(memory);
            }
        }
        for id in graph.nodes().handles().filter(|id| facts.live[id.index()]) {
            let mut sources = Vec::new();
            for &input in &graph.node(id).inputs {
                facts.collect(
                    input,
                    Source { node: input, whole: true, repeated: true, straight: true },
                    &mut sources,
                );
            }
            if !facts.free[id.index()] {
                for source in &sources {
                    if !facts.users[source.node.index()].contains(&id) {
                        facts.users[source.node.index()].push(id);
                    }
                }
            }
            facts.sources[id.index()] = sources;
        }
        facts
    }

    /// The node whose memory a chain of free reshapes shares.
    pub(super) fn behind_reshapes(&self, mut id: NodeId) -> NodeId {
        while let (Op::Reshape(_), true) = (&self.graph.node(id).op, self.free[id.index()]) {
            id = self.graph.node(id).inputs[0];
        }
        id
    }

    fn collect(&self, id: NodeId, way: Source, into: &mut Vec<Source>) {
        let here = Source { node: id, ..way };
        if !self.free[id.index()] || is_leaf(self.graph, id) {
            if !into.contains(&here) {
                into.push(here);
            }
            return;
        }
        let node = self.graph.node(id);
        for &input in &node.inputs {
            let mut next = here;
            next.straight &= matches!(node.op, Op::Reshape(_));
            match node.op {
                Op::Slice(_) => (next.whole, next.repeated) = (false, false),
                Op::Broadcast(_) if self.graph.shape(id).elements() != self.graph.shape(input).elements() => {
                    next.whole = false
                }
                _ => {}
            }
            self.collect(input, next, into);
        }
    }

    fn is_view(&self, id: NodeId) -> bool {
        match &self.graph.node(id).op {
            Op::Constant(op) => op.value.elements() == 1,
            Op::Iota(_)
            | Op::Size(_)
            | Op::Reshape(_)
            | Op::Transpose(_)
            | Op::Broadcast(_)
            | Op::Slice(_) => true,
            _ => false,
        }
    }

    /// A short elementwise chain that widens a frozen tensor: repeating it is cheaper than storing its result.
    fn is_dequantisation(&self, id: NodeId) -> bool {
        self.dequantises(id, 6)
    }

    fn dequantises(&self, id: NodeId, depth: usize) -> bool {
        let Some(depth) = depth.checked_sub(1) else { return false };
        let node = self.graph.node(id);
        match &node.op {
            Op::Cast(op) => {
                let source = self.behind_views(node.inputs[0]);
                let narrow = self.graph.dtype(source).size() < op.dtype.size()
                    && self.graph.dtype(source) != DType::Bool;
                narrow && op.dtype.is_float() && self.is_frozen(source)
            }
            Op::Binary(_) => {
                let sides = [self.behind_views(node.inputs[0]), self.behind_views(node.inputs[1])];
                let wide = |s: NodeId| self.dequantises(s, depth);
                sides.iter().any(|&s| wide(s)) && sides.iter().all(|&s| wide(s) || self.is_frozen(s))
            }
            _ => false,
        }
    }

    fn is_frozen(&self, id: NodeId) -> bool {
        matches!(self.graph.node(id).op, Op::Parameter(_) | Op::Constant(_))
    }

    fn behind_views(&self, mut id: NodeId) -> NodeId {
        while matches!(self.graph.node(id).op, Op::Reshape(_) | Op::Transpose(_) | Op::Broadcast(_))
            && !self.cut.contains(&id)
        {
            id = self.graph.node(id).inputs[0];
        }
        id
    }
}

/// Whether a node is in memory before the program starts.
pub(super) fn is_leaf(graph: &Graph, id: NodeId) -> bool {
    match &graph.node(id).op {
        Op::Input(_) | Op::Parameter(_) | Op::Variable(_) => true,
        Op::Constant(op) => op.value.elements() != 1,
        _ => false,
    }
}

/// Whether a node is elementwise work that can be printed into another archetype's hooks.
fn is_elementwise(op: &Op) -> bool {
    matches!(
        op,
        Op::Unary(_)
            | Op::Binary(_)
            | Op::Compare(_)
            | Op::Select(_)
            | Op::Cast(_)
            | Op::RandomBits(_)
            | Op::Constant(_)
            | Op::Iota(_)
            | Op::Size(_)
            | Op::Reshape(_)
            | Op::Transpose(_)
            | Op::Broadcast(_)
            | Op::Slice(_)
            | Op::Pad(_)
            | Op::Concat(_)
            | Op::Gather(_)
            | Op::DynamicSlice(_)
    )
}

pub(super) fn group(facts: &Facts<'_>, target: &Target) -> Grouping {
    let mut grouping = Grouping { groups: Vec::new(), of: vec![None; facts.graph.nodes().len()] };
    for id in facts.graph.nodes().handles() {
        if facts.live[id.index()] && !facts.free[id.index()] {
            grouping.place(id, facts, target);
        }
    }
    grouping
}

impl Grouping {
    fn place(&mut self, id: NodeId, facts: &Facts<'_>, target: &Target) {
        let node = facts.graph.node(id);
        match &node.op {
            Op::Project(_) => {
                // Results of one node stay with it.
                if let Some(group) = self.of[node.inputs[0].index()] {
                    self.join(id, group);
                }
            }
            Op::Reduce(op) => {
                let input = facts.graph.shape(node.inputs[0]).clone();
                self.place_reduce(id, input, op.axes.clone(), facts, target);
            }
            op if is_elementwise(op) => self.place_elementwise(id, facts, target),
            op => {
                let epilogue = matches!(
                    op,
                    Op::MatMul(_) | Op::Conv(_) | Op::Attention(_) | Op::Cumulative(_) | Op::Window(_)
                );
                let elements = facts.graph.shape(id).elements();
                self.open(id, Kind::Anchored { anchor: id, epilogue }, elements, Dim::ZERO);
            }
        }
    }

    fn place_elementwise(&mut self, id: NodeId, facts: &Facts<'_>, target: &Target) {
        let mut candidates: Vec<usize> = Vec::new();
        for source in &facts.sources[id.index()] {
            if let Some(group) = self.of[source.node.index()]
                && !candidates.contains(&group)
            {
                candidates.push(group);
            }
        }
        // A group with an anchor or rows first: its hook saves a whole round trip.
        candidates.sort_by_key(|&g| (matches!(self.groups[g].kind, Kind::Pointwise), std::cmp::Reverse(g)));
        if facts.alone.contains(&id) {
            candidates.clear();
        }
        if facts.late.contains(&id) {
            candidates.retain(|&g| facts.late.contains(&self.groups[g].nodes[0]));
        }
        let mut home = None;
        for group in candidates {
            match home {
                None => {
                    if self.accepts(group, id, facts)
                        && !self.forms_cycle(group, id, facts)
                        && self.within_budget(group, &[id], facts, target)
                    {
                        self.join(id, group);
                        home = Some(group);
                    }
                }
                Some(home) => self.try_union(home, group, facts, target),
            }
        }
        if home.is_none() {
            let elements = facts.graph.shape(id).elements();
            self.open(id, Kind::Pointwise, elements, Dim::ZERO);
        }
    }

    fn place_reduce(
        &mut self,
        id: NodeId,
        input: Shape,
        axes: Vec<usize>,
        facts: &Facts<'_>,
        target: &Target,
    ) {
        let row: Dim = axes.iter().map(|&a| input[a].clone()).product();
        let rows: Dim = (0..input.rank()).filter(|a| !axes.contains(a)).map(|a| input[a].clone()).product();
        let elements = input.elements();
        let trailing = is_trailing(&axes, input.rank());
        let kind = Kind::Row { input, axes };
        let candidates: BTreeSet<usize> =
            facts.sources[id.index()].iter().filter_map(|s| self.of[s.node.index()]).collect();
        let mut home = None;
        for &group in candidates.iter().rev() {
            let whole = facts.sources[id.index()]
                .iter()
                .filter(|s| self.of[s.node.index()] == Some(group))
                .all(|s| self.fits_row(group, s, facts) && !facts.cut.contains(&s.node));
            let other = &self.groups[group];
            let fits = !facts.alone.contains(&id)
                && match &other.kind {
                    Kind::Row { .. } => other.kind == kind,
                    Kind::Pointwise => {
                        // Work that only this reduction reads needs no memory at all; other work is stored on the way, which
                        // is good only where rows are contiguous.
                        let pure = other.nodes.iter().all(|n| {
                            !facts.results.contains(n)
                                && facts.users[n.index()]
                                    .iter()
                                    .all(|u| *u == id || self.of[u.index()] == Some(group))
                        });
                        let straight = facts.sources[id.index()]
                            .iter()
                            .all(|s| self.of[s.node.index()] != Some(group) || s.straight);
                        other.elements == elements
                            && (pure || (trailing && straight && holds_rows(&row, &rows)))
                    }
                    Kind::Anchored { .. } => false,
                };
            if whole
                && fits
                && home.is_none()
                && !self.forms_cycle(group, id, facts)
                && self.within_budget(group, &[id], facts, target)
            {
                self.join(id, group);
                let joined = &mut self.groups[group];
                joined.kind = kind.clone();
                joined.rows = rows.clone();
                home = Some(group);
            }
        }
        if home.is_none() {
            self.open(id, kind, elements, rows);
        }
    }

    fn open(&mut self, id: NodeId, kind: Kind, elements: Dim, rows: Dim) {
        self.of[id.index()] = Some(self.groups.len());
        self.groups.push(Group { nodes: vec![id], kind, elements, rows, instructions: 1 });
    }

    fn join(&mut self, id: NodeId, group: usize) {
        self.of[id.index()] = Some(group);
        self.groups[group].nodes.push(id);
        self.groups[group].instructions += 1;
    }

    /// Whether an elementwise node may be computed within a group, going by the sizes and by how it reads the group's nodes.
    fn accepts(&self, group: usize, id: NodeId, facts: &Facts<'_>) -> bool {
        let elements = facts.graph.shape(id).elements();
        let home = &self.groups[group];
        let own = facts.sources[id.index()].iter().filter(|s| self.of[s.node.index()] == Some(group));
        let mut own = own.peekable();
        if own.peek().is_none() {
            return false;
        }
        let reads_well = |s: &Source| !facts.cut.contains(&s.node) && self.fits_row(group, s, facts);
        match &home.kind {
            Kind::Pointwise => {
                elements == home.elements && own.all(|s| s.whole && !facts.cut.contains(&s.node))
            }
            Kind::Anchored { epilogue, .. } => {
                *epilogue && elements == home.elements && own.all(|s| s.whole && !facts.cut.contains(&s.node))
            }
            Kind::Row { input, axes } => {
                if home.rows == home.elements {
                    return false;
                }
                if elements == home.rows {
                    return own.all(|s| {
                        s.whole
                            && facts.graph.shape(s.node).elements() == home.rows
                            && !facts.cut.contains(&s.node)
                    });
                }
                let row: Dim = axes.iter().map(|&a| input[a].clone()).product();
                let fat = is_trailing(axes, input.rank()) && holds_rows(&row, &home.rows);
                elements == home.elements && fat && own.all(reads_well)
            }
        }
    }

    /// Whether a node that works on whole rows of `group` reads `source` in a way that stays within its row.
    fn fits_row(&self, group: usize, source: &Source, facts: &Facts<'_>) -> bool {
        let home = &self.groups[group];
        if source.whole {
            return true;
        }
        // The result of a row, repeated along it.
        matches!(home.kind, Kind::Row { .. })
            && source.repeated
            && facts.graph.shape(source.node).elements() == home.rows
    }

    /// Merges `other` into `home` where both are computed over the same domain.
    fn try_union(&mut self, home: usize, other: usize, facts: &Facts<'_>, target: &Target) {
        let (a, b) = (&self.groups[home], &self.groups[other]);
        if a.nodes.iter().chain(&b.nodes).any(|n| facts.alone.contains(n)) {
            return;
        }
        if b.kind != Kind::Pointwise || a.elements != b.elements {
            return;
        }
        if let Kind::Anchored { epilogue: false, .. } = a.kind {
            return;
        }
        if let Kind::Row { input, axes } = &a.kind
            && !is_trailing(axes, input.rank())
        {
            return;
        }
        // What one reads of the other must be whole, and no third group may lie between.
        for (group, against) in [(home, other), (other, home)] {
            for &node in &self.groups[group].nodes {
                for source in &facts.sources[node.index()] {
                    let torn = !source.whole || facts.cut.contains(&source.node);
                    let stops = match self.of[source.node.index()] {
                        Some(g) if g == against => torn,
                        Some(g) => g != group && self.depends(g, against, facts),
                        None => false,
                    };
                    if stops {
                        return;
                    }
                }
            }
        }
        let moved = self.groups[other].nodes.clone();
        if !self.within_budget(home, &moved, facts, target) {
            return;
        }
        for &node in &moved {
            self.of[node.index()] = Some(home);
        }
        let instructions = self.groups[other].instructions;
        self.groups[other].nodes.clear();
        let target_group = &mut self.groups[home];
        target_group.nodes.extend(moved);
        target_group.nodes.sort();
        target_group.instructions += instructions;
    }

    /// Whether `id` reads, through another group, something that needs `group` first.
    fn forms_cycle(&self, group: usize, id: NodeId, facts: &Facts<'_>) -> bool {
        facts.sources[id.index()].iter().any(|s| match self.of[s.node.index()] {
            Some(other) => other != group && self.depends(other, group, facts),
            None => false,
        })
    }

    /// Whether group `from` needs group `on`, directly or through others.
    fn depends(&self, from: usize, on: usize, facts: &Facts<'_>) -> bool {
        let Some(&oldest) = self.groups[on].nodes.first() else { return false };
        let mut seen = HashSet::from([from]);
        let mut open = vec![from];
        while let Some(group) = open.pop() {
            if group == on {
                return true;
            }
            for node in &self.groups[group].nodes {
                for source in &facts.sources[node.index()] {
                    if let Some(next) = self.of[source.node.index()] {
                        // A group whose nodes are all older cannot need this one.
                        let newest = self.groups[next].nodes.last();
                        if newest.is_some_and(|n| *n >= oldest) && seen.insert(next) {
                            open.push(next);
                        }
                    }
                }
            }
        }
        false
    }

    /// Whether a group with further nodes stays within what one kernel may bind and hold.
    fn within_budget(&self, group: usize, added: &[NodeId], facts: &Facts<'_>, target: &Target) -> bool {
        let home = &self.groups[group];
        if home.instructions + added.len() > target.max_instructions {
            return false;
        }
        if target.max_bindings == usize::MAX {
            return true;
        }
        let inside = |n: NodeId| self.of[n.index()] == Some(group) || added.contains(&n);
        let members = home.nodes.iter().chain(added);
        let mut bound = BTreeSet::new();
        for &member in members {
            for source in &facts.sources[member.index()] {
                if !inside(source.node) {
                    bound.insert(source.node);
                }
            }
            // A node whose users are not all placed yet may lose them to this group; only known outside users count.
            let outside = facts.users[member.index()]
                .iter()
                .any(|u| self.of[u.index()].is_some_and(|g| g != group) && !added.contains(u));
            if outside || facts.results.contains(&member) {
                bound.insert(member);
            }
        }
        // One binding stays free for the last result, which may not be known yet.
        bound.len() < target.max_bindings
    }
}

/// Whether the reduced axes are the last ones, so that rows are contiguous.
fn is_trailing(axes: &[usize], rank: usize) -> bool {
    axes.iter().rev().enumerate().all(|(i, &axis)| axis + i + 1 == rank)
}

/// Whether keeping whole rows in one kernel pays: rows are not huge, or there are many of them.
fn holds_rows(row: &Dim, rows: &Dim) -> bool {
    let short = row.as_const().is_none_or(|n| n <= 8192);
    let many = rows.as_const().is_none_or(|n| n >= 16) && row.as_const().is_none_or(|n| n <= 65536);
    short || many
}
