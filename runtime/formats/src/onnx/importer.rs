//! Walks an ONNX graph from its outputs, gives every value a node when something needs one, and adds the place to errors.

use super::call::Call;
use super::known::Known;
use super::ops;
use super::proto::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use super::refusal::Refusal;
use super::sieve::{Apart, Place, Sifted};
use super::tensor::{self, External};
use super::{FORMAT, NEWEST_OPSET};
use crate::error::quoted;
use crate::limits::check_shape;
use crate::{FormatError, Imported};
use hadal_graph::op::{Op, Size};
use hadal_graph::program::BinaryOp;
use hadal_graph::{DType, Dim, Graph, HostTensor, NodeId, Scalar, Shape, pass};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

/// Most bytes of an integer initializer that becomes a constant of the graph.
const MAX_CONSTANT: usize = 1024;

/// Names a value of the ONNX graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ValueId(usize);

/// What an operator returns for a result.
#[derive(Debug)]
pub(crate) enum Value {
    /// A node of the graph.
    Node(NodeId),
    /// A value that is known now; it becomes nodes only if something needs them.
    Known(Known),
    /// A tensor; it becomes a constant or a parameter if something needs it.
    Tensor(HostTensor),
    /// One of the operands.
    Same(ValueId),
}

/// A value of the ONNX graph.
struct Slot {
    name: String,
    node: Option<NodeId>,
    known: Option<Known>,
    tensor: Option<HostTensor>,
    /// A tensor whose elements are elsewhere.
    apart: Option<Apart>,
}

/// The graph as it grows.
pub(crate) struct Importer {
    pub(crate) graph: Graph,
    pub(super) external: External,
    slots: Vec<Slot>,
    weights: BTreeMap<String, HostTensor>,
    apart: Vec<Apart>,
}

/// Where a value comes from.
#[derive(Clone, Copy)]
enum Source {
    Input,
    Initializer(usize),
    Node(usize),
}

/// Imports a model. Errors: see [`super::read`].
pub(super) fn import(model: ModelProto, folder: Option<&Path>) -> Result<Imported, FormatError> {
    let Sifted { graph, weights, .. } = walk(model, folder, &HashMap::new())?;
    Ok(Imported { graph, weights })
}

/// Imports a model of which the raw data of some initializers, by their positions, was left out. Errors: see [`super::read`].
pub(super) fn sifted(model: ModelProto, apart: &HashMap<usize, Place>) -> Result<Sifted, FormatError> {
    walk(model, None, apart)
}

fn walk(
    model: ModelProto,
    folder: Option<&Path>,
    apart: &HashMap<usize, Place>,
) -> Result<Sifted, FormatError> {
    let opsets = opsets(&model)?;
    let Some(proto) = &model.graph else {
        return Err(FormatError::malformed(FORMAT, "the model", "no graph", "one"));
    };
    if !proto.sparse_initializer.is_empty() {
        return Err(FormatError::unsupported("the graph", "a sparse initializer"));
    }
    if proto.output.is_empty() {
        return Err(FormatError::malformed(FORMAT, "the graph", "no outputs", "at least one"));
    }
    let sources = sources(proto)?;
    let order = order(proto, &sources)?;
    let mut importer = Importer {
        graph: Graph::new(proto.name.clone()),
        external: External::new(folder),
        slots: Vec::new(),
        weights: BTreeMap::new(),
        apart: Vec::new(),
    };
    let mut values: HashMap<&str, ValueId> = HashMap::new();
    for input in &proto.input {
        if matches!(sources.get(input.name.as_str()), Some(Source::Input)) {
            values.insert(&input.name, importer.input(input)?);
        }
    }
    for item in order {
        match item {
            Item::Initializer(index) => {
                let tensor = &proto.initializer[index];
                values.insert(&tensor.name, importer.initializer(tensor, apart.get(&index).copied())?);
            }
            Item::Node(index) => {
                let node = &proto.node[index];
                let place = place(index, node);
                let functions = &model.functions;
                if functions.iter().any(|f| f.name == node.op_type && f.domain == node.domain) {
                    return Err(FormatError::unsupported(place, "an operator that the model defines itself")
                        .with_hint("export the model with its functions inlined"));
                }
                let results = importer.node(node, &values, &opsets).map_err(|refusal| refusal.at(place))?;
                values.extend(
                    node.output.iter().map(String::as_str).zip(results).filter(|(name, _)| !name.is_empty()),
                );
            }
        }
    }
    importer.outputs(proto, &values)?;
    importer.finish()
}

