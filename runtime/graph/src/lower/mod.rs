//! From a graph of primitives to a program.
//!
//! 1. [`canonical`] rewrites the few primitives that no archetype runs as they are.
//! 2. [`recompute`] has cheap nodes computed twice where that saves memory.
//! 3. [`group`] decides which nodes are computed together, and [`order`] in which order.
//! 4. Each group is printed as one step: the expressions of its nodes, with all movement folded into index maps, become the hooks of a kernel
//!    archetype. One file an archetype.
//! 5. [`in_place`] lets steps overwrite values that nobody reads again, and [`once`] moves steps on frozen values to preparation.
//!
//! Printing is what decides whether a fusion is right: an expression that is not affine in the domain, or that needs an accumulator at another place than where it
//! is, stops with [`Stop::Cut`], the offending node is put in memory, and the whole starts again. Cuts only ever grow, so this ends.

mod anchored;
mod canonical;
mod control;
mod coordinate;
mod custom;
mod domain;
mod expression;
mod flow;
mod group;
mod in_place;
mod indexed;
mod min_cut;
mod once;
mod order;
mod pointwise;
mod recompute;
mod row;

use crate::arena::Arena;
use crate::error::{GraphError, OpError};
use crate::graph::{Graph, NodeId};
use crate::op::Op;
use crate::program::{Kernel, PointwiseProgram, Program, Role, Step, Update, Value, ValueId};
use crate::{Dim, Target};
use coordinate::{Coordinate, Unsplit, linear, reshape};
use domain::{Class, Domain};
use expression::{Expression, StepScope};
use group::{Facts, Grouping, Kind, is_leaf};
use recompute::Recomputed;
use std::collections::{HashMap, HashSet};

/// Why a group could not be printed.
#[derive(Debug)]
enum Stop {
    /// This node must be in memory, apart from its users.
    Cut(NodeId),
    /// Flat axis `axis` of the hook's domain must be two axes; where it cannot be, `otherwise` is cut.
    Split { axis: usize, inner: Dim, otherwise: NodeId },
    /// The graph cannot run.
    Error(GraphError),
}

impl From<GraphError> for Stop {
    fn from(error: GraphError) -> Stop {
        Stop::Error(error)
    }
}

/// Lowers a graph of primitives and of composites that are native to `target`.
pub(crate) fn lower(graph: &Graph, target: &Target) -> Result<Program, GraphError> {
    let Recomputed { graph, late } = recompute::recompute(canonical::canonical(graph, target)?, target)?;
    let (mut cut, mut alone) = (HashSet::new(), HashSet::new());
    loop {
        let facts = Facts::new(&graph, &cut, &alone, &late);
        let grouping = group::group(&facts, target);
        match Lowering::new(&graph, target, &facts, &grouping).run() {
            Ok(program) => return Ok(program),
            Err(Stop::Error(error)) => return Err(error),
            Err(Stop::Cut(node) | Stop::Split { otherwise: node, .. }) => {
                // A node that is cut already is at fault for what it reads, not for who reads it.
                if !cut.insert(node) && !alone.insert(node) {
                    let what = format!("no kernel can compute {}", graph.node(node).op.name());
                    return Err(GraphError::general("lowering", OpError::Attribute(what)));
                }
            }
        }
    }
}

struct Lowering<'a> {
    graph: &'a Graph,
    target: &'a Target,
    facts: &'a Facts<'a>,
    grouping: &'a Grouping,
    program: Program,
    /// The value that holds each node's first result, where it is in memory.
    values: Vec<Option<ValueId>>,
}

impl<'a> Lowering<'a> {
    fn new(graph: &'a Graph, target: &'a Target, facts: &'a Facts<'a>, grouping: &'a Grouping) -> Self {
        let program = Program { name: graph.name.clone(), ..Program::default() };
        Lowering { graph, target, facts, grouping, program, values: vec![None; graph.nodes().len()] }
    }

    /// The value in which a node's result lies, if it is in memory by now.
    fn value(&self, node: NodeId) -> Option<ValueId> {
        self.values[node.index()]
    }

