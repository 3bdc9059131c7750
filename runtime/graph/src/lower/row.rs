//! Groups around reductions.

use super::coordinate::Coordinate;
use super::domain::Domain;
use super::{Expression, Lowering, StepScope, Stop, on, reshaped};
use crate::graph::NodeId;
use crate::op::Op;
use crate::program::{Body, Kernel, Operand, Phase, Reduce};
use crate::{Dim, Shape};

const OUTER: u8 = 0;
const ROW: u8 = 1;

impl Lowering<'_> {
    pub(super) fn emit_row(&mut self, group: usize, input: &Shape, axes: &[usize]) -> Result<(), Stop> {
        let graph = self.graph;
        let nodes = &self.grouping.groups[group].nodes;
        let reductions: Vec<NodeId> =
            nodes.iter().copied().filter(|&n| matches!(graph.node(n).op, Op::Reduce(_))).collect();
        let roots = self.roots(group);
        let rows: Dim = (0..input.rank()).filter(|a| !axes.contains(a)).map(|a| input[a].clone()).product();
        let per_row = |n: &NodeId| reductions.contains(n) || graph.shape(*n).elements() == rows;
        let (row_roots, element_roots): (Vec<NodeId>, Vec<NodeId>) = roots.iter().partition(|n| per_row(n));
        let mut domain = Domain::default();
        for axis in 0..input.rank() {
            domain.push(if axes.contains(&axis) { ROW } else { OUTER }, &input[axis]);
        }
        let outer_shape: Shape =
            (0..input.rank()).filter(|a| !axes.contains(a)).map(|a| input[a].clone()).collect();

        let (reduce, reads) = self.with_splits(&mut domain, &[OUTER, ROW], |domain| {
            let members = |n| self.contains(group, n);
            let mut scope = StepScope { lowering: self, members: &members, reads: Vec::new() };
            let whole = domain.view(&[OUTER, ROW]);
            let outer = domain.view(&[OUTER]);
            // Where a reduction's result lies, seen from either domain.
            let row_at = |view: &super::domain::View<'_>| -> Vec<Coordinate> {
                (0..input.rank()).filter(|a| !axes.contains(a)).map(|a| view.coordinate(a)).collect()
            };
            let accumulators = |view: &super::domain::View<'_>, count: usize| {
                reductions[..count].iter().map(|&r| (r, row_at(view))).collect::<Vec<_>>()
            };
            let mut phases = Vec::new();
            for (number, &reduction) in reductions.iter().enumerate() {
                let Op::Reduce(op) = &graph.node(reduction).op else { continue };
                let mut expression = Expression::new(&mut scope, whole.extents());
                expression.accumulators = accumulators(&whole, number);
                let operand = graph.node(reduction).inputs[0];
                let mut value = on(&[OUTER, ROW], expression.node(operand, &whole.coordinates()))?;
                let mut program = expression.program;
                super::prune(&mut program, &mut [&mut value]);
                phases.push(Phase {
                    op: op.op,
                    operand: Operand { program, value },
                    dtype: graph.dtype(reduction),
                });
            }
            let mut per_row = None;
            if !row_roots.is_empty() {
                let mut expression = Expression::new(&mut scope, outer.extents());
                expression.accumulators = accumulators(&outer, reductions.len());
                let place = |root: NodeId| {
                    if reductions.contains(&root) {
                        return Ok(row_at(&outer));
                    }
                    reshaped(&outer_shape, graph.shape(root), &row_at(&outer), &outer.extents(), root)
                };
                let stores = on(&[OUTER], expression.stores(&row_roots, &roots, &place))?;
                per_row = Some(Body { program: expression.program, stores });
            }
            let mut per_element = None;
            if !element_roots.is_empty() {
                let mut expression = Expression::new(&mut scope, whole.extents());
                expression.accumulators = accumulators(&whole, reductions.len());
                let seeds = self.domain_nodes(group, input, axes, &whole.coordinates());
                let place = |root: NodeId| match self.forward(root, group, &seeds, &whole.extents()) {
                    Some(at) => Ok(at),
                    None => reshaped(input, graph.shape(root), &whole.coordinates(), &whole.extents(), root),
                };
                let stores = on(&[OUTER, ROW], expression.stores(&element_roots, &roots, &place))?;
                per_element = Some(Body { program: expression.program, stores });
            }
            let row = domain.view(&[ROW]).shape();
            Ok((Reduce { outer: outer.shape(), row, phases, per_row, per_element }, scope.reads))
        })?;
        self.push_step(group, Kernel::Reduce(reduce), reads, &roots)
    }

    /// Nodes whose elements lie as the domain of a group of rows does: what is reduced, and what is repeated along rows.
    fn domain_nodes(
        &self,
        group: usize,
        input: &Shape,
        axes: &[usize],
        at: &[Coordinate],
    ) -> Vec<(NodeId, Vec<Coordinate>)> {
        let graph = self.graph;
        let along_rows = |id: NodeId| match &graph.node(id).op {
            Op::Broadcast(op) => {
                let from = graph.shape(graph.node(id).inputs[0]);
                let kept = |axis: &usize| !axes.contains(axis);
                op.axes.iter().enumerate().all(|(own, axis)| kept(axis) || from[own].is(1))
                    && from.elements() != input.elements()
            }
            _ => false,
        };
        let mut nodes: Vec<NodeId> = Vec::new();
        for &member in &self.grouping.groups[group].nodes {
            let reduces = matches!(graph.node(member).op, Op::Reduce(_));
            let read = graph.node(member).inputs.iter().copied();
            nodes.extend(read.filter(|&id| graph.shape(id) == input && (reduces || along_rows(id))));
        }
        nodes.into_iter().map(|id| (id, at.to_vec())).collect()
    }
}
