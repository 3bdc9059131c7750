//! From tensors to a graph.

use super::Tensor;
use super::node::{Source, State};
use crate::Result;
use hadal_graph::op::{Input, Op, Parameter, Variable as VariableOp};
use hadal_graph::{Graph, NodeId};
use smallvec::{SmallVec, smallvec};
use std::collections::HashMap;
use std::panic::Location;
use std::sync::Arc;

/// A graph being made of what tensors record.
pub(crate) struct Recorder {
    /// Without names and locations: equal expressions give equal graphs.
    pub(crate) graph: Graph,
    /// Recorded nodes that are not leaves, operands first.
    pub(crate) order: Vec<Tensor>,
    ids: HashMap<usize, NodeId>,
    locations: Vec<(NodeId, &'static Location<'static>)>,
}

/// Decides, for a tensor that comes up, whether it is a leaf of the graph.
///
/// Gets the recorder and the tensor's state; returns the leaf's node, or `None` to go on to its operands.
pub(crate) type LeafRule<'a> = dyn FnMut(&mut Recorder, &Tensor, &State) -> Result<Option<NodeId>> + 'a;

impl Recorder {
    pub(crate) fn new(name: &str) -> Recorder {
        Recorder { graph: Graph::new(name), order: Vec::new(), ids: HashMap::new(), locations: Vec::new() }
    }

    /// The node of a recorded tensor.
    pub(crate) fn id(&self, tensor: &Tensor) -> Option<NodeId> {
        self.ids.get(&address(tensor)).copied()
    }

    /// Makes `tensor` stand for a node that is already there.
    pub(crate) fn bind(&mut self, tensor: &Tensor, id: NodeId) {
        self.ids.insert(address(tensor), id);
    }

    /// Adds a leaf for a value that each run is given.
    pub(crate) fn input(&mut self, name: String, tensor: &Tensor) -> NodeId {
        self.leaf(Op::Input(Input { name, ty: tensor.ty().clone() }), tensor)
    }

    /// Adds a leaf for state.
    pub(crate) fn variable(&mut self, name: String, tensor: &Tensor) -> NodeId {
        self.leaf(Op::Variable(VariableOp { name, ty: tensor.ty().clone() }), tensor)
    }

    /// Adds a leaf for a frozen tensor.
    pub(crate) fn parameter(&mut self, name: String, tensor: &Tensor) -> NodeId {
        self.leaf(Op::Parameter(Parameter { name, ty: tensor.ty().clone() }), tensor)
    }

    fn leaf(&mut self, op: Op, tensor: &Tensor) -> NodeId {
        self.push(op, SmallVec::new(), smallvec![tensor.ty().clone()], Vec::new())
    }

    /// Records `root` and what it depends on, up to the leaves that `rule` names. Operands come before what uses them.
    pub(crate) fn record(&mut self, root: &Tensor, rule: &mut LeafRule<'_>) -> Result<NodeId> {
        enum Visit {
            Enter(Tensor),
            Leave(Tensor),
        }
        let mut stack = vec![Visit::Enter(root.clone())];
        while let Some(visit) = stack.pop() {
            match visit {
                Visit::Enter(tensor) => {
                    if self.id(&tensor).is_some() {
                        continue;
                    }
                    let node = tensor.0.clone();
                    let state = node.state();
                    if let Some(id) = rule(self, &tensor, &state)? {
                        self.bind(&tensor, id);
                        continue;
                    }
                    stack.push(Visit::Leave(tensor));
                    match &state.source {
                        Source::Applied(applied) => {
                            stack.extend(applied.inputs.iter().rev().cloned().map(Visit::Enter));
                        }
                        Source::Alias(of) => stack.push(Visit::Enter(of.clone())),
                        Source::Weight(_) | Source::Placeholder(_) | Source::Nothing => {}
                    }
                }
                Visit::Leave(tensor) => {
                    if self.id(&tensor).is_none() {
                        self.leave(tensor, rule)?;
                    }
                }
            }
        }
        self.id(root).ok_or(crate::Error::Gradient("the expression is gone".into()))
    }

    fn leave(&mut self, tensor: Tensor, rule: &mut LeafRule<'_>) -> Result<()> {
        let node = tensor.0.clone();
        let state = node.state();
        let id = match &state.source {
            Source::Applied(applied) => {
                // Another thread may have replaced operands since they were visited, never those of a node that is still pending.
                let inputs: Option<SmallVec<[NodeId; 3]>> =
                    applied.inputs.iter().map(|i| self.id(i)).collect();
                inputs.map(|inputs| {
                    let id =
                        self.push(applied.op.clone(), inputs, node.types.clone(), applied.regions.clone());
                    self.locations.push((id, node.location));
                    id
                })
            }
            Source::Alias(of) => self.id(of),
            _ => None,
        };
        // What has been computed meanwhile is a leaf now.
        let id = match id {
            Some(id) => Some(id),
            None => rule(self, &tensor, &state)?,
        };
        if let Some(id) = id {
            self.bind(&tensor, id);
        }
        drop(state);
        self.order.push(tensor);
        Ok(())
    }

    fn push(
        &mut self,
        op: Op,
        inputs: SmallVec<[NodeId; 3]>,
        types: hadal_graph::op::Types,
        regions: Vec<Arc<Graph>>,
    ) -> NodeId {
        self.graph.push(hadal_graph::Node { op, inputs, types, regions, name: None, location: None })
    }

    /// Where the user asked for each node.
    pub(crate) fn locations(&self) -> &[(NodeId, &'static Location<'static>)] {
        &self.locations
    }

    /// Where the user asked for each node, which the recorder then forgets.
    pub(crate) fn take_locations(&mut self) -> Vec<(NodeId, &'static Location<'static>)> {
        std::mem::take(&mut self.locations)
    }

    /// How often recorded nodes refer to each tensor.
    pub(crate) fn uses(&self) -> HashMap<usize, usize> {
        let mut uses = HashMap::new();
        for tensor in &self.order {
            match &tensor.0.state().source {
                Source::Applied(applied) => {
                    for input in &applied.inputs {
                        *uses.entry(address(input)).or_insert(0) += 1;
                    }
                }
                Source::Alias(of) => *uses.entry(address(of)).or_insert(0) += 1,
                _ => {}
            }
        }
        uses
    }
}

/// Writes locations into a graph, for errors and for the plan's table.
pub(crate) fn locate(graph: &mut Graph, locations: &[(NodeId, &'static Location<'static>)]) {
    for (id, location) in locations {
        graph.set_location(*id, Some(location.to_string().into()));
    }
}

/// What distinguishes a tensor from all others as long as it lives.
pub(crate) fn address(tensor: &Tensor) -> usize {
    Arc::as_ptr(&tensor.0).addr()
}
