//! The index maps of a kernel, each with the axes it walks.

use crate::program::{Affine, Attention, Body, Contract, Instr, Kernel, Operand, PointwiseProgram};
use crate::program::{Pointwise, Reduce, Scan, Scatter, Sort, Store};
use crate::{Dim, Shape};

/// One index map. Its coordinates are those of `groups`, one after the other.
pub(super) struct Hook<'k> {
    pub(super) groups: &'static [usize],
    pub(super) map: Map<'k>,
}

/// What an index map is for.
pub(super) enum Map<'k> {
    /// Addresses an operand: position in the step's reads, and whether a run-time index is added.
    Load { operand: usize, address: &'k mut Affine, indirect: bool },
    /// Addresses a result: position in the step's writes, and whether a run-time index is added.
    Store { target: usize, address: &'k mut Affine, indirect: bool },
    /// A result that is written without gaps from its first element on: it cannot be shifted.
    Dense { target: usize },
    /// Computes a number.
    Number(&'k mut Affine),
}

/// The axes of a kernel and its index maps.
pub(super) struct Hooks<'k> {
    /// Extents, group by group; see [`Hook::groups`].
    pub(super) groups: Vec<Vec<Dim>>,
    /// Groups whose axes are independent: each coordinate along them may be computed apart.
    pub(super) independent: &'static [usize],
    pub(super) hooks: Vec<Hook<'k>>,
}

impl<'k> Hooks<'k> {
    /// The index maps of `kernel`; `None` for control steps.
    pub(super) fn of(kernel: &'k mut Kernel) -> Option<Hooks<'k>> {
        let (groups, independent): (Vec<Vec<Dim>>, &'static [usize]) = (groups(kernel)?, independent(kernel));
        let mut hooks = Hooks { groups, independent, hooks: Vec::new() };
        match kernel {
            Kernel::Pointwise(Pointwise { body, .. }) => hooks.body(body, &[0]),
            Kernel::Reduce(Reduce { phases, per_row, per_element, .. }) => {
                phases.iter_mut().for_each(|phase| hooks.operand(&mut phase.operand, &[0, 1]));
                per_row.iter_mut().for_each(|body| hooks.body(body, &[0]));
                per_element.iter_mut().for_each(|body| hooks.body(body, &[0, 1]));
            }
            Kernel::Contract(Contract { a, b, epilogue, .. }) => {
                hooks.operand(a, &[0, 1, 3]);
                hooks.operand(b, &[0, 3, 2]);
                hooks.body(epilogue, &[0, 1, 2]);
            }
            Kernel::Attention(Attention { q, k, v, mask, epilogue, log_sum_exp, .. }) => {
                hooks.operand(q, &[0, 1, 3]);
                hooks.operand(k, &[0, 2, 3]);
                hooks.operand(v, &[0, 2, 4]);
                mask.iter_mut().for_each(|mask| hooks.operand(mask, &[0, 1, 2]));
                hooks.body(epilogue, &[0, 1, 4]);
                if let Some(target) = *log_sum_exp {
                    hooks.hooks.push(Hook { groups: &[0, 1], map: Map::Dense { target } });
                }
            }
            Kernel::Scatter(Scatter { init, index, update, .. }) => {
                init.iter_mut().for_each(|init| hooks.operand(init, &[0, 3, 2]));
                hooks.operand(index, &[1]);
                hooks.operand(update, &[0, 1, 2]);
                hooks.hooks.push(Hook { groups: &[0, 3, 2], map: Map::Dense { target: 0 } });
            }
            Kernel::Scan(Scan { operand, epilogue, .. }) => {
                hooks.operand(operand, &[0, 1]);
                hooks.body(epilogue, &[0, 1]);
            }
            Kernel::Sort(Sort { operand, values, indices, .. }) => {
                hooks.operand(operand, &[0, 1]);
                for (target, address) in [values, indices].into_iter().enumerate() {
                    hooks
                        .hooks
                        .push(Hook { groups: &[0, 1], map: Map::Store { target, address, indirect: false } });
                }
            }
            Kernel::Custom(_) | Kernel::Loop(_) | Kernel::Branch(_) => return None,
        }
        Some(hooks)
    }

    fn operand(&mut self, operand: &'k mut Operand, groups: &'static [usize]) {
        self.program(&mut operand.program, groups);
    }

    fn body(&mut self, body: &'k mut Body, groups: &'static [usize]) {
        self.program(&mut body.program, groups);
        for Store { target, address, indirect, .. } in &mut body.stores {
            let map = Map::Store { target: *target, address, indirect: !indirect.is_empty() };
            self.hooks.push(Hook { groups, map });
        }
    }

    fn program(&mut self, program: &'k mut PointwiseProgram, groups: &'static [usize]) {
        for typed in &mut program.instrs {
            let mut push = |map| self.hooks.push(Hook { groups, map });
            match &mut typed.instr {
                Instr::Load { operand, map, indirect } => {
                    map.guards.iter_mut().for_each(|guard| push(Map::Number(&mut guard.index)));
                    let indirect = !indirect.is_empty();
                    push(Map::Load { operand: *operand, address: &mut map.address, indirect });
                }
                Instr::Index(number) | Instr::Random { counter: number, .. } => push(Map::Number(number)),
                Instr::InBounds(guards) => {
                    guards.iter_mut().for_each(|guard| push(Map::Number(&mut guard.index)))
                }
                _ => {}
            }
        }
    }
}

/// The extents of the axes of `kernel`, group by group; `None` for control steps.
fn groups(kernel: &Kernel) -> Option<Vec<Vec<Dim>>> {
    let one = |dim: &Dim| vec![dim.clone()];
    Some(match kernel {
        Kernel::Pointwise(k) => vec![k.domain.0.clone()],
        Kernel::Reduce(k) => vec![k.outer.0.clone(), k.row.0.clone()],
        Kernel::Contract(k) => [&k.batch, &k.m, &k.n, &k.k].map(|shape| shape.0.clone()).into(),
        Kernel::Attention(k) => {
            vec![k.batch.0.clone(), one(&k.queries), one(&k.keys), one(&k.head_dim), one(&k.value_dim)]
        }
        Kernel::Scatter(k) => vec![k.outer.0.clone(), one(&k.updates), k.inner.0.clone(), one(&k.extent)],
        Kernel::Scan(k) => vec![k.outer.0.clone(), one(&k.length)],
        Kernel::Sort(k) => vec![k.outer.0.clone(), one(&k.length)],
        Kernel::Custom(_) | Kernel::Loop(_) | Kernel::Branch(_) => return None,
    })
}

fn independent(kernel: &Kernel) -> &'static [usize] {
    match kernel {
        Kernel::Contract(_) => &[0, 1, 2],
        _ => &[0],
    }
}

/// The shape behind an independent group, or behind the rows of a reduction.
pub(super) fn group_mut(kernel: &mut Kernel, group: usize) -> Option<&mut Shape> {
    Some(match (kernel, group) {
        (Kernel::Pointwise(k), 0) => &mut k.domain,
        (Kernel::Reduce(k), 0) => &mut k.outer,
        (Kernel::Reduce(k), 1) => &mut k.row,
        (Kernel::Contract(k), 0) => &mut k.batch,
        (Kernel::Contract(k), 1) => &mut k.m,
        (Kernel::Contract(k), 2) => &mut k.n,
        (Kernel::Attention(k), 0) => &mut k.batch,
        (Kernel::Scatter(k), 0) => &mut k.outer,
        (Kernel::Scan(k), 0) => &mut k.outer,
        (Kernel::Sort(k), 0) => &mut k.outer,
        _ => return None,
    })
}