    fn run(mut self) -> Result<Program, Stop> {
        self.leaves();
        for index in self.order() {
            let group = &self.grouping.groups[index];
            match &group.kind {
                Kind::Pointwise => self.emit_pointwise(index)?,
                Kind::Row { input, axes } => self.emit_row(index, input, axes)?,
                Kind::Anchored { anchor, .. } => self.emit_anchored(index, *anchor)?,
            }
        }
        for output in &self.graph.outputs {
            let value = self.memory(output.node)?;
            self.program.outputs.push(value);
            self.program.output_shapes.push(self.graph.shape(output.node).clone());
        }
        let variables: HashMap<ValueId, usize> = self.program.variables.iter().copied().zip(0..).collect();
        for assign in &self.graph.assigns {
            let value = self.memory(assign.value)?;
            let variable = self.memory(assign.variable)?;
            if value != variable {
                self.program.updates.push(Update { variable: variables[&variable], value });
            }
        }
        let mut program = self.program;
        in_place::in_place(&mut program);
        once::once(&mut program);
        Ok(program)
    }

    /// The value that holds a result of the graph.
    fn memory(&self, node: NodeId) -> Result<ValueId, Stop> {
        self.value(self.facts.behind_reshapes(node)).or(self.value(node)).ok_or(Stop::Cut(node))
    }

    fn leaves(&mut self) {
        let graph = self.graph;
        for (id, node) in graph.nodes().iter() {
            if !is_leaf(graph, id) || !self.facts.live[id.index()] {
                continue;
            }
            let ty = graph.ty(id);
            let (role, name) = match &node.op {
                Op::Input(op) => (Role::Input(self.program.inputs.len()), op.name.clone()),
                Op::Parameter(op) => (Role::Parameter(self.program.parameters.len()), op.name.clone()),
                Op::Variable(op) => (Role::Variable(self.program.variables.len()), op.name.clone()),
                _ => (Role::Constant(self.program.constants.len()), format!("constant{}", id)),
            };
            let value = self.program.values.push(Value {
                dtype: ty.dtype,
                shape: ty.shape.clone(),
                role,
                alias: None,
                name,
            });
            match &node.op {
                Op::Input(_) => self.program.inputs.push(value),
                Op::Parameter(_) => self.program.parameters.push(value),
                Op::Variable(_) => self.program.variables.push(value),
                Op::Constant(op) => self.program.constants.push((value, op.value.clone())),
                _ => {}
            }
            self.values[id.index()] = Some(value);
        }
    }

    /// The groups in the order in which they run.
    fn order(&self) -> Vec<usize> {
        let flow = self.grouping.flow(self.facts);
        order::order(&flow, self.facts.sized())
    }

    fn contains(&self, group: usize, node: NodeId) -> bool {
        self.grouping.of[node.index()] == Some(group)
    }

    /// The nodes of a group that must be in memory, in topological order.
    fn roots(&self, group: usize) -> Vec<NodeId> {
        self.grouping.roots(group, self.facts)
    }

    /// Prints a group, splitting the domain as asked; `build` gets the domain and returns the finished step, and the
    /// classes that its splits refer to stand in `Stop::Split` through [`Classed`].
    fn with_splits<T>(
        &self,
        domain: &mut Domain,
        splittable: &[Class],
        build: impl Fn(&Domain) -> Result<T, (Stop, Vec<Class>)>,
    ) -> Result<T, Stop> {
        for _ in 0..32 {
            match build(domain) {
                Ok(result) => return Ok(result),
                Err((Stop::Split { axis, inner, otherwise }, classes)) => {
                    match domain.split(&classes, axis, &inner) {
                        Some(class) if splittable.contains(&class) => {}
                        _ => return Err(Stop::Cut(otherwise)),
                    }
                }
                Err((stop, _)) => return Err(stop),
            }
        }
        Err(Stop::Error(GraphError::general(
            "lowering",
            OpError::Attribute("an iteration domain was split without end".into()),
        )))
    }

    /// Adds a step whose n-th write is the result of `written[n]`.
    fn push_step(
        &mut self,
        group: usize,
        kernel: Kernel,
        reads: Vec<ValueId>,
        written: &[NodeId],
    ) -> Result<(), Stop> {
        if reads.len() + written.len() > self.target.max_bindings {
            let nodes = &self.grouping.groups[group].nodes;
            // Half of the group goes to a step of its own.
            let middle = nodes[(nodes.len() - 1) / 2];
            if nodes.len() == 1 {
                let limit = self.target.max_bindings;
                let node = self.graph.node(middle);
                let what = format!(
                    "needs {} tensors at once, but {} allows {limit}",
                    reads.len() + 1,
                    self.target.name
                );
                return Err(GraphError::general(node.op.name(), OpError::Attribute(what)).into());
            }
            return Err(Stop::Cut(middle));
        }
        let writes = written.iter().map(|&node| self.define(node)).collect();
        let label = self.label(group);
        self.program.steps.push(Step { kernel, reads, writes, label });
        Ok(())
    }