/// The version of each operator set; ONNX's own is called "". Errors: `Malformed`, `Unsupported`.
fn opsets(model: &ModelProto) -> Result<HashMap<&str, i64>, FormatError> {
    let mut opsets = HashMap::new();
    for set in &model.opset_import {
        opsets.insert(canonical(&set.domain), set.version);
    }
    match opsets.get("") {
        Some(1..=NEWEST_OPSET) => Ok(opsets),
        None if !opsets.is_empty() => Ok(opsets),
        Some(&other) if other > NEWEST_OPSET => {
            Err(FormatError::unsupported("the model", format!("version {other} of ONNX's operators"))
                .with_hint(format!("export the model with opset {NEWEST_OPSET} or older")))
        }
        found => {
            let found = found.map_or("no version of ONNX's operators".into(), |v| format!("opset {v}"));
            Err(FormatError::malformed(FORMAT, "the model", found, "an opset import")
                .with_hint("this may be no ONNX model"))
        }
    }
}

/// ONNX's own domain has two names.
fn canonical(domain: &str) -> &str {
    if domain == "ai.onnx" { "" } else { domain }
}

/// Where every value comes from. Errors: `Malformed` when a name stands twice.
fn sources(proto: &GraphProto) -> Result<HashMap<&str, Source>, FormatError> {
    let mut sources = HashMap::new();
    let twice = |what: &str, name: &str| {
        let found = format!("a second value called {}", quoted(name));
        Err(FormatError::malformed(FORMAT, what.to_string(), found, "unique names"))
    };
    for (index, tensor) in proto.initializer.iter().enumerate() {
        if sources.insert(tensor.name.as_str(), Source::Initializer(index)).is_some() {
            return twice("the initializers", &tensor.name);
        }
    }
    let mut inputs = HashSet::new();
    for input in &proto.input {
        if input.name.is_empty() || !inputs.insert(&input.name) {
            return twice("the inputs", &input.name);
        }
        // Old files list initializers as inputs, too.
        sources.entry(input.name.as_str()).or_insert(Source::Input);
    }
    for (index, node) in proto.node.iter().enumerate() {
        for name in node.output.iter().filter(|name| !name.is_empty()) {
            if sources.insert(name, Source::Node(index)).is_some() {
                return twice(&place(index, node), name);
            }
        }
    }
    Ok(sources)
}

/// What is to be imported, in an order in which operands come first.
enum Item {
    Initializer(usize),
    Node(usize),
}

