//! Steps that depend on frozen values alone run once, when the program is prepared.

use crate::Dim;
use crate::program::{Archetype, Program, Role};

/// Moves steps to [`Program::once`] where that needs no more memory than the frozen tensors they read: a weight is re-laid-out, never expanded.
pub(super) fn once(program: &mut Program) {
    let steps = std::mem::take(&mut program.steps);
    for step in steps {
        let frozen = |v: &crate::program::ValueId| {
            matches!(program.values[*v].role, Role::Parameter(_) | Role::Constant(_) | Role::Once)
        };
        let size = |values: &[crate::program::ValueId]| -> Option<i64> {
            values.iter().map(|v| program.values[*v].bytes()).fold(Dim::ZERO, |a, b| a + b).as_const()
        };
        let fits = match (size(&step.reads), size(&step.writes)) {
            (Some(read), Some(written)) => written <= read,
            _ => false,
        };
        // What runs overwrite, or what overwrites something itself, belongs to the run.
        let overwritten =
            |w: &crate::program::ValueId| program.values.iter().any(|(_, v)| v.alias == Some(*w));
        let own = step.writes.iter().all(|w| program.values[*w].alias.is_none() && !overwritten(w));
        let control = step.kernel.archetype() == Archetype::Control;
        if !control && own && fits && !step.reads.is_empty() && step.reads.iter().all(frozen) {
            for &write in &step.writes {
                program.values[write].role = Role::Once;
            }
            program.once.push(step);
        } else {
            program.steps.push(step);
        }
    }
}
