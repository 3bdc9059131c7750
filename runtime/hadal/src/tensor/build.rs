//! Recording: how methods on tensors become nodes.
//!
//! The rules of the graph's builder — broadcasting, kept axes, what a composite takes — are stated once, there. A method on a tensor
//! runs the builder on a scratch graph whose inputs have the operands' types, and the nodes that this adds become tensors.

use super::Tensor;
use super::node::{Applied, Fresh, Source, records_history};
use crate::amp;
use crate::device::Device;
use crate::trace;
use crate::{Error, Result};
use hadal_graph::op::{Detach, Input, Op};
use hadal_graph::{Graph, GraphError, Node, NodeId};
use smallvec::{SmallVec, smallvec};
use std::collections::HashMap;
use std::panic::Location;

impl Tensor {
    /// Records what `f` adds to a graph whose inputs stand for `inputs`: the way to use graph ops that have no method here, and to
    /// write composites of one's own.
    ///
    /// ```no_run
    /// # use hadal::{Device, Tensor};
    /// # fn f(x: &Tensor) -> hadal::Result<Tensor> {
    /// use hadal::graph::{op::Softmax, Graph};
    /// Tensor::compose(&[x], |g, ids| g.apply(Softmax { axis: 0 }, ids))
    /// # }
    /// ```
    ///
    /// Errors: what the builder says, operands on different devices, no operands at all.
    #[track_caller]
    pub fn compose(
        inputs: &[&Tensor],
        f: impl FnOnce(&mut Graph, &[NodeId]) -> Result<NodeId, GraphError>,
    ) -> Result<Tensor> {
        let Some(first) = inputs.first() else {
            return Err(Error::argument("an op needs at least one operand"));
        };
        build(first.device(), inputs, Location::caller(), f)
    }

    /// As [`Tensor::compose`], for several results.
    #[track_caller]
    pub fn compose_many(
        inputs: &[&Tensor],
        f: impl FnOnce(&mut Graph, &[NodeId]) -> Result<Vec<NodeId>, GraphError>,
    ) -> Result<Vec<Tensor>> {
        let Some(first) = inputs.first() else {
            return Err(Error::argument("an op needs at least one operand"));
        };
        build_many(first.device(), inputs, Location::caller(), f)
    }

    /// A tensor made by an op without operands.
    #[track_caller]
    pub(crate) fn create(
        device: &Device,
        f: impl FnOnce(&mut Graph) -> Result<NodeId, GraphError>,
    ) -> Result<Tensor> {
        build(device, &[], Location::caller(), |graph, _| f(graph))
    }
}

fn build(
    device: &Device,
    inputs: &[&Tensor],
    location: &'static Location<'static>,
    f: impl FnOnce(&mut Graph, &[NodeId]) -> Result<NodeId, GraphError>,
) -> Result<Tensor> {
    let policy = amp::current();
    let mut tensors = build_many(device, inputs, location, |graph, ids| {
        let result = match &policy {
            Some(policy) => amp::record(policy, inputs, graph, ids, f)?,
            None => f(graph, ids)?,
        };
        Ok(vec![result])
    })?;
    tensors.pop().ok_or_else(|| Error::argument("nothing was recorded"))
}

/// Records what `f` adds for a caller at `location`, who is named in errors.
pub(crate) fn build_many(
    device: &Device,
    inputs: &[&Tensor],
    location: &'static Location<'static>,
    f: impl FnOnce(&mut Graph, &[NodeId]) -> Result<Vec<NodeId>, GraphError>,
) -> Result<Vec<Tensor>> {
    let mut graph = Graph::default();
    let mut ids: SmallVec<[NodeId; 4]> = SmallVec::new();
    let mut known = HashMap::new();
    for &input in inputs {
        let id = graph.push(Node {
            op: Op::Input(Input { name: String::new(), ty: input.ty().clone() }),
            inputs: SmallVec::new(),
            types: smallvec![input.ty().clone()],
            regions: Vec::new(),
            name: None,
            location: None,
        });
        known.insert(id, input.clone());
        ids.push(id);
    }
    let results = f(&mut graph, &ids).map_err(|mut error| {
        error.location = Some(location.to_string());
        error
    })?;
    if let Some(other) = inputs.iter().find(|i| i.device() != device) {
        let last = results.last().map_or("op", |&id| graph.node(id).op.name());
        return Err(Error::devices(last, device, other.device(), location));
    }
    replay(&graph, &results, &mut known, device, &Origin::caller(location))
}

