//! Prints the expression of a node, at given coordinates, into a pointwise program.

use super::coordinate::{Coordinate, Unsplit, guard, linear, reshape};
use super::{Lowering, Stop};
use crate::graph::NodeId;
use crate::op::Op;
use crate::program::{BinaryOp, Guard, IndexMap, Indirect, Instr, PointwiseProgram, Reg, ValueId};
use crate::{DType, Dim, Scalar};
use std::collections::HashMap;

/// What the expressions of one step share.
pub(super) struct StepScope<'a> {
    pub lowering: &'a Lowering<'a>,
    /// Nodes that are computed within this step.
    pub members: &'a dyn Fn(NodeId) -> bool,
    /// The values that the step reads so far.
    pub reads: Vec<ValueId>,
}

impl StepScope<'_> {
    /// The position of `value` among the step's reads.
    pub(super) fn read(&mut self, value: ValueId) -> usize {
        match self.reads.iter().position(|&v| v == value) {
            Some(position) => position,
            None => {
                self.reads.push(value);
                self.reads.len() - 1
            }
        }
    }
}

/// One hook of a step: a program under construction over a domain.
pub(super) struct Expression<'a, 's> {
    pub scope: &'s mut StepScope<'a>,
    /// Extents of the domain.
    pub domain: Vec<Dim>,
    /// The code so far.
    pub program: PointwiseProgram,
    /// Nodes that the archetype computes, with the coordinates at which it does, as accumulators.
    pub accumulators: Vec<(NodeId, Vec<Coordinate>)>,
    /// Where members were evaluated such that the domain covers each element exactly once.
    pub covered: HashMap<NodeId, (Vec<Coordinate>, Reg)>,
    memo: HashMap<(NodeId, Vec<Coordinate>, Vec<Guard>), Reg>,
}

/// Under which conditions a node is evaluated.
#[derive(Clone, Default)]
struct Context {
    /// Conditions under which loads may touch memory.
    guards: Vec<Guard>,
    /// Whether the way here skipped or repeated elements.
    partial: bool,
}

impl<'a, 's> Expression<'a, 's> {
    pub(super) fn new(scope: &'s mut StepScope<'a>, domain: Vec<Dim>) -> Self {
        Expression {
            scope,
            domain,
            program: PointwiseProgram::default(),
            accumulators: Vec::new(),
            covered: HashMap::new(),
            memo: HashMap::new(),
        }
    }

    pub(super) fn rank(&self) -> usize {
        self.domain.len()
    }

    /// The register that holds `node` at `at`.
    pub(super) fn node(&mut self, node: NodeId, at: &[Coordinate]) -> Result<Reg, Stop> {
        self.eval(node, at, &Context::default())
    }

    /// `node` at `at` where all `guards` hold, else `fill`. Memory is touched only where they hold.
    pub(super) fn filled(
        &mut self,
        node: NodeId,
        at: &[Coordinate],
        guards: Vec<Guard>,
        fill: Scalar,
    ) -> Result<Reg, Stop> {
        self.guarded_select(node, at, guards, &Context { guards: Vec::new(), partial: true }, fill, None)
    }

    fn eval(&mut self, id: NodeId, at: &[Coordinate], cx: &Context) -> Result<Reg, Stop> {
        let key = (id, at.to_vec(), cx.guards.clone());
        if let Some(&reg) = self.memo.get(&key) {
            return Ok(reg);
        }
        let reg = self.compute(id, at, cx)?;
        if !cx.partial && (self.scope.members)(id) {
            self.covered.entry(id).or_insert_with(|| (at.to_vec(), reg));
        }
        self.memo.insert(key, reg);
        Ok(reg)
    }

