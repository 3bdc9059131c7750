//! Elementwise groups.

use super::domain::Domain;
use super::{Expression, Lowering, StepScope, Stop, on, reshaped};
use crate::program::{Body, Kernel, Pointwise};

impl Lowering<'_> {
    pub(super) fn emit_pointwise(&mut self, group: usize) -> Result<(), Stop> {
        let roots = self.roots(group);
        let Some(&last) = roots.last() else { return Ok(()) };
        let shape = self.graph.shape(last).clone();
        let mut domain = Domain::of(&shape);
        let (body, extents, reads) = self.with_splits(&mut domain, &[0], |domain| {
            let view = domain.view(&[0]);
            let members = |n| self.contains(group, n);
            let mut scope = StepScope { lowering: self, members: &members, reads: Vec::new() };
            let mut expression = Expression::new(&mut scope, view.extents());
            let place = |root| {
                if root == last {
                    return Ok(view.coordinates());
                }
                reshaped(&shape, self.graph.shape(root), &view.coordinates(), &view.extents(), root)
            };
            let stores = on(&[0], expression.stores(&roots, &roots, &place))?;
            let program = expression.program;
            Ok((Body { program, stores }, view.shape(), scope.reads))
        })?;
        self.push_step(group, Kernel::Pointwise(Pointwise { domain: extents, body }), reads, &roots)
    }
}
