//! The graph: an append-only arena of nodes.

use crate::arena::{Arena, Handle};
use crate::error::{GraphError, OpError};
use crate::op::{Infer, Op, Operator, Project};
use crate::{DType, Shape, TensorType};
use smallvec::SmallVec;
use std::panic::Location;
use std::sync::Arc;

/// Names a node and, as most ops have one result, that result. Further results are reached with [`Graph::project`].
pub type NodeId = Handle<Node>;

/// An op applied to earlier nodes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// What is computed.
    pub op: Op,
    /// Operands; all earlier in the arena.
    pub inputs: SmallVec<[NodeId; 3]>,
    /// Types of the results.
    pub types: SmallVec<[TensorType; 1]>,
    /// Graphs that the op owns, for control ops. A region sees only its own inputs.
    pub regions: Vec<Arc<Graph>>,
    /// A name for people, such as a module path.
    pub name: Option<Arc<str>>,
    /// Where the caller asked for the op: `file:line:column`.
    pub location: Option<Arc<str>>,
}

/// A result of a graph.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// The node that computes it.
    pub node: NodeId,
}

/// The new value of a variable after the graph has run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Assign {
    /// A [`Variable`](crate::op::Variable) node. Reading it always means the value before the run.
    pub variable: NodeId,
    /// The new value, of the same type.
    pub value: NodeId,
}

/// A computation: nodes in topological order, which of them are inputs and outputs, and what happens to state.
///
/// Nodes are only ever added. Passes build new graphs.
///
/// ```
/// use hadal_graph::{DType, Graph};
/// let mut g = Graph::new("double");
/// let x = g.input("x", DType::F32, ["batch"])?;
/// let y = g.add(x, x)?;
/// g.output("y", y);
/// assert_eq!(g.ty(y).to_string(), "f32[batch]");
/// # Ok::<(), hadal_graph::GraphError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Graph {
    /// For people.
    pub name: String,
    nodes: Arena<Node>,
    inputs: Vec<NodeId>,
    /// Results, in order.
    pub outputs: Vec<Output>,
    /// State changes, at most one for each variable; they take place together, at the end.
    pub assigns: Vec<Assign>,
}

impl Graph {
    /// An empty graph.
    pub fn new(name: impl Into<String>) -> Graph {
        Graph { name: name.into(), ..Graph::default() }
    }

    /// All nodes, in topological order.
    pub fn nodes(&self) -> &Arena<Node> {
        &self.nodes
    }

