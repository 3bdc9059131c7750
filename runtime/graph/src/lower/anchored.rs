//! Groups around a contraction, attention, a window or a cumulative operation: the anchor's operands and its epilogue.

use super::coordinate::{Coordinate, guard, reshape};
use super::domain::{Class, Domain, View};
use super::{Expression, Lowering, StepScope, Stop, on};
use crate::graph::NodeId;
use crate::op::{self, Op};
use crate::program::{Attention, Body, Contract, Kernel, Operand, Phase, Reduce, ReduceOp, Scan};
use crate::{Dim, Scalar};

const BATCH: Class = 0;
const M: Class = 1;
const N: Class = 2;
const K: Class = 3;
/// Attention: queries, keys, width of queries and keys, width of values.
const QUERIES: Class = 1;
const KEYS: Class = 2;
const HEAD: Class = 3;
const VALUE: Class = 4;

/// Prints an operand over a view of the domain, and says which register holds it.
type Build<'b> = dyn Fn(&mut Expression<'_, '_>, &View<'_>) -> Result<usize, Stop> + 'b;

/// What stopped a hook, and the classes of its domain.
type Stopped = (Stop, Vec<Class>);

impl Lowering<'_> {
    pub(super) fn emit_anchored(&mut self, group: usize, anchor: NodeId) -> Result<(), Stop> {
        match &self.graph.node(anchor).op {
            Op::MatMul(_) => self.emit_matmul(group, anchor),
            Op::Conv(op) => self.emit_conv(group, anchor, op),
            Op::Attention(op) => self.emit_attention(group, anchor, op),
            Op::Window(op) => self.emit_window(group, anchor, op),
            Op::Cumulative(op) => self.emit_cumulative(group, anchor, op),
            Op::Sort(op) => self.emit_sort(group, anchor, op),
            Op::Scatter(op) => self.emit_scatter(group, anchor, op),
            Op::DynamicUpdate(op) => self.emit_dynamic_update(anchor, op),
            Op::While(_) => self.emit_while(group, anchor),
            Op::If(_) => self.emit_if(group, anchor),
            Op::Barrier(_) => self.emit_barrier(anchor),
            Op::Custom(op) => self.emit_custom(group, anchor, op),
            _ => Err(Stop::Cut(anchor)),
        }
    }

    fn emit_matmul(&mut self, group: usize, anchor: NodeId) -> Result<(), Stop> {
        let graph = self.graph;
        let (a, b) = (graph.node(anchor).inputs[0], graph.node(anchor).inputs[1]);
        let batch = graph.shape(a).rank() - 2;
        let extent = |node: NodeId, axis: usize| graph.shape(node)[axis].clone();
        // A batch axis along which the right operand does not change is more rows of the left one.
        let invariant = self.invariant_axes(group, b);
        let mut domain = Domain::default();
        for (axis, &same) in invariant.iter().enumerate().take(batch) {
            domain.push(if same { M } else { BATCH }, extent(a, axis));
        }
        domain.push(M, extent(a, batch));
        domain.push(N, extent(b, batch + 1));
        domain.push(K, extent(a, batch + 1));
        let (m, n, k) = (batch, batch + 1, batch + 2);
        let with = |view: &View<'_>, last: [usize; 2]| -> Vec<Coordinate> {
            (0..batch).chain(last).map(|axis| view.coordinate(axis)).collect()
        };
        self.emit_contraction(
            group,
            anchor,
            domain,
            &|expression, view| expression.node(a, &with(view, [m, k])),
            &|expression, view| expression.node(b, &with(view, [k, n])),
            &|view| with(view, [m, n]),
        )
    }

    /// For each axis of a node, whether its expression is the same all along the axis.
    fn invariant_axes(&self, group: usize, node: NodeId) -> Vec<bool> {
        let shape = self.graph.shape(node).clone();
        let domain = Domain::of(&shape);
        let view = domain.view(&[0]);
        let members = |n| self.contains(group, n);
        let mut scope = StepScope { lowering: self, members: &members, reads: Vec::new() };
        let mut expression = Expression::new(&mut scope, view.extents());
        match expression.node(node, &view.coordinates()) {
            Ok(reg) => {
                (0..shape.rank()).map(|axis| expression.program.invariant(&|a| a == axis)[reg]).collect()
            }
            Err(_) => vec![false; shape.rank()],
        }
    }

    fn emit_conv(&mut self, group: usize, anchor: NodeId, op: &op::Conv) -> Result<(), Stop> {
        let graph = self.graph;
        let (x, w) = (graph.node(anchor).inputs[0], graph.node(anchor).inputs[1]);
        let (x_shape, w_shape, shape) = (graph.shape(x), graph.shape(w), graph.shape(anchor));
        let spatial = x_shape.rank() - 2;
        let per_group = w_shape[0].floor_div(&op.groups.into());
        let mut domain = Domain::default();
        let g = domain.push(BATCH, op.groups);
        let image = domain.push(M, &shape[0]);
        let out: Vec<usize> = (0..spatial).map(|s| domain.push(M, &shape[s + 2])).collect();
        let o = domain.push(N, per_group.clone());
        let c = domain.push(K, &w_shape[1]);
        let kernel: Vec<usize> = (0..spatial).map(|s| domain.push(K, &w_shape[s + 2])).collect();
        let channel = |view: &View<'_>, axis: usize, width: &Dim| {
            view.coordinate(g).scaled(width).plus(&view.coordinate(axis))
        };
        self.emit_contraction(
            group,
            anchor,
            domain,
            &|expression, view| {
                let mut at = vec![view.coordinate(image), channel(view, c, &w_shape[1])];
                let mut guards = Vec::new();
                for s in 0..spatial {
                    let window = view.coordinate(out[s]).scaled(&op.stride[s].into());
                    let within = view.coordinate(kernel[s]).scaled(&op.dilation[s].into());
                    let position = window.plus(&within).shifted(&Dim::from(-(op.low[s] as i64)));
                    if op.low[s] > 0 || op.high[s] > 0 {
                        guards.extend(guard(&position, &x_shape[s + 2]));
                    }
                    at.push(position);
                }
                expression.filled(x, &at, guards, Scalar::zero(graph.dtype(x)))
            },
            &|expression, view| {
                let mut at = vec![channel(view, o, &per_group), view.coordinate(c)];
                at.extend(kernel.iter().map(|&axis| view.coordinate(axis)));
                expression.node(w, &at)
            },
            &|view| {
                let mut at = vec![view.coordinate(image), channel(view, o, &per_group)];
                at.extend(out.iter().map(|&axis| view.coordinate(axis)));
                at
            },
        )
    }

    /// The common part of matrix multiplication and convolution. `a`, `b` and `c` say where operands and result lie in their hooks' domains.
    fn emit_contraction(
        &mut self,
        group: usize,
        anchor: NodeId,
        mut domain: Domain,
        a: &Build<'_>,
        b: &Build<'_>,
        c: &dyn Fn(&View<'_>) -> Vec<Coordinate>,
    ) -> Result<(), Stop> {
        let roots = self.roots(group);
        let dtype = self.graph.dtype(anchor);
        let (contract, reads) = self.with_splits(&mut domain, &[BATCH, M, N, K], |domain| {
            let members = |n| self.contains(group, n);
            let mut scope = StepScope { lowering: self, members: &members, reads: Vec::new() };
            let a = operand(&mut scope, domain, &[BATCH, M, K], a)?;
            let b = operand(&mut scope, domain, &[BATCH, K, N], b)?;
            let classes = [BATCH, M, N];
            let seeds = [(anchor, c(&domain.view(&classes)))];
            let epilogue = self.epilogue(&mut scope, domain, &classes, group, &seeds, &roots)?;
            let shape = |class| domain.view(&[class]).shape();
            let contract = Contract {
                batch: shape(BATCH),
                m: shape(M),
                n: shape(N),
                k: shape(K),
                a,
                b,
                dtype,
                epilogue,
            };
            Ok((contract, scope.reads))
        })?;
        self.push_step(group, Kernel::Contract(contract), reads, &roots)
    }

    fn emit_attention(&mut self, group: usize, anchor: NodeId, op: &op::Attention) -> Result<(), Stop> {
        let graph = self.graph;
        let inputs = &graph.node(anchor).inputs;
        let (q, k, v) = (inputs[0], inputs[1], inputs[2]);
        let (q_shape, v_shape) = (graph.shape(q).clone(), graph.shape(v).clone());
        let batch = q_shape.rank() - 2;
        let mut domain = Domain::default();
        for axis in 0..batch {
            domain.push(BATCH, &q_shape[axis]);
        }
        let queries = domain.push(QUERIES, &q_shape[batch]);
        let keys = domain.push(KEYS, &v_shape[batch]);
        let head = domain.push(HEAD, &q_shape[batch + 1]);
        let value = domain.push(VALUE, &v_shape[batch + 1]);
        let with = |view: &View<'_>, last: [usize; 2]| -> Vec<Coordinate> {
            (0..batch).chain(last).map(|axis| view.coordinate(axis)).collect()
        };
        let project = |index: usize| {
            let nodes = &self.grouping.groups[group].nodes;
            nodes.iter().copied().find(|&n| matches!(&graph.node(n).op, Op::Project(p) if p.index == index))
        };
        let (result, log_sum_exp) = (project(0), project(1));
        let roots = self.roots(group);
        let stored: Vec<NodeId> = roots.iter().copied().filter(|&r| Some(r) != log_sum_exp).collect();
        let (attention, reads) = self.with_splits(&mut domain, &[BATCH], |domain| {
            let members = |n| self.contains(group, n);
            let mut scope = StepScope { lowering: self, members: &members, reads: Vec::new() };
            let q = operand(&mut scope, domain, &[BATCH, QUERIES, HEAD], &|e, view| {
                e.node(q, &with(view, [queries, head]))
            })?;
            let k = operand(&mut scope, domain, &[BATCH, KEYS, HEAD], &|e, view| {
                e.node(k, &with(view, [keys, head]))
            })?;
            let v = operand(&mut scope, domain, &[BATCH, KEYS, VALUE], &|e, view| {
                e.node(v, &with(view, [keys, value]))
            })?;
            let mask = match inputs.get(3) {
                None => None,
                Some(&mask) => {
                    let at = |view: &View<'_>| with(view, [queries, keys]);
                    Some(operand(&mut scope, domain, &[BATCH, QUERIES, KEYS], &|e, view| {
                        e.node(mask, &at(view))
                    })?)
                }
            };
            let classes = [BATCH, QUERIES, VALUE];
            let view = domain.view(&classes);
            let seeds: Vec<_> = result.iter().map(|&r| (r, with(&view, [queries, value]))).collect();
            let epilogue = self.epilogue(&mut scope, domain, &classes, group, &seeds, &stored)?;
            let attention = Attention {
                batch: domain.view(&[BATCH]).shape(),
                queries: q_shape[batch].clone(),
                keys: v_shape[batch].clone(),
                head_dim: q_shape[batch + 1].clone(),
                value_dim: v_shape[batch + 1].clone(),
                scale: op.scale,
                causal: op.causal,
                q,
                k,
                v,
                mask,
                dtype: graph.dtype(anchor),
                epilogue,
                log_sum_exp: log_sum_exp.and_then(|l| roots.iter().position(|&r| r == l)),
            };
            Ok((attention, scope.reads))
        })?;
        self.push_step(group, Kernel::Attention(attention), reads, &roots)
    }

    /// A window is a reduction over its own extent, one row for each position.
    fn emit_window(&mut self, group: usize, anchor: NodeId, op: &op::Window) -> Result<(), Stop> {
        let graph = self.graph;
        let x = graph.node(anchor).inputs[0];
        let (x_shape, shape) = (graph.shape(x), graph.shape(anchor));
        let (outer, row) = (BATCH, M);
        let mut domain = Domain::default();
        let positions: Vec<usize> = shape.iter().map(|d| domain.push(outer, d)).collect();
        let windows: Vec<usize> = op.size.iter().map(|&d| domain.push(row, d)).collect();
        let dtype = graph.dtype(anchor);
        let identity = match op.op {
            ReduceOp::Product => Scalar::one(dtype),
            ReduceOp::Max => Scalar::lowest(dtype),
            ReduceOp::Min => Scalar::highest(dtype),
            _ => Scalar::zero(dtype),
        };
        let roots = self.roots(group);
        let (reduce, reads) = self.with_splits(&mut domain, &[outer], |domain| {
            let members = |n| self.contains(group, n);
            let mut scope = StepScope { lowering: self, members: &members, reads: Vec::new() };
            let operand = operand(&mut scope, domain, &[outer, row], &|expression, view| {
                let mut at = Vec::new();
                let mut guards = Vec::new();
                for axis in 0..shape.rank() {
                    let start = view.coordinate(positions[axis]).scaled(&op.stride[axis].into());
                    let within = view.coordinate(windows[axis]).scaled(&op.dilation[axis].into());
                    let position = start.plus(&within).shifted(&Dim::from(-(op.low[axis] as i64)));
                    if op.low[axis] > 0 || op.high[axis] > 0 {
                        guards.extend(guard(&position, &x_shape[axis]));
                    }
                    at.push(position);
                }
                expression.filled(x, &at, guards, identity)
            })?;
            let view = domain.view(&[outer]);
            let seeds = [(anchor, positions.iter().map(|&p| view.coordinate(p)).collect())];
            let per_row = Some(self.epilogue(&mut scope, domain, &[outer], group, &seeds, &roots)?);
            let phases = vec![Phase { op: op.op, operand, dtype }];
            let reduce = Reduce {
                outer: view.shape(),
                row: domain.view(&[row]).shape(),
                phases,
                per_row,
                per_element: None,
            };
            Ok((reduce, scope.reads))
        })?;
        self.push_step(group, Kernel::Reduce(reduce), reads, &roots)
    }

    fn emit_cumulative(&mut self, group: usize, anchor: NodeId, op: &op::Cumulative) -> Result<(), Stop> {
        let graph = self.graph;
        let x = graph.node(anchor).inputs[0];
        let shape = graph.shape(anchor).clone();
        let (outer, length) = (BATCH, M);
        let mut domain = Domain::default();
        for axis in 0..shape.rank() {
            domain.push(if axis == op.axis { length } else { outer }, &shape[axis]);
        }
        let roots = self.roots(group);
        let classes = [outer, length];
        let (scan, reads) = self.with_splits(&mut domain, &[outer], |domain| {
            let members = |n| self.contains(group, n);
            let mut scope = StepScope { lowering: self, members: &members, reads: Vec::new() };
            let operand = operand(&mut scope, domain, &classes, &|e, view| e.node(x, &view.coordinates()))?;
            let seeds = [(anchor, domain.view(&classes).coordinates())];
            let epilogue = self.epilogue(&mut scope, domain, &classes, group, &seeds, &roots)?;
            let scan = Scan {
                outer: domain.view(&[outer]).shape(),
                length: shape[op.axis].clone(),
                op: op.op,
                exclusive: op.exclusive,
                reverse: op.reverse,
                operand,
                dtype: graph.dtype(anchor),
                epilogue,
            };
            Ok((scan, scope.reads))
        })?;
        self.push_step(group, Kernel::Scan(scan), reads, &roots)
    }

    /// Prints what follows the archetype's results, which lie at `seeds` and are its accumulators.
    fn epilogue(
        &self,
        scope: &mut StepScope<'_>,
        domain: &Domain,
        classes: &[Class],
        group: usize,
        seeds: &[(NodeId, Vec<Coordinate>)],
        roots: &[NodeId],
    ) -> Result<Body, Stopped> {
        let view = domain.view(classes);
        let place = |root: NodeId| self.forward(root, group, seeds, &view.extents()).ok_or(Stop::Cut(root));
        let places: Vec<(NodeId, Result<Vec<Coordinate>, Stop>)> =
            roots.iter().map(|&r| (r, place(r))).collect();
        let mut expression = Expression::new(scope, view.extents());
        expression.accumulators = seeds.to_vec();
        let find = |root: NodeId| match places.iter().find(|(r, _)| *r == root) {
            Some((_, Ok(at))) => Ok(at.clone()),
            _ => Err(Stop::Cut(root)),
        };
        let stores = on(classes, expression.stores(roots, &self.roots(group), &find))?;
        Ok(Body { program: expression.program, stores })
    }

    /// Where a node's elements lie in the domain in which `seeds` do, following the ops between them.
    pub(super) fn forward(
        &self,
        id: NodeId,
        group: usize,
        seeds: &[(NodeId, Vec<Coordinate>)],
        domain: &[Dim],
    ) -> Option<Vec<Coordinate>> {
        if let Some((_, at)) = seeds.iter().find(|(seed, _)| *seed == id) {
            return Some(at.clone());
        }
        if !self.contains(group, id) && !self.facts.free[id.index()] {
            return None;
        }
        let node = self.graph.node(id);
        node.inputs.iter().find_map(|&input| {
            let at = self.forward(input, group, seeds, domain)?;
            let (from, to) = (self.graph.shape(input), self.graph.shape(id));
            match &node.op {
                Op::Unary(_) | Op::Binary(_) | Op::Compare(_) | Op::Select(_) | Op::Cast(_) => Some(at),
                Op::Reshape(_) => reshape(from, to, &at, domain).ok(),
                Op::Transpose(op) => Some(op.permutation.iter().map(|&axis| at[axis].clone()).collect()),
                Op::Broadcast(op) if from.elements() == to.elements() => {
                    let mut wide = vec![Coordinate::constant(0, domain.len()); to.rank()];
                    for (axis, &target) in op.axes.iter().enumerate() {
                        wide[target] = at[axis].clone();
                    }
                    Some(wide)
                }
                _ => None,
            }
        })
    }
}

/// Prints one operand over the axes of `classes`.
pub(super) fn operand(
    scope: &mut StepScope<'_>,
    domain: &Domain,
    classes: &[Class],
    build: &Build<'_>,
) -> Result<Operand, Stopped> {
    let view = domain.view(classes);
    let mut expression = Expression::new(scope, view.extents());
    let mut value = on(classes, build(&mut expression, &view))?;
    let mut program = expression.program;
    super::prune(&mut program, &mut [&mut value]);
    Ok(Operand { program, value })
}