    fn compute(&mut self, id: NodeId, at: &[Coordinate], cx: &Context) -> Result<Reg, Stop> {
        let graph = self.scope.lowering.graph;
        let rank = self.rank();
        if let Some(position) = self.accumulators.iter().position(|(node, _)| *node == id) {
            return if self.accumulators[position].1 == at && cx.guards.is_empty() {
                Ok(self.program.push(Instr::Accumulator(position), graph.dtype(id)))
            } else {
                Err(Stop::Cut(id))
            };
        }
        if let Some(value) = self.scope.lowering.value(id)
            && !(self.scope.members)(id)
        {
            let address = linear(graph.shape(id), at, rank);
            return Ok(self.load(value, address, cx, graph.dtype(id)));
        }
        let node = graph.node(id);
        let dtype = graph.dtype(id);
        let inputs = &node.inputs;
        let same = |this: &mut Self, input: NodeId| this.eval(input, at, cx);
        let reg = match &node.op {
            Op::Constant(op) => match op.value.scalars().next() {
                Some(value) if op.value.elements() == 1 => self.program.push(Instr::Const(value), dtype),
                _ => return Err(Stop::Cut(id)),
            },
            Op::Iota(op) => {
                let coordinate = &at[op.axis];
                if !coordinate.indirect.is_empty() {
                    return Err(Stop::Cut(id));
                }
                self.program.push(Instr::Index(coordinate.affine.clone()), dtype)
            }
            Op::Size(op) => {
                let affine = crate::program::Affine::constant(&op.size, rank);
                self.program.push(Instr::Index(affine), dtype)
            }
            Op::RandomBits(_) => {
                let counter = linear(graph.shape(id), at, rank);
                if !counter.indirect.is_empty() {
                    return Err(Stop::Cut(id));
                }
                let word = |i: i64| [Coordinate::constant(i, rank)];
                let partial = Context { partial: true, ..cx.clone() };
                let key =
                    [self.eval(inputs[0], &word(0), &partial)?, self.eval(inputs[0], &word(1), &partial)?];
                self.program.push(Instr::Random { key, counter: counter.affine }, dtype)
            }
            Op::Unary(op) => {
                let x = same(self, inputs[0])?;
                self.program.push(Instr::Unary(op.op, x), dtype)
            }
            Op::Binary(op) => {
                let (a, b) = (same(self, inputs[0])?, same(self, inputs[1])?);
                self.binary(op.op, a, b, dtype)
            }
            Op::Compare(op) => {
                let (a, b) = (same(self, inputs[0])?, same(self, inputs[1])?);
                self.program.push(Instr::Compare(op.op, a, b), dtype)
            }
            Op::Select(_) => {
                let (c, a, b) = (same(self, inputs[0])?, same(self, inputs[1])?, same(self, inputs[2])?);
                self.program.push(Instr::Select(c, a, b), dtype)
            }
            Op::Cast(_) => {
                let x = same(self, inputs[0])?;
                if self.program.dtype(x) == dtype { x } else { self.program.push(Instr::Cast(x), dtype) }
            }
            Op::Reshape(_) => return self.reshape(id, inputs[0], at, cx),
            Op::Transpose(op) => {
                let mut from = at.to_vec();
                for (axis, &source) in op.permutation.iter().enumerate() {
                    from[source] = at[axis].clone();
                }
                self.eval(inputs[0], &from, cx)?
            }
            Op::Broadcast(op) => {
                let shape = graph.shape(inputs[0]);
                let from: Vec<Coordinate> = (0..shape.rank())
                    .map(|axis| match shape[axis].is(1) {
                        true => Coordinate::constant(0, rank),
                        false => at[op.axes[axis]].clone(),
                    })
                    .collect();
                let partial = cx.partial || shape.elements() != op.shape.elements();
                self.eval(inputs[0], &from, &Context { partial, ..cx.clone() })?
            }
            Op::Slice(op) => {
                let from: Vec<Coordinate> = (0..at.len())
                    .map(|axis| at[axis].scaled(&op.steps[axis].into()).shifted(&op.starts[axis]))
                    .collect();
                self.eval(inputs[0], &from, &Context { partial: true, ..cx.clone() })?
            }
            Op::Pad(op) => {
                let shape = graph.shape(inputs[0]);
                let mut from = Vec::with_capacity(at.len());
                let mut guards = Vec::new();
                for axis in 0..at.len() {
                    let coordinate = at[axis].shifted(&(Dim::ZERO - &op.low[axis]));
                    if !op.low[axis].is(0) || !op.high[axis].is(0) {
                        guards.push(guard(&coordinate, &shape[axis]).ok_or(Stop::Cut(id))?);
                    }
                    from.push(coordinate);
                }
                self.guarded_select(inputs[0], &from, guards, cx, op.value, None)?
            }
            Op::Concat(op) => {
                let mut offset = Dim::ZERO;
                let mut result = None;
                for &input in inputs {
                    let mut from = at.to_vec();
                    from[op.axis] = at[op.axis].shifted(&(Dim::ZERO - &offset));
                    let extent = graph.shape(input)[op.axis].clone();
                    let guards = vec![guard(&from[op.axis], &extent).ok_or(Stop::Cut(id))?];
                    offset = offset + extent;
                    result =
                        Some(self.guarded_select(input, &from, guards, cx, Scalar::zero(dtype), result)?);
                }
                result.ok_or(Stop::Cut(id))?
            }
            Op::Gather(op) => {
                let indices = inputs[1];
                let index_rank = graph.shape(indices).rank();
                let partial = Context { partial: true, ..cx.clone() };
                let index = self.eval(indices, &at[op.axis..op.axis + index_rank], &partial)?;
                let index = self.index(index);
                let limit = &graph.shape(inputs[0])[op.axis] - 1;
                let mut from = at[..op.axis].to_vec();
                let mut coordinate = Coordinate::constant(0, rank);
                coordinate.indirect.push(Indirect { index, stride: Dim::ONE, limit, clamped: false });
                from.push(coordinate);
                from.extend_from_slice(&at[op.axis + index_rank..]);
                self.eval(inputs[0], &from, &partial)?
            }
            Op::DynamicSlice(op) => {
                let partial = Context { partial: true, ..cx.clone() };
                let index = self.eval(inputs[1], &[], &partial)?;
                let index = self.index(index);
                let limit = &graph.shape(inputs[0])[op.axis] - &op.extent;
                let mut from = at.to_vec();
                from[op.axis].indirect.push(Indirect { index, stride: Dim::ONE, limit, clamped: true });
                self.eval(inputs[0], &from, &partial)?
            }
            _ => return Err(Stop::Cut(id)),
        };
        Ok(reg)
    }