/// Where the nodes of a graph that is replayed come from.
pub(crate) struct Origin {
    /// Who asked for what is made.
    caller: &'static Location<'static>,
    /// Lines of forward ops by how nodes write them down.
    places: HashMap<String, &'static Location<'static>>,
    /// The number of the first node that belongs to a gradient.
    first_gradient: usize,
}

impl Origin {
    /// Everything comes from one call.
    pub(crate) fn caller(caller: &'static Location<'static>) -> Origin {
        Origin { caller, places: HashMap::new(), first_gradient: usize::MAX }
    }

    /// Nodes from number `first` on are gradients of forward ops that were asked for at `locations`. Only debug mode and profiles want to know.
    pub(crate) fn gradient(
        device: &Device,
        caller: &'static Location<'static>,
        first: usize,
        locations: &[(NodeId, &'static Location<'static>)],
    ) -> Origin {
        if !device.debug() && device.book().profiler.current().is_none() {
            return Origin::caller(caller);
        }
        let places = locations.iter().map(|(_, location)| (location.to_string(), *location)).collect();
        Origin { caller, places, first_gradient: first }
    }

    fn location(&self, node: &Node) -> &'static Location<'static> {
        let known = node.location.as_deref().and_then(|text| self.places.get(text));
        known.copied().unwrap_or(self.caller)
    }
}

/// Makes tensors of graph nodes: of `roots` and of what they need beyond `known`, which grows by what is made.
pub(crate) fn replay(
    graph: &Graph,
    roots: &[NodeId],
    known: &mut HashMap<NodeId, Tensor>,
    device: &Device,
    origin: &Origin,
) -> Result<Vec<Tensor>> {
    let mut needed = vec![false; graph.nodes().len()];
    for root in roots {
        needed[root.index()] = true;
    }
    for (id, node) in graph.nodes().iter().rev() {
        if needed[id.index()] && !known.contains_key(&id) {
            for input in &node.inputs {
                needed[input.index()] = true;
            }
        }
    }
    for (id, node) in graph.nodes().iter() {
        if !needed[id.index()] || known.contains_key(&id) {
            continue;
        }
        let missing = || {
            Error::argument(format!("the leaf {:?} of a recorded graph is not bound", node.op.leaf_name()))
        };
        let inputs: Option<SmallVec<[Tensor; 3]>> =
            node.inputs.iter().map(|i| known.get(i).cloned()).collect();
        let inputs = inputs.ok_or_else(missing)?;
        if node.op.leaf_name().is_some() {
            return Err(missing());
        }
        let gradient = id.index() >= origin.first_gradient;
        let tensor = apply(device, node, inputs, origin.location(node), gradient)?;
        known.insert(id, tensor);
    }
    Ok(roots.iter().filter_map(|root| known.get(root).cloned()).collect())
}

fn apply(
    device: &Device,
    node: &Node,
    inputs: SmallVec<[Tensor; 3]>,
    location: &'static Location<'static>,
    gradient: bool,
) -> Result<Tensor> {
    let depth = 1 + inputs.iter().map(|i| i.0.pending_depth()).max().unwrap_or(0);
    let differentiable = node.types.iter().any(|ty| ty.dtype.is_float());
    let requires_grad = differentiable && records_history() && inputs.iter().any(|i| i.0.requires_grad);
    let applied = Applied { op: node.op.clone(), inputs, regions: node.regions.clone() };
    let source = Source::Applied(Box::new(applied));
    let mut fresh = Fresh::new(device, node.types.clone(), location, source);
    fresh.depth = depth;
    fresh.requires_grad = requires_grad;
    fresh.gradient = gradient;
    let several = match (&node.op, &fresh.source) {
        (Op::Project(_), Source::Applied(applied)) => applied.inputs.first().cloned(),
        _ => None,
    };
    let tensor = fresh.into_tensor();
    if let Some(several) = several {
        several.0.state().projections.push(std::sync::Arc::downgrade(&tensor.0));
    }
    super::flush::bound_depth(&tensor)?;
    // Within a region no tensor remembers its history, so the graph must say where it ends.
    if !records_history() && trace::in_region() && node.types.len() == 1 {
        return Ok(tensor.detached(location));
    }
    Ok(tensor)
}

impl Tensor {
    /// The same value, through which no gradient flows, as an op of the graph.
    pub(crate) fn detached(&self, location: &'static Location<'static>) -> Tensor {
        if !self.dtype().is_float() {
            return self.clone();
        }
        let applied = Applied { op: Detach.into(), inputs: smallvec![self.clone()], regions: Vec::new() };
        let source = Source::Applied(Box::new(applied));
        let mut fresh = Fresh::new(self.device(), smallvec![self.ty().clone()], location, source);
        fresh.depth = 1 + self.0.pending_depth();
        fresh.into_tensor()
    }
}