/// Everything that the outputs need. Errors: `Malformed` for a value that nothing computes and for a cycle.
fn order(proto: &GraphProto, sources: &HashMap<&str, Source>) -> Result<Vec<Item>, FormatError> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done,
    }
    let mut states = vec![State::New; proto.node.len()];
    let mut used = vec![false; proto.initializer.len()];
    let mut items = Vec::new();
    // Nodes whose operands are being visited, with the position of the next operand.
    let mut stack: Vec<(usize, usize)> = Vec::new();
    for output in &proto.output {
        let mut next = Some((output.name.as_str(), None));
        loop {
            if let Some((name, reader)) = next.take() {
                match sources.get(name) {
                    Some(Source::Input) => {}
                    Some(&Source::Initializer(index)) => {
                        if !std::mem::replace(&mut used[index], true) {
                            items.push(Item::Initializer(index));
                        }
                    }
                    Some(&Source::Node(index)) => match states[index] {
                        State::Done => {}
                        State::New => {
                            states[index] = State::Open;
                            stack.push((index, 0));
                        }
                        State::Open => {
                            let found = format!("a cycle: {} needs its own result", quoted(name));
                            return Err(FormatError::malformed(
                                FORMAT,
                                place(index, &proto.node[index]),
                                found,
                                "a graph without cycles",
                            ));
                        }
                    },
                    None => {
                        let place = reader.map_or("the outputs".into(), |r: usize| place(r, &proto.node[r]));
                        let found = format!("the value {}, which nothing computes", quoted(name));
                        return Err(FormatError::malformed(
                            FORMAT,
                            place,
                            found,
                            "an input, initializer or result",
                        ));
                    }
                }
            }
            let Some((index, position)) = stack.last_mut() else { break };
            let node = &proto.node[*index];
            match node.input.get(*position) {
                Some(name) => {
                    *position += 1;
                    if !name.is_empty() {
                        next = Some((name, Some(*index)));
                    }
                }
                None => {
                    states[*index] = State::Done;
                    items.push(Item::Node(*index));
                    stack.pop();
                }
            }
        }
    }
    Ok(items)
}

/// What messages call a node.
fn place(index: usize, node: &NodeProto) -> String {
    let name = match (node.name.is_empty(), node.output.first()) {
        (false, _) => format!(" {}", quoted(&node.name)),
        (true, Some(output)) => format!(" (result {})", quoted(output)),
        (true, None) => String::new(),
    };
    let domain = if node.domain.is_empty() { String::new() } else { format!("{}.", node.domain) };
    format!("node {index}{name}, {domain}{}", node.op_type)
}

impl Importer {
    fn slot(&mut self, slot: Slot) -> ValueId {
        self.slots.push(slot);
        ValueId(self.slots.len() - 1)
    }

