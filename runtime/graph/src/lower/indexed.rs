//! Steps that write at run-time indices, and sorting.

use super::anchored::operand;
use super::coordinate::{Coordinate, linear};
use super::domain::{Class, Domain};
use super::{Expression, Lowering, StepScope, Stop, on, scratch};
use crate::Shape;
use crate::graph::NodeId;
use crate::op::{self, Op};
use crate::program::{
    Body, IndexMap, Indirect, Instr, Kernel, Pointwise, PointwiseProgram, Scatter, Sort, Step, Store, ValueId,
};

const OUTER: Class = 0;
const UPDATES: Class = 1;
const EXTENT: Class = 2;
const INNER: Class = 3;

impl Lowering<'_> {
    pub(super) fn emit_scatter(
        &mut self,
        group: usize,
        anchor: NodeId,
        op: &op::Scatter,
    ) -> Result<(), Stop> {
        let graph = self.graph;
        let inputs = &graph.node(anchor).inputs;
        let (x, indices, updates) = (inputs[0], inputs[1], inputs[2]);
        let shape = graph.shape(anchor).clone();
        let count = graph.shape(indices)[0].clone();
        let mut domain = Domain::default();
        let mut axes = Vec::new();
        for axis in 0..shape.rank() {
            let class = [OUTER, EXTENT, INNER][(axis >= op.axis) as usize + (axis > op.axis) as usize];
            axes.push(domain.push(class, &shape[axis]));
        }
        let update_axis = domain.push(UPDATES, count.clone());
        let (scatter, reads) = self.with_splits(&mut domain, &[OUTER, INNER], |domain| {
            let members = |n| self.contains(group, n);
            let mut scope = StepScope { lowering: self, members: &members, reads: Vec::new() };
            let init = operand(&mut scope, domain, &[OUTER, EXTENT, INNER], &|e, view| {
                let at: Vec<Coordinate> = axes.iter().map(|&a| view.coordinate(a)).collect();
                e.node(x, &at)
            })?;
            let index = operand(&mut scope, domain, &[UPDATES], &|e, view| {
                let reg = e.node(indices, &[view.coordinate(update_axis)])?;
                Ok(e.index(reg))
            })?;
            let update = operand(&mut scope, domain, &[OUTER, UPDATES, INNER], &|e, view| {
                let at: Vec<Coordinate> = axes
                    .iter()
                    .enumerate()
                    .map(|(i, &a)| view.coordinate(if i == op.axis { update_axis } else { a }))
                    .collect();
                e.node(updates, &at)
            })?;
            let scatter = Scatter {
                outer: domain.view(&[OUTER]).shape(),
                updates: count.clone(),
                extent: shape[op.axis].clone(),
                inner: domain.view(&[INNER]).shape(),
                op: op.op,
                init: Some(init),
                index,
                update,
            };
            Ok((scatter, scope.reads))
        })?;
        self.push_step(group, Kernel::Scatter(scatter), reads, &[anchor])
    }

    /// A copy of the old tensor, then the update into it. [`super::in_place`] drops the copy where nobody else needs the old tensor.
    pub(super) fn emit_dynamic_update(&mut self, anchor: NodeId, op: &op::DynamicUpdate) -> Result<(), Stop> {
        let graph = self.graph;
        let inputs = &graph.node(anchor).inputs;
        let (x, update, start) = (inputs[0], inputs[1], inputs[2]);
        let source = self.memory(x)?;
        let target = self.push_copy(source);
        let shape = graph.shape(update).clone();
        let mut domain = Domain::of(&shape);
        let (body, extents, mut reads) = self.with_splits(&mut domain, &[0], |domain| {
            let view = domain.view(&[0]);
            let members = |_| false;
            let mut scope = StepScope { lowering: self, members: &members, reads: Vec::new() };
            let mut expression = Expression::new(&mut scope, view.extents());
            let value = on(&[0], expression.node(update, &view.coordinates()))?;
            let index = on(&[0], expression.node(start, &[]))?;
            let index = expression.index(index);
            let strides = graph.shape(x).strides();
            let limit = &graph.shape(x)[op.axis] - &shape[op.axis];
            let indirect = vec![Indirect { index, stride: strides[op.axis].clone(), limit, clamped: true }];
            let address = linear(graph.shape(x), &view.coordinates(), view.extents().len()).affine;
            let stores = vec![Store { target: 0, value, address, indirect }];
            Ok((Body { program: expression.program, stores }, view.shape(), scope.reads))
        })?;
        if !reads.contains(&target) {
            reads.push(target);
        }
        let result = self.define(anchor);
        self.program.values[result].alias = Some(target);
        let kernel = Kernel::Pointwise(Pointwise { domain: extents, body });
        self.program.steps.push(Step { kernel, reads, writes: vec![result], label: "dynamic_update".into() });
        Ok(())
    }

    pub(super) fn emit_sort(&mut self, group: usize, anchor: NodeId, op: &op::Sort) -> Result<(), Stop> {
        let graph = self.graph;
        let x = graph.node(anchor).inputs[0];
        let shape = graph.shape(x).clone();
        let mut domain = Domain::default();
        for axis in 0..shape.rank() {
            domain.push(if axis == op.axis { UPDATES } else { OUTER }, &shape[axis]);
        }
        let classes = [OUTER, UPDATES];
        let (sort, reads) = self.with_splits(&mut domain, &[OUTER], |domain| {
            let members = |n| self.contains(group, n);
            let mut scope = StepScope { lowering: self, members: &members, reads: Vec::new() };
            let operand = operand(&mut scope, domain, &classes, &|e, view| e.node(x, &view.coordinates()))?;
            let view = domain.view(&classes);
            let address = linear(&shape, &view.coordinates(), view.extents().len()).affine;
            let outer = domain.view(&[OUTER]).shape();
            let length = shape[op.axis].clone();
            let sort = Sort {
                outer,
                length,
                descending: op.descending,
                operand,
                values: address.clone(),
                indices: address,
            };
            Ok((sort, scope.reads))
        })?;
        let writes = self.define_results(group, anchor);
        let label = self.label(group);
        self.program.steps.push(Step { kernel: Kernel::Sort(sort), reads, writes, label });
        Ok(())
    }

    /// One new value for each result of a node, known to the projections that read it.
    pub(super) fn define_results(&mut self, group: usize, anchor: NodeId) -> Vec<ValueId> {
        let graph = self.graph;
        let projections: Vec<(NodeId, usize)> = self.grouping.groups[group]
            .nodes
            .iter()
            .filter_map(|&n| match &graph.node(n).op {
                Op::Project(p) => Some((n, p.index)),
                _ => None,
            })
            .collect();
        let count = graph.node(anchor).types.len();
        (0..count)
            .map(|index| {
                let ty = &graph.node(anchor).types[index];
                let value = self.define(anchor);
                let entry = &mut self.program.values[value];
                (entry.dtype, entry.shape) = (ty.dtype, ty.shape.clone());
                for (node, _) in projections.iter().filter(|(_, i)| *i == index) {
                    self.values[node.index()] = Some(value);
                }
                if count > 1 {
                    self.values[anchor.index()] = None;
                }
                value
            })
            .collect()
    }

    /// A copy of a value, in memory of its own.
    pub(super) fn push_copy(&mut self, source: ValueId) -> ValueId {
        let (dtype, elements) =
            (self.program.values[source].dtype, Shape(vec![self.program.values[source].elements()]));
        let whole = IndexMap::contiguous(&elements);
        let mut program = PointwiseProgram::default();
        let value = program.push(Instr::Load { operand: 0, map: whole.clone(), indirect: Vec::new() }, dtype);
        let stores = vec![Store { target: 0, value, address: whole.address, indirect: Vec::new() }];
        let name = format!("copy of {}", self.program.values[source].name);
        let target = scratch(&mut self.program.values, source, name);
        let kernel = Kernel::Pointwise(Pointwise { domain: elements, body: Body { program, stores } });
        self.program.steps.push(Step {
            kernel,
            reads: vec![source],
            writes: vec![target],
            label: "copy".into(),
        });
        target
    }
}
