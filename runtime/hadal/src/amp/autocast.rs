//! The dtype of each op, chosen while it is recorded.
//!
//! A method on a tensor is recorded twice: first as if all its halves were `F32`, so that constants are exact and no dtypes clash, and
//! then node by node with the dtypes of the op list.

use super::op_list::{Precision, precision};
use crate::tensor::Tensor;
use crate::tensor::node::Source;
use crate::{Error, Result};
use hadal_graph::op::{Binary, Input, Op};
use hadal_graph::program::BinaryOp;
use hadal_graph::{DType, Graph, GraphError, NodeId};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// What autocast is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// The dtype of ops that are cast to half precision.
    pub(crate) dtype: DType,
    /// The dtype where such an op reads a parameter, by the variable's id.
    pub(crate) choices: BTreeMap<u64, DType>,
}

thread_local! {
    static POLICIES: RefCell<Vec<Option<Arc<Policy>>>> = const { RefCell::new(Vec::new()) };
}

/// Runs `f`, and records what it does in mixed precision: matrix products, convolutions and attention in `dtype`, what needs range or
/// accuracy in `F32`, by the [`op list`](super::precision).
///
/// What is recorded counts: an expression keeps its dtypes when it runs later, and the backward pass has those of the forward pass whether
/// or not `backward` is called within. Within a function of [`jit`](crate::jit()) it is traced along; around the call of one, the function
/// is traced anew for it. `F64` is left alone. Within, `autocast(DType::F32, ..)` turns it off again.
///
/// Errors: those of `f`; a dtype other than `F16`, `BF16` and `F32`.
#[track_caller]
pub fn autocast<T>(dtype: DType, f: impl FnOnce() -> Result<T>) -> Result<T> {
    match dtype {
        DType::F16 | DType::BF16 => under(Some(Arc::new(Policy { dtype, choices: BTreeMap::new() })), f),
        DType::F32 => without_autocast(f),
        other => Err(Error::argument(format!("autocast takes f16, bf16 or f32, but not {other}"))),
    }
}

/// Runs `f` with every op in the dtype of its operands.
pub(crate) fn without_autocast<T>(f: impl FnOnce() -> T) -> T {
    under(None, f)
}

/// Runs `f` under a policy.
pub(super) fn under<T>(policy: Option<Arc<Policy>>, f: impl FnOnce() -> T) -> T {
    let _entered = Entered::new(policy);
    f()
}

/// Records every op in the dtype of its operands until it is dropped.
pub(crate) fn off() -> Entered {
    Entered::new(None)
}

/// Under a policy, widens halves to `F32` and turns the policy off until the guard is dropped: for functions of several ops that are
/// `F32` as a whole. Elsewhere it changes nothing.
#[track_caller]
pub(crate) fn single<const N: usize>(tensors: [&Tensor; N]) -> Result<(Entered, [Tensor; N])> {
    let active = current().is_some();
    let entered = off();
    let mut wide = tensors.map(Tensor::clone);
    for tensor in &mut wide {
        if active && matches!(tensor.dtype(), DType::F16 | DType::BF16) {
            *tensor = tensor.to_dtype(DType::F32)?;
        }
    }
    Ok((entered, wide))
}

/// A policy that holds until this is dropped.
pub(crate) struct Entered(());

impl Entered {
    fn new(policy: Option<Arc<Policy>>) -> Entered {
        POLICIES.with_borrow_mut(|policies| policies.push(policy));
        Entered(())
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        POLICIES.with_borrow_mut(|policies| policies.pop());
    }
}

/// The policy of what is recorded now.
pub(crate) fn current() -> Option<Arc<Policy>> {
    POLICIES.with_borrow(|policies| policies.last().cloned().flatten())
}

/// Adds to `graph` what `f` records, in the dtypes of the policy. `ids` stand for `inputs`.
pub(crate) fn record(
    policy: &Policy,
    inputs: &[&Tensor],
    graph: &mut Graph,
    ids: &[NodeId],
    f: impl FnOnce(&mut Graph, &[NodeId]) -> Result<NodeId, GraphError>,
) -> Result<NodeId, GraphError> {
    if inputs.iter().any(|input| input.dtype() == DType::F64) {
        return f(graph, ids);
    }
    let mut wide = Graph::default();
    let mut placeholders = Vec::with_capacity(inputs.len());
    for input in inputs {
        let ty = input.ty().with_dtype(input.dtype().accumulator());
        placeholders.push(wide.apply(Input { name: String::new(), ty }, &[])?);
    }
    let result = f(&mut wide, &placeholders)?;
    let mut caster = Caster { policy, graph, origins: HashMap::new(), casts: HashMap::new() };
    let mut known: HashMap<NodeId, NodeId> = HashMap::new();
    for ((&placeholder, &id), input) in placeholders.iter().zip(ids).zip(inputs) {
        caster.origins.insert(id, Origin::of(input));
        known.insert(placeholder, id);
    }
    for (id, node) in wide.nodes().iter() {
        if known.contains_key(&id) {
            continue;
        }
        // Operands come before what uses them.
        let operands: Vec<NodeId> = node.inputs.iter().filter_map(|i| known.get(i).copied()).collect();
        known.insert(id, caster.add(node, operands)?);
    }
    Ok(known.get(&result).copied().unwrap_or(result))
}