    fn reshape(&mut self, id: NodeId, input: NodeId, at: &[Coordinate], cx: &Context) -> Result<Reg, Stop> {
        let graph = self.scope.lowering.graph;
        // A chain of reshapes over a value in memory is the same memory.
        let mut source = input;
        while let Op::Reshape(_) = graph.node(source).op {
            if self.scope.lowering.value(source).is_some() {
                break;
            }
            source = graph.node(source).inputs[0];
        }
        if let Some(value) = self.scope.lowering.value(source)
            && !(self.scope.members)(source)
        {
            let address = linear(graph.shape(id), at, self.rank());
            return Ok(self.load(value, address, cx, graph.dtype(source)));
        }
        match reshape(graph.shape(id), graph.shape(input), at, &self.domain) {
            Ok(from) => self.eval(input, &from, cx),
            Err(Unsplit::SplitAxis { axis, inner }) => Err(Stop::Split { axis, inner, otherwise: input }),
            Err(Unsplit::Never) => Err(Stop::Cut(input)),
        }
    }

    /// `guards ? node : otherwise`, where `otherwise` is a register or a constant.
    fn guarded_select(
        &mut self,
        node: NodeId,
        at: &[Coordinate],
        guards: Vec<Guard>,
        cx: &Context,
        fill: Scalar,
        otherwise: Option<Reg>,
    ) -> Result<Reg, Stop> {
        let dtype = self.scope.lowering.graph.dtype(node);
        let mut inner = Context { guards: cx.guards.clone(), partial: true };
        for guard in &guards {
            if !inner.guards.contains(guard) {
                inner.guards.push(guard.clone());
            }
        }
        let value = self.eval(node, at, &inner)?;
        // A guarded load already gives zero where the guard fails.
        let zero = fill == Scalar::zero(dtype);
        if guards.is_empty()
            || (zero && otherwise.is_none() && matches!(self.program.instrs[value].instr, Instr::Load { .. }))
        {
            return Ok(value);
        }
        let condition = self.program.push(Instr::InBounds(guards), DType::Bool);
        let other = otherwise.unwrap_or_else(|| self.program.push(Instr::Const(fill), dtype));
        Ok(self.program.push(Instr::Select(condition, value, other), dtype))
    }

    fn load(&mut self, value: ValueId, address: Coordinate, cx: &Context, dtype: DType) -> Reg {
        let operand = self.scope.read(value);
        let map = IndexMap { address: address.affine, guards: cx.guards.clone() };
        self.program.push(Instr::Load { operand, map, indirect: address.indirect }, dtype)
    }

    /// An index register of one of the dtypes that [`Indirect`] takes.
    pub(super) fn index(&mut self, reg: Reg) -> Reg {
        match self.program.dtype(reg) {
            DType::I32 | DType::U32 | DType::I64 => reg,
            DType::U64 => self.program.push(Instr::Cast(reg), DType::I64),
            _ => self.program.push(Instr::Cast(reg), DType::I32),
        }
    }

    /// A square is cheaper as a product.
    fn binary(&mut self, op: BinaryOp, a: Reg, b: Reg, dtype: DType) -> Reg {
        if let (BinaryOp::Pow, Instr::Const(exponent)) = (op, &self.program.instrs[b].instr)
            && exponent.to_f64() == 2.0
        {
            return self.program.push(Instr::Binary(BinaryOp::Mul, a, a), dtype);
        }
        self.program.push(Instr::Binary(op, a, b), dtype)
    }
}