    fn input(&mut self, info: &ValueInfoProto) -> Result<ValueId, FormatError> {
        let place = || format!("input {}", quoted(&info.name));
        let Some(ty) = info.r#type.as_ref().and_then(|ty| ty.tensor_type.as_ref()) else {
            return Err(FormatError::unsupported(place(), "an input that is no tensor"));
        };
        let dtype = tensor::dtype(ty.elem_type)
            .map_err(|what| FormatError::unsupported(place(), format!("an input of {what}")))?;
        let Some(shape) = &ty.shape else {
            return Err(FormatError::unsupported(place(), "an input of unknown rank")
                .with_hint("export the model with input shapes; single extents may be dynamic"));
        };
        let mut dims = Vec::with_capacity(shape.dim.len());
        for (axis, dim) in shape.dim.iter().enumerate() {
            dims.push(match (dim.dim_value, dim.dim_param.as_deref()) {
                (Some(value), _) if value >= 0 => Dim::Const(value),
                (_, Some(name)) if !name.is_empty() => Dim::symbol(name),
                _ => Dim::symbol(&format!("{}.{axis}", info.name)),
            });
        }
        let shape = Shape(dims);
        check_shape(&shape)
            .map_err(|(found, expected)| FormatError::malformed(FORMAT, place(), found, expected))?;
        let node = self.graph.input(&info.name, dtype, shape).map_err(|e| FormatError::graph(place(), e))?;
        self.graph.set_location(node, None);
        Ok(self.slot(Slot {
            name: info.name.clone(),
            node: Some(node),
            known: None,
            tensor: None,
            apart: None,
        }))
    }

    fn initializer(&mut self, proto: &TensorProto, apart: Option<Place>) -> Result<ValueId, FormatError> {
        let slot = Slot { name: proto.name.clone(), node: None, known: None, tensor: None, apart: None };
        let external = proto.data_location == 1 || !proto.external_data.is_empty();
        if let Some(place) = apart.filter(|_| !external) {
            let apart = Some(tensor::apart(proto, place)?);
            return Ok(self.slot(Slot { apart, ..slot }));
        }
        let tensor = tensor::value(proto, &mut self.external)?;
        Ok(self.slot(Slot { known: Known::of(&tensor), tensor: Some(tensor), ..slot }))
    }

    /// Imports one node and returns its results.
    fn node(
        &mut self,
        node: &NodeProto,
        values: &HashMap<&str, ValueId>,
        opsets: &HashMap<&str, i64>,
    ) -> Result<Vec<ValueId>, Refusal> {
        let domain = canonical(&node.domain);
        let Some(&opset) = opsets.get(domain) else {
            let found = format!(
                "an operator of the domain {}, whose version the model does not declare",
                quoted(domain)
            );
            return Err(Refusal::malformed(found, "an opset import for it"));
        };
        let operator = ops::find(domain, &node.op_type, opset)?;
        let inputs = node.input.iter().map(|name| values.get(name.as_str()).copied()).collect();
        let call = Call::new(node, inputs, opset);
        let first = self.graph.nodes().len();
        let results = (operator.import)(self, &call)?;
        if let Some(name) = call.unread() {
            return Err(Refusal::unsupported(format!("the attribute {} of this operator", quoted(name))));
        }
        if results.len() < call.results() {
            return Err(Refusal::unsupported(format!("result {} of this operator", call.results())));
        }
        let name = match node.output.first() {
            Some(output) if node.name.is_empty() => output.as_str(),
            _ => node.name.as_str(),
        };
        for id in self.graph.nodes().handles().skip(first) {
            self.graph.set_location(id, None);
            if self.graph.node(id).op.leaf_name().is_none() {
                self.graph.set_name(id, name);
            }
            for ty in &self.graph.node(id).types {
                check_shape(&ty.shape).map_err(|(found, expected)| Refusal::malformed(found, expected))?;
            }
        }
        let mut ids = Vec::with_capacity(results.len());
        for (position, result) in results.into_iter().enumerate() {
            let name = node.output.get(position).cloned().unwrap_or_default();
            let slot = |node, known, tensor| Slot { name, node, known, tensor, apart: None };
            ids.push(match result {
                Value::Same(id) => id,
                Value::Node(node) => self.slot(slot(Some(node), None, None)),
                Value::Known(known) => {
                    let tensor = known.tensor();
                    self.slot(slot(None, Some(known), tensor))
                }
                Value::Tensor(tensor) => self.slot(slot(None, Known::of(&tensor), Some(tensor))),
            });
        }
        Ok(ids)
    }

    fn outputs(&mut self, proto: &GraphProto, values: &HashMap<&str, ValueId>) -> Result<(), FormatError> {
        let mut names = HashSet::new();
        for output in &proto.output {
            let place = || format!("output {}", quoted(&output.name));
            let Some(&id) = values.get(output.name.as_str()) else {
                return Err(FormatError::malformed(FORMAT, place(), "no value of that name", "one"));
            };
            if !names.insert(&output.name) {
                return Err(FormatError::malformed(FORMAT, place(), "a second one", "unique names"));
            }
            let node = self.materialise(id).map_err(|refusal| refusal.at(place()))?;
            let declared = output.r#type.as_ref().and_then(|ty| ty.tensor_type.as_ref());
            if let Some(declared) = declared.and_then(|ty| tensor::dtype(ty.elem_type).ok())
                && declared != self.graph.dtype(node)
            {
                let found = format!("declared as {declared}");
                return Err(FormatError::malformed(
                    FORMAT,
                    place(),
                    found,
                    self.graph.dtype(node).to_string(),
                ));
            }
            self.graph.output(output.name.clone(), node);
        }
        Ok(())
    }

    fn finish(self) -> Result<Sifted, FormatError> {
        let graph = pass::dead(&self.graph).map_err(|e| FormatError::graph("the graph", e))?;
        let used: HashSet<&str> = graph.nodes().iter().filter_map(|(_, n)| n.op.leaf_name()).collect();
        let mut weights = self.weights;
        weights.retain(|name, _| used.contains(name.as_str()));
        let mut apart = self.apart;
        apart.retain(|tensor| used.contains(tensor.name.as_str()));
        apart.sort_by_key(|tensor| tensor.offset);
        drop(used);
        Ok(Sifted { graph, weights, apart })
    }

    /// The node of a value.
    fn materialise(&mut self, id: ValueId) -> Result<NodeId, Refusal> {
        let slot = &self.slots[id.0];
        if let Some(node) = slot.node {
            return Ok(node);
        }
        let node = match (&slot.apart, &slot.tensor, &slot.known) {
            (Some(apart), ..) => {
                let apart = apart.clone();
                self.apart(apart)?
            }
            (None, Some(tensor), _) => {
                let (name, tensor) = (slot.name.clone(), tensor.clone());
                self.leaf(&name, tensor)?
            }
            (None, None, Some(known)) => {
                let known = known.clone();
                self.sizes(&known)?
            }
            (None, None, None) => return Err(Refusal::malformed("an operand without a value", "one")),
        };
        self.slots[id.0].node = Some(node);
        Ok(node)
    }

    /// A parameter whose elements are elsewhere.
    fn apart(&mut self, tensor: Apart) -> Result<NodeId, Refusal> {
        let node = self.graph.parameter(&tensor.name, tensor.dtype, tensor.shape.as_slice())?;
        self.graph.set_location(node, None);
        self.apart.push(tensor);
        Ok(node)
    }

    /// A constant for a small tensor, else a parameter called `name`.
    fn leaf(&mut self, name: &str, tensor: HostTensor) -> Result<NodeId, Refusal> {
        let small =
            tensor.elements() <= 1 || (!tensor.dtype().is_float() && tensor.bytes().len() <= MAX_CONSTANT);
        let node = if small || name.is_empty() {
            self.graph.constant(tensor)?
        } else {
            let node = self.graph.parameter(name, tensor.dtype(), tensor.shape())?;
            self.weights.insert(name.into(), tensor);
            node
        };
        self.graph.set_location(node, None);
        if !name.is_empty() && self.graph.node(node).op.leaf_name().is_none() {
            self.graph.set_name(node, name);
        }
        Ok(node)
    }

    /// Nodes that compute sizes at run time.
    fn sizes(&mut self, known: &Known) -> Result<NodeId, Refusal> {
        let mut parts = Vec::new();
        for dim in &known.dims {
            let part = match dim.as_const() {
                Some(value) => self.graph.constant_scalar(Scalar::Int(value.into()), known.dtype)?,
                None => self.graph.apply(Size { size: dim.clone(), dtype: known.dtype }, &[])?,
            };
            parts.push(if known.vector { self.graph.reshape(part, [1])? } else { part });
        }
        match (known.vector, parts.as_slice()) {
            (false, [part]) | (true, [part]) => Ok(*part),
            (true, []) => Ok(self.graph.constant(HostTensor::full(known.dtype, [0], Scalar::Int(0)))?),
            _ => Ok(self.graph.concat(&parts, 0)?),
        }
    }

    /// Operand `index` as a node.
    pub(crate) fn operand(&mut self, call: &Call<'_>, index: usize) -> Result<NodeId, Refusal> {
        self.optional(call, index)?.ok_or_else(|| {
            let found = format!("{} operands", call.count());
            Refusal::malformed(found, format!("operand {index}"))
        })
    }

    /// Operand `index` as a node, if it is there.
    pub(crate) fn optional(&mut self, call: &Call<'_>, index: usize) -> Result<Option<NodeId>, Refusal> {
        match call.inputs.get(index).copied().flatten() {
            Some(id) => self.materialise(id).map(Some),
            None => Ok(None),
        }
    }

    /// Operand `index` as it was given, if it is there.
    pub(crate) fn id(&self, call: &Call<'_>, index: usize) -> Result<ValueId, Refusal> {
        call.inputs.get(index).copied().flatten().ok_or_else(|| {
            Refusal::malformed(format!("{} operands", call.count()), format!("operand {index}"))
        })
    }

    /// The value of operand `index`, if it is known now.
    pub(crate) fn known(&self, call: &Call<'_>, index: usize) -> Option<Known> {
        self.slots[call.inputs.get(index).copied().flatten()?.0].known.clone()
    }

    /// The values of all operands, if all are there and known now.
    pub(crate) fn all_known(&self, call: &Call<'_>) -> Option<Vec<Known>> {
        (0..call.inputs.len()).map(|i| self.known(call, i)).collect()
    }

    /// The tensor that operand `index` is, if it is a constant or initializer.
    pub(crate) fn tensor(&self, call: &Call<'_>, index: usize) -> Option<&HostTensor> {
        self.slots[call.inputs.get(index).copied().flatten()?.0].tensor.as_ref()
    }

    /// Operand `index` as sizes that are known now. Errors: `Unsupported` if they are computed from data.
    pub(crate) fn dims(
        &self,
        call: &Call<'_>,
        index: usize,
        what: &str,
    ) -> Result<Option<Vec<Dim>>, Refusal> {
        if call.inputs.get(index).copied().flatten().is_none() {
            return Ok(None);
        }
        match self.known(call, index) {
            Some(known) => Ok(Some(known.dims)),
            None => Err(Refusal::unsupported(format!("{what} that depends on the data of the run"))
                .with_hint("export the model with static shapes where data decides")),
        }
    }

    /// Operand `index` as plain integers that are known now. Errors: `Unsupported` if they are not.
    pub(crate) fn ints(
        &self,
        call: &Call<'_>,
        index: usize,
        what: &str,
    ) -> Result<Option<Vec<i64>>, Refusal> {
        let Some(dims) = self.dims(call, index, what)? else { return Ok(None) };
        let ints: Option<Vec<i64>> = dims.iter().map(Dim::as_const).collect();
        ints.map(Some)
            .ok_or_else(|| Refusal::unsupported(format!("{what} that depends on the sizes of the run")))
    }

    /// Whether every element of an integer node is known to be zero or more.
    pub(crate) fn is_non_negative(&self, node: NodeId) -> bool {
        self.non_negative(node, &mut 256)
    }

    fn non_negative(&self, id: NodeId, budget: &mut usize) -> bool {
        let Some(left) = budget.checked_sub(1) else { return false };
        *budget = left;
        let positive = |tensor: &HostTensor| tensor.scalars().all(|s| s.to_i128() >= 0);
        let node = self.graph.node(id);
        let mut all = || node.inputs.iter().all(|&input| self.non_negative(input, budget));
        match &node.op {
            Op::Constant(op) => positive(&op.value),
            Op::Parameter(op) => {
                self.weights.get(&op.name).is_some_and(|t| t.bytes().len() <= 1 << 20 && positive(t))
            }
            Op::Iota(_) | Op::Size(_) => true,
            Op::Reshape(_) | Op::Broadcast(_) | Op::Slice(_) | Op::Transpose(_) | Op::Concat(_) => all(),
            Op::Gather(_) => node.inputs.first().is_some_and(|&x| self.non_negative(x, budget)),
            Op::Binary(op) if op.op == BinaryOp::Max => {
                node.inputs.iter().any(|&i| self.non_negative(i, budget))
            }
            Op::Binary(op) => matches!(op.op, BinaryOp::Min | BinaryOp::Rem | BinaryOp::Div) && all(),
            Op::Select(_) => node.inputs[1..].iter().all(|&input| self.non_negative(input, budget)),
            Op::Cast(op) => {
                let bits = |d: DType| 8 * d.size() - usize::from(d.is_signed_int());
                let from = node.inputs.first().map(|&x| self.graph.dtype(x));
                from.is_some_and(|from| !from.is_float() && bits(from) <= bits(op.dtype)) && all()
            }
            _ => !node.types[0].dtype.is_float() && !node.types[0].dtype.is_signed_int(),
        }
    }
}