    /// A new value for a node's result.
    fn define(&mut self, node: NodeId) -> ValueId {
        let ty = self.graph.ty(node);
        let name = self.graph.node(node).name.as_ref().map_or_else(|| node.to_string(), |n| n.to_string());
        let value =
            Value { dtype: ty.dtype, shape: ty.shape.clone(), role: Role::Computed, alias: None, name };
        let id = self.program.values.push(value);
        if let Some(location) = &self.graph.node(node).location {
            self.program.locations.insert(id, location.clone());
        }
        self.values[node.index()] = Some(id);
        id
    }

    fn label(&self, group: usize) -> String {
        let mut names: Vec<String> = Vec::new();
        for &node in &self.grouping.groups[group].nodes {
            let op = &self.graph.node(node).op;
            if !matches!(op, Op::Project(_)) {
                names.push(op.label());
            }
        }
        if names.len() > 8 {
            let rest = names.len() - 7;
            names.truncate(7);
            names.push(format!("{rest} more"));
        }
        names.join("+")
    }
}

/// The classes of a hook, attached to what stopped it.
fn on<T>(classes: &[Class], result: Result<T, Stop>) -> Result<T, (Stop, Vec<Class>)> {
    result.map_err(|stop| (stop, classes.to_vec()))
}

/// Coordinates through a reshape. On failure the domain must be split, or `otherwise` cut.
fn reshaped(
    from: &crate::Shape,
    to: &crate::Shape,
    at: &[Coordinate],
    domain: &[Dim],
    otherwise: NodeId,
) -> Result<Vec<Coordinate>, Stop> {
    reshape(from, to, at, domain).map_err(|unsplit| match unsplit {
        Unsplit::SplitAxis { axis, inner } => Stop::Split { axis, inner, otherwise },
        Unsplit::Never => Stop::Cut(otherwise),
    })
}

impl Expression<'_, '_> {
    /// Evaluates roots and returns where each is stored. Roots that others cover come last, so go from the newest.
    fn stores(
        &mut self,
        roots: &[NodeId],
        targets: &[NodeId],
        place: &dyn Fn(NodeId) -> Result<Vec<Coordinate>, Stop>,
    ) -> Result<Vec<crate::program::Store>, Stop> {
        let mut stores = Vec::new();
        for &root in roots.iter().rev() {
            let (at, value) = match self.covered.get(&root) {
                Some((at, reg)) => (at.clone(), *reg),
                None => {
                    let at = place(root)?;
                    let reg = self.node(root, &at)?;
                    (at, reg)
                }
            };
            let address = linear(self.scope.lowering.graph.shape(root), &at, self.rank());
            if !address.indirect.is_empty() {
                return Err(Stop::Cut(root));
            }
            let target = targets.iter().position(|&t| t == root).ok_or(Stop::Cut(root))?;
            stores.push(crate::program::Store {
                target,
                value,
                address: address.affine,
                indirect: Vec::new(),
            });
        }
        stores.reverse();
        Ok(stores)
    }
}

/// Drops instructions that nothing needs and renumbers the rest; `roots` are updated in place.
fn prune(program: &mut PointwiseProgram, roots: &mut [&mut usize]) {
    let mut needed = vec![false; program.instrs.len()];
    for root in roots.iter() {
        needed[**root] = true;
    }
    for reg in (0..needed.len()).rev() {
        if needed[reg] {
            for operand in program.instrs[reg].instr.operands() {
                needed[operand] = true;
            }
        }
    }
    let mut renamed = vec![0; needed.len()];
    let mut kept = Vec::new();
    for (reg, mut typed) in std::mem::take(&mut program.instrs).into_iter().enumerate() {
        if !needed[reg] {
            continue;
        }
        typed.instr.operands_mut().into_iter().for_each(|operand| *operand = renamed[*operand]);
        renamed[reg] = kept.len();
        kept.push(typed);
    }
    program.instrs = kept;
    for root in roots.iter_mut() {
        **root = renamed[**root];
    }
}

/// A value of no graph node, such as a copy.
fn scratch(values: &mut Arena<Value>, like: ValueId, name: String) -> ValueId {
    let value = Value { role: Role::Computed, alias: None, name, ..values[like].clone() };
    values.push(value)
}
