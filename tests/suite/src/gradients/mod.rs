//! Gradient cases: every differentiable op, stated once, differentiated on every backend.
//!
//! A [`Gradient`] is a forward graph, the float leaves it is differentiated for, and their values. The gradient pass turns it into a graph of gradients, which is a
//! [`Case`] like any other: in `f64` its values are compared with [central differences](difference::check) of the forward graph, in `f32` a backend is
//! compared with the reference. Both are built by the same lines, as the dtype is a parameter.
//!
//! What a central difference cannot see (the convention at a tie or a kink) stands in `tests/gradients.rs` beside PyTorch's answer.

mod builder;
mod composite;
mod contraction;
mod control;
pub mod difference;
mod movement;
mod pointwise;
mod reduction;

pub use builder::Builder;

use crate::Case;
use hadal_graph::gradient::gradient;
use hadal_graph::{DType, Graph, GraphError, HostTensor, NodeId};
use std::collections::{BTreeMap, BTreeSet};

/// Ops without a gradient case, each with the reason.
pub const NOT_DIFFERENTIABLE: [(&str, &str); 15] = [
    ("input", "a leaf: differentiation ends here"),
    ("parameter", "a leaf: differentiation ends here"),
    ("variable", "a leaf: differentiation ends here"),
    ("constant", "has no operand"),
    ("iota", "has no operand"),
    ("size", "has no operand"),
    ("random_bits", "a function of an integer key"),
    ("uniform", "a function of an integer key"),
    ("normal", "a function of an integer key"),
    ("one_hot", "a function of integer indices"),
    ("compare", "its result is boolean"),
    (
        "quantize_linear",
        "its result is an integer; what trains through it states a straight-through estimator",
    ),
    ("custom", "nobody can tell what its kernel computes: `custom_gradient` states its gradient"),
    ("detach", "is there to let no gradient through"),
    ("while", "the states of a loop are not kept; its error names what to do instead"),
];

/// A graph that is differentiated.
#[derive(Clone, Debug)]
pub struct Gradient {
    /// What is tested, unique among the cases.
    pub name: String,
    /// The forward graph; its only output is a scalar, the weighted sum of what the case is about.
    pub graph: Graph,
    /// The scalar.
    pub loss: NodeId,
    /// Leaves it is differentiated for.
    pub wrt: Vec<NodeId>,
    /// Values of all leaves.
    pub leaves: BTreeMap<String, HostTensor>,
    /// How many values are added up in a row, which scales the tolerance of `f32`.
    pub terms: usize,
    /// Step of the central difference.
    pub step: f64,
    /// How far the gradient may be from the central difference, absolutely and relatively.
    pub tolerance: f64,
}

impl Gradient {
    /// The gradients as a case: one output for each leaf that the graph is differentiated for.
    ///
    /// Errors: an op without gradient.
    pub fn case(&self) -> Result<Case, GraphError> {
        let (mut graph, gradients) = gradient(&self.graph, self.loss, &self.wrt)?;
        graph.outputs.clear();
        for (i, &d) in gradients.iter().enumerate() {
            graph.output(format!("gradient{i}"), d);
        }
        Ok(Case { name: self.name.clone(), graph, leaves: self.leaves.clone(), terms: self.terms })
    }

    /// The gradients as what is differentiated next: their sum, each element with a fixed weight.
    ///
    /// Errors: an op without gradient.
    pub fn again(&self) -> Result<Gradient, GraphError> {
        let (graph, gradients) = gradient(&self.graph, self.loss, &self.wrt)?;
        let mut second = Gradient { graph, name: format!("{}, twice", self.name), ..self.clone() };
        second.graph.outputs.clear();
        second.sum_up(&gradients)?;
        Ok(second)
    }

    /// Makes the weighted sum of `outputs` the loss. Errors: the reference cannot compute them.
    fn sum_up(&mut self, outputs: &[NodeId]) -> Result<(), GraphError> {
        builder::sum_up(self, outputs)
    }

    /// Names of the ops that a gradient flows through on the way from the leaves to the loss.
    pub fn ops(&self) -> BTreeSet<&'static str> {
        let nodes = self.graph.nodes();
        let mut reached = vec![false; nodes.len()];
        for leaf in &self.wrt {
            reached[leaf.index()] = true;
        }
        for (id, node) in nodes.iter() {
            let float = node.types.iter().any(|ty| ty.dtype.is_float());
            reached[id.index()] |= float && node.inputs.iter().any(|i| reached[i.index()]);
        }
        let mut useful = vec![false; nodes.len()];
        useful[self.loss.index()] = true;
        let mut names = BTreeSet::new();
        for (id, node) in nodes.iter().rev().filter(|(id, _)| reached[id.index()]) {
            if useful[id.index()] {
                node.inputs.iter().for_each(|i| useful[i.index()] = true);
                names.insert(node.op.name());
            }
        }
        names
    }
}

/// All cases in a float dtype.
///
/// Errors: a case whose graph is wrong.
pub fn all(dtype: DType) -> Result<Vec<Gradient>, GraphError> {
    let mut cases = Cases { dtype, list: Vec::new() };
    pointwise::cases(&mut cases)?;
    movement::cases(&mut cases)?;
    reduction::cases(&mut cases)?;
    contraction::cases(&mut cases)?;
    composite::cases(&mut cases)?;
    control::cases(&mut cases)?;
    Ok(cases.list)
}

/// The cases while they are listed.
struct Cases {
    dtype: DType,
    list: Vec<Gradient>,
}

impl Cases {
    /// Adds a case: `build` returns what is differentiated.
    fn add(
        &mut self,
        name: impl Into<String>,
        build: impl FnOnce(&mut Builder) -> Result<NodeId, GraphError>,
    ) -> Result<&mut Gradient, GraphError> {
        self.list.push(Builder::build(name.into(), self.dtype, |b| Ok(vec![build(b)?]))?);
        let last = self.list.len() - 1;
        Ok(&mut self.list[last])
    }

    /// Adds a case with several results.
    fn add_many(
        &mut self,
        name: impl Into<String>,
        build: impl FnOnce(&mut Builder) -> Result<Vec<NodeId>, GraphError>,
    ) -> Result<&mut Gradient, GraphError> {
        self.list.push(Builder::build(name.into(), self.dtype, build)?);
        let last = self.list.len() - 1;
        Ok(&mut self.list[last])
    }
}