    /// A node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id]
    }

    /// Run-time inputs ([`Input`](crate::op::Input) nodes), in order.
    pub fn inputs(&self) -> &[NodeId] {
        &self.inputs
    }

    /// The type of a node's first result.
    pub fn ty(&self, id: NodeId) -> &TensorType {
        &self.nodes[id].types[0]
    }

    /// The shape of a node's first result.
    pub fn shape(&self, id: NodeId) -> &Shape {
        &self.ty(id).shape
    }

    /// The dtype of a node's first result.
    pub fn dtype(&self, id: NodeId) -> DType {
        self.ty(id).dtype
    }

    /// The first input, parameter or variable with this name.
    pub fn leaf(&self, name: &str) -> Option<NodeId> {
        self.nodes.iter().find(|(_, n)| n.op.leaf_name() == Some(name)).map(|(id, _)| id)
    }

    /// Applies an op to nodes of this graph. Errors: whatever the op says about its inputs.
    #[track_caller]
    pub fn apply(&mut self, op: impl Into<Op>, inputs: &[NodeId]) -> Result<NodeId, GraphError> {
        self.apply_regions(op.into(), inputs, Vec::new())
    }

    /// Applies an op that owns regions.
    #[track_caller]
    pub fn apply_regions(
        &mut self,
        op: Op,
        inputs: &[NodeId],
        regions: Vec<Arc<Graph>>,
    ) -> Result<NodeId, GraphError> {
        let location = Location::caller();
        let types: Vec<&TensorType> = inputs.iter().map(|&i| self.ty(i)).collect();
        let infer = Infer { inputs: &types, all: &|i| &self.nodes[inputs[i]].types, regions: &regions };
        match op.infer(&infer) {
            Ok(types) => {
                let node = Node {
                    op,
                    inputs: inputs.into(),
                    types,
                    regions,
                    name: None,
                    location: Some(location.to_string().into()),
                };
                Ok(self.push(node))
            }
            Err(error) => {
                let types = types.into_iter().cloned().collect();
                Err(GraphError::new(op.name(), types, Some(location), error))
            }
        }
    }

    /// Adds a node as it is: how passes copy nodes with their names and locations, and how recorded expressions become a graph. The
    /// caller vouches for the types, and that every input is a node of this graph.
    pub fn push(&mut self, node: Node) -> NodeId {
        let is_input = matches!(node.op, Op::Input(_));
        let id = self.nodes.push(node);
        if is_input {
            self.inputs.push(id);
        }
        id
    }

    /// Result number `index` of a node with several results.
    #[track_caller]
    pub fn project(&mut self, node: NodeId, index: usize) -> Result<NodeId, GraphError> {
        if index == 0 && self.nodes[node].types.len() == 1 {
            return Ok(node);
        }
        self.apply(Project { index }, &[node])
    }

    /// Declares a result.
    pub fn output(&mut self, name: impl Into<String>, node: NodeId) {
        self.outputs.push(Output { name: name.into(), node });
    }

    /// Declares that `variable` holds `value` after the run; a later assign to the same variable replaces an earlier one.
    ///
    /// Errors: when `variable` is no variable, or the types differ.
    pub fn assign(&mut self, variable: NodeId, value: NodeId) -> Result<(), GraphError> {
        let fail = |error| {
            Err(GraphError::new(
                "assign",
                vec![self.ty(variable).clone(), self.ty(value).clone()],
                None,
                error,
            ))
        };
        if !matches!(self.nodes[variable].op, Op::Variable(_)) {
            return fail(OpError::Attribute("only variables can be assigned to".into()));
        }
        if self.ty(variable) != self.ty(value) {
            return fail(OpError::Attribute("a variable keeps its dtype and shape".into()));
        }
        self.assigns.retain(|a| a.variable != variable);
        self.assigns.push(Assign { variable, value });
        Ok(())
    }

    /// Gives a node a name for people.
    pub fn set_name(&mut self, node: NodeId, name: impl Into<Arc<str>>) {
        self.nodes[node].name = Some(name.into());
    }

    /// Gives a node the name and location of the node that it stands for, unless it has a name of its own.
    pub(crate) fn set_origin(&mut self, node: NodeId, origin: &Node) {
        let node = &mut self.nodes[node];
        if node.name.is_none() {
            node.name = origin.name.clone();
            node.location = origin.location.clone();
        }
    }

    /// An error of a node whose inputs are nodes of this graph, with its name and location.
    pub(crate) fn error_at(&self, node: &Node, error: OpError) -> GraphError {
        let inputs = node.inputs.iter().map(|&i| self.ty(i).clone()).collect();
        GraphError::new(node.op.name(), inputs, None, error).at(node)
    }

    /// Says where a person asked for the node; importers, whose own source location would mislead, clear it.
    pub fn set_location(&mut self, node: NodeId, location: Option<Arc<str>>) {
        self.nodes[node].location = location;
    }

    /// Gives all nodes from number `first` on, the name of `of` with `suffix`, and its location.
    pub(crate) fn attribute(&mut self, first: usize, of: NodeId, suffix: &str) {
        let name: Option<Arc<str>> =
            self.nodes[of].name.as_ref().map(|name| format!("{name}{suffix}").into());
        let location = self.nodes[of].location.clone();
        for index in first..self.nodes.len() {
            let node = &mut self.nodes[NodeId::new(index)];
            (node.name, node.location) = (name.clone(), location.clone());
        }
    }

    /// Nodes that outputs and assigns keep alive: `live[i]` for node i. Inputs are always live.
    pub fn live(&self) -> Vec<bool> {
        let mut live = vec![false; self.nodes.len()];
        let roots = self
            .outputs
            .iter()
            .map(|o| o.node)
            .chain(self.assigns.iter().flat_map(|a| [a.variable, a.value]));
        for root in roots.chain(self.inputs.iter().copied()) {
            live[root.index()] = true;
        }
        for (id, node) in self.nodes.iter().rev() {
            if live[id.index()] {
                for input in &node.inputs {
                    live[input.index()] = true;
                }
            }
        }
        live
    }
}
