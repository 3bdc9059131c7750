//! Lets steps overwrite what nobody reads again.

use crate::program::{Body, Instr, Kernel, Program, Role, ValueId};
use std::collections::HashMap;

/// Drops copies whose source dies with them, then aliases results of elementwise steps with operands that die there.
pub(super) fn in_place(program: &mut Program) {
    drop_copies(program);
    alias_pointwise(program);
}

/// Where each value is read last, and first written; results and new state of variables are read at the very end.
struct Uses {
    last_read: HashMap<ValueId, usize>,
}

impl Uses {
    fn of(program: &Program) -> Uses {
        let mut last_read = HashMap::new();
        for (position, step) in program.steps.iter().enumerate() {
            for &read in &step.reads {
                last_read.insert(program.storage(read), position);
            }
        }
        for &output in &program.outputs {
            last_read.insert(program.storage(output), usize::MAX);
        }
        for update in &program.updates {
            last_read.insert(program.storage(update.value), usize::MAX);
        }
        Uses { last_read }
    }
}

/// Whether a run may overwrite `value` once its last reader is done: it was computed by the run, or is a variable whose new value is `result`.
fn overwritable(program: &Program, value: ValueId, result: ValueId) -> bool {
    match program.values[value].role {
        Role::Computed => true,
        Role::Variable(variable) => program
            .updates
            .iter()
            .any(|u| u.variable == variable && program.storage(u.value) == program.storage(result)),
        _ => false,
    }
}

/// A `copy` step followed by an update into the copy is only the update where the source is not needed any more.
fn drop_copies(program: &mut Program) {
    let is_copy = |position: &usize| {
        let step = &program.steps[*position];
        step.label == "copy" && step.reads.len() == 1
    };
    let copies: Vec<usize> = (0..program.steps.len()).filter(is_copy).collect();
    if copies.is_empty() {
        return;
    }
    let mut uses = Uses::of(program);
    let mut written_at: HashMap<ValueId, usize> = HashMap::new();
    for (position, step) in program.steps.iter().enumerate() {
        written_at.extend(step.writes.iter().map(|&write| (write, position)));
    }
    let mut updaters: HashMap<ValueId, ValueId> = HashMap::new();
    for (id, value) in program.values.iter() {
        if let Some(alias) = value.alias {
            updaters.entry(alias).or_insert(id);
        }
    }
    // What is read instead of each copy that is dropped.
    let mut instead: HashMap<ValueId, ValueId> = HashMap::new();
    let mut dropped = vec![false; program.steps.len()];
    for position in copies {
        let step = &program.steps[position];
        let (source, copy) = (of(&instead, step.reads[0]), step.writes[0]);
        let storage = program.storage(source);
        let Some(&updater) = updaters.get(&copy) else { continue };
        let dies = match (uses.last_read.get(&storage), written_at.get(&updater)) {
            // The updating step itself may still read the old elements elsewhere, which must come before it.
            (Some(&last), Some(&written)) => {
                let reads = |read: &ValueId| of(&instead, *read) == source;
                last < written || (last == written && !program.steps[written].reads.iter().any(reads))
            }
            _ => false,
        };
        if dies && overwritable(program, storage, updater) {
            let last = uses.last_read.remove(&program.storage(copy)).unwrap_or(0);
            uses.last_read.entry(storage).and_modify(|known| *known = last.max(*known)).or_insert(last);
            program.values[updater].alias = Some(source);
            instead.insert(copy, source);
            dropped[position] = true;
        }
    }
    for read in program.steps.iter_mut().flat_map(|step| &mut step.reads) {
        *read = of(&instead, *read);
    }
    let mut dropped = dropped.into_iter();
    program.steps.retain(|_| dropped.next() != Some(true));
}

/// What is read for `id`: the source of the copy that it was, where that is dropped.
fn of(instead: &HashMap<ValueId, ValueId>, id: ValueId) -> ValueId {
    instead.get(&id).copied().unwrap_or(id)
}

fn alias_pointwise(program: &mut Program) {
    let uses = Uses::of(program);
    // No alias that is added changes this: what escapes takes over nothing but its own variable.
    let escaping = program.escaping();
    for position in 0..program.steps.len() {
        let step = &program.steps[position];
        let Kernel::Pointwise(kernel) = &step.kernel else { continue };
        let mut aliases: Vec<(ValueId, ValueId)> = Vec::new();
        for store in &kernel.body.stores {
            let result = step.writes[store.target];
            if program.values[result].alias.is_some() || !store.indirect.is_empty() {
                continue;
            }
            // What escapes has memory of its own unless it is the variable it updates; an output must not lie in the arena.
            let escapes = escaping.contains(&result);
            let candidate = step.reads.iter().enumerate().find(|(operand, read)| {
                let storage = program.storage(**read);
                let (old, new) = (&program.values[**read], &program.values[result]);
                old.dtype == new.dtype
                    && old.elements() == new.elements()
                    && (!escapes || matches!(program.values[storage].role, Role::Variable(_)))
                    && uses.last_read.get(&storage) == Some(&position)
                    && overwritable(program, storage, result)
                    && !aliases.iter().any(|(_, taken)| program.storage(*taken) == storage)
                    && step.reads.iter().filter(|r| program.storage(**r) == storage).count() == 1
                    && reads_only_at(&kernel.body, *operand, &store.address)
            });
            if let Some((_, read)) = candidate {
                aliases.push((result, *read));
            }
        }
        for (result, read) in aliases {
            program.values[result].alias = Some(read);
        }
    }
}

/// Whether every load of an operand is exactly at the address that is stored to.
fn reads_only_at(body: &Body, operand: usize, address: &crate::program::Affine) -> bool {
    body.program.instrs.iter().all(|typed| match &typed.instr {
        Instr::Load { operand: o, map, indirect } if *o == operand => {
            indirect.is_empty() && map.guards.is_empty() && map.address == *address
        }
        _ => true,
    })
}