/// What decides whether a node's dtype matters to others.
#[derive(Clone, Copy, Default)]
struct Origin {
    /// An activation is among its ancestors: its dtype is not changed for the sake of others.
    firm: bool,
    /// The parameter that it comes from.
    variable: Option<u64>,
}

impl Origin {
    fn of(tensor: &Tensor) -> Origin {
        if !tensor.dtype().is_float() || tensor.rank() == 0 {
            return Origin::default();
        }
        let mut tensor = tensor.clone();
        loop {
            if let Some(variable) = &tensor.0.variable {
                return Origin { firm: false, variable: Some(variable.id) };
            }
            let next = match &tensor.0.state().source {
                Source::Weight(_) => return Origin::default(),
                Source::Alias(of) => of.clone(),
                Source::Applied(applied) => match (&applied.op, applied.inputs.as_slice()) {
                    (
                        Op::Reshape(_)
                        | Op::Transpose(_)
                        | Op::Broadcast(_)
                        | Op::Slice(_)
                        | Op::Cast(_)
                        | Op::Detach(_),
                        [of],
                    ) => of.clone(),
                    _ => return Origin { firm: true, variable: None },
                },
                Source::Placeholder(_) | Source::Nothing => return Origin { firm: true, variable: None },
            };
            tensor = next;
        }
    }
}

struct Caster<'a> {
    policy: &'a Policy,
    graph: &'a mut Graph,
    origins: HashMap<NodeId, Origin>,
    casts: HashMap<(NodeId, DType), NodeId>,
}

impl Caster<'_> {
    fn add(&mut self, node: &hadal_graph::Node, mut operands: Vec<NodeId>) -> Result<NodeId, GraphError> {
        let floats: Vec<NodeId> =
            operands.iter().copied().filter(|&id| self.graph.dtype(id).is_float()).collect();
        let origins: Vec<Origin> = floats.iter().map(|id| self.origin(*id)).collect();
        if let Some(dtype) = self.dtype(&node.op, &operands, &floats, &origins) {
            for operand in &mut operands {
                if self.graph.dtype(*operand).is_float() {
                    *operand = self.cast(*operand, dtype)?;
                }
            }
        }
        let id = self.graph.apply_regions(node.op.clone(), &operands, node.regions.clone())?;
        let firm = origins.iter().any(|o| o.firm);
        let variable = if firm { None } else { origins.iter().find_map(|o| o.variable) };
        self.origins.insert(id, Origin { firm, variable });
        Ok(id)
    }

    /// The dtype that an op's float operands are cast to; `None` where they stay.
    fn dtype(&self, op: &Op, operands: &[NodeId], floats: &[NodeId], origins: &[Origin]) -> Option<DType> {
        let square = matches!(op, Op::Binary(Binary { op: BinaryOp::Mul })) && operands[0] == operands[1];
        match precision(op) {
            _ if floats.is_empty() => None,
            Precision::Half => {
                let chosen = |o: &Origin| o.variable.and_then(|id| self.policy.choices.get(&id).copied());
                Some(origins.iter().find_map(chosen).unwrap_or(self.policy.dtype))
            }
            Precision::Single => Some(DType::F32),
            Precision::Follow if square => Some(DType::F32),
            Precision::Follow if floats.len() < 2 => None,
            Precision::Follow => {
                let firm = floats.iter().zip(origins).filter(|(_, o)| o.firm).map(|(id, _)| *id);
                let widest = |ids: &mut dyn Iterator<Item = NodeId>| {
                    ids.map(|id| self.graph.dtype(id)).reduce(|a, b| if a == b { a } else { DType::F32 })
                };
                widest(&mut firm.into_iter()).or_else(|| widest(&mut floats.iter().copied()))
            }
        }
    }

    fn cast(&mut self, id: NodeId, dtype: DType) -> Result<NodeId, GraphError> {
        if self.graph.dtype(id) == dtype {
            return Ok(id);
        }
        if let Some(&known) = self.casts.get(&(id, dtype)) {
            return Ok(known);
        }
        // A cast before elements are repeated works on fewer.
        let node = self.graph.node(id);
        let cast = match (&node.op, node.inputs.as_slice()) {
            (Op::Broadcast(op), &[source]) => {
                let op = op.clone();
                let source = self.cast(source, dtype)?;
                self.graph.apply(op, &[source])?
            }
            _ => self.graph.cast(id, dtype)?,
        };
        self.origins.insert(cast, self.origin(id));
        self.casts.insert((id, dtype), cast);
        // A half that was made wider is itself again.
        self.casts.insert((cast, self.graph.dtype(id)), id);
        Ok(cast)
    }

    fn origin(&self, id: NodeId) -> Origin {
        self.origins.get(&id).copied().unwrap_or_default()
    }
}
