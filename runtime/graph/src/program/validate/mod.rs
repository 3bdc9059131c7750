//! The executable specification of programs.
//!
//! [`Program::validate`] checks what a backend may rely on: leaves and roles agree, every value is written once and before it is read, storage is
//! shared only as the rules of [the module](super) say, and each kernel's hooks fit their domains. Lowering runs it on what it
//! returns in debug builds, and tests run it on every program that they build.

mod kernel;
mod pointwise;

use super::{Program, Role, Step, ValueId};
use crate::error::{GraphError, OpError};
use crate::{Bindings, Dim, Shape};
use std::collections::HashSet;

/// What is wrong, in words.
type Check = Result<(), String>;

impl Program {
    /// Checks everything that a program promises; see [the specification](self).
    ///
    /// Errors: the first promise that does not hold, with the program's name and the step's number and label.
    pub fn validate(&self) -> Result<(), GraphError> {
        self.validate_at(&Bindings::new())
    }

    /// Checks a program at the sizes of one run: what [`Program::validate`] checks, and that every address that depends on those sizes
    /// stays within its value. A graph may slice a fixed axis to a symbolic length, which only a run can get wrong.
    ///
    /// Errors: as [`Program::validate`].
    pub fn validate_at(&self, sizes: &Bindings) -> Result<(), GraphError> {
        let fail = |place: String| move |problem| GraphError::general(&place, OpError::Attribute(problem));
        self.check_values().map_err(fail(format!("program `{}`", self.name)))?;
        let mut state = Storage::of_leaves(self);
        for (part, steps) in [("once", &self.once), ("step", &self.steps)] {
            for (number, step) in steps.iter().enumerate() {
                let place = || format!("program `{}`, {part} {number} ({})", self.name, step.label);
                self.check_step(step, part == "once", &mut state).map_err(fail(place()))?;
                kernel::check(self, step, sizes).map_err(|e| match e {
                    kernel::Problem::Here(problem) => fail(place())(problem),
                    kernel::Problem::Nested(error) => {
                        GraphError { op: format!("{}: {}", place(), error.op), ..error }
                    }
                })?;
            }
        }
        self.check_results(&state).map_err(fail(format!("program `{}`", self.name)))
    }

    fn check_values(&self) -> Check {
        let lists = [
            (&self.inputs, "input", Role::Input as fn(usize) -> Role),
            (&self.variables, "variable", Role::Variable),
            (&self.parameters, "parameter", Role::Parameter),
        ];
        let mut listed = HashSet::new();
        for (list, what, role) in lists {
            for (position, &id) in list.iter().enumerate() {
                let value = self
                    .values
                    .get(id)
                    .ok_or_else(|| format!("{what} {position} is {id}, which does not exist"))?;
                ensure(value.role == role(position), || {
                    format!("{id} is {what} {position}, but its role is {:?}", value.role)
                })?;
                listed.insert(id);
            }
        }
        for (position, (id, tensor)) in self.constants.iter().enumerate() {
            let value = self
                .values
                .get(*id)
                .ok_or_else(|| format!("constant {position} is {id}, which does not exist"))?;
            let ty = crate::TensorType::new(tensor.dtype(), tensor.shape());
            ensure(
                value.role == Role::Constant(position) && value.dtype == ty.dtype && value.shape == ty.shape,
                || {
                    format!(
                        "constant {position} is {ty}, but {id} is {}{} with role {:?}",
                        value.dtype, value.shape, value.role
                    )
                },
            )?;
            listed.insert(*id);
        }
        for (id, value) in self.values.iter() {
            let leaf = !matches!(value.role, Role::Once | Role::Computed);
            ensure(!leaf || listed.contains(&id), || {
                format!("{id} has the role {:?}, but is not in that list", value.role)
            })?;
            if let Some(alias) = value.alias {
                ensure(!leaf, || format!("{id} is {:?} and cannot take over storage", value.role))?;
                ensure(self.values.get(alias).is_some(), || {
                    format!("{id} takes over the storage of {alias}, which does not exist")
                })?;
                self.check_chain(id)?;
                let (own, other) = (value.bytes(), self.values[alias].bytes());
                let larger = (own.clone() - other.clone()).as_const().is_some_and(|d| d > 0);
                ensure(!larger, || {
                    format!("{id} ({own} bytes) does not fit the storage of {alias} ({other} bytes)")
                })?;
            }
        }
        Ok(())
    }

    /// A chain of aliases ends.
    fn check_chain(&self, id: ValueId) -> Check {
        let mut at = id;
        for _ in 0..=self.values.len() {
            match self.values.get(at).and_then(|v| v.alias) {
                Some(next) => at = next,
                None => return Ok(()),
            }
        }
        Err(format!("the aliases of {id} go round in a circle"))
    }

    fn check_step(&self, step: &Step, once: bool, state: &mut Storage) -> Check {
        let mut seen = HashSet::new();
        for &read in &step.reads {
            let value = self.values.get(read).ok_or_else(|| format!("reads {read}, which does not exist"))?;
            ensure(seen.insert(read), || format!("reads {read} twice"))?;
            ensure(!state.overwritten.contains(&read), || format!("reads {read} after it was overwritten"))?;
            ensure(state.written.contains(&read), || format!("reads {read} before it is written"))?;
            let frozen = matches!(value.role, Role::Parameter(_) | Role::Constant(_) | Role::Once);
            ensure(!once || frozen, || {
                format!("runs at preparation, but reads {read}, which each run has its own of")
            })?;
        }
        ensure(!step.writes.is_empty(), || "writes nothing".into())?;
        let mut taken = HashSet::new();
        for &write in &step.writes {
            let value =
                self.values.get(write).ok_or_else(|| format!("writes {write}, which does not exist"))?;
            let role = if once { Role::Once } else { Role::Computed };
            ensure(value.role == role, || {
                format!("writes {write}, whose role is {:?} and not {role:?}", value.role)
            })?;
            ensure(state.written.insert(write), || format!("writes {write}, which is written already"))?;
            let Some(alias) = value.alias else { continue };
            ensure(step.reads.contains(&alias), || {
                format!("writes {write} over {alias}, but does not read {alias}")
            })?;
            ensure(taken.insert(alias), || format!("writes two values over {alias}"))?;
            let root = self.storage(alias);
            let own = match self.values[root].role {
                Role::Computed => !once,
                Role::Once => once,
                // State may be overwritten by what becomes its new value.
                Role::Variable(n) => self.updates.iter().any(|u| {
                    u.variable == n && self.values.get(u.value).is_some() && self.storage(u.value) == root
                }),
                _ => false,
            };
            ensure(own, || {
                format!("writes {write} over {root} ({:?}), which others still need", self.values[root].role)
            })?;
            state.overwritten.insert(alias);
        }
        Ok(())
    }

    fn check_results(&self, state: &Storage) -> Check {
        let usable = |id: ValueId, what: String| {
            ensure(state.written.contains(&id), || format!("{what} is {id}, which is never written"))?;
            ensure(!state.overwritten.contains(&id), || format!("{what} is {id}, which is overwritten"))
        };
        for (position, &output) in self.outputs.iter().enumerate() {
            usable(output, format!("output {position}"))?;
        }
        let mut updated = HashSet::new();
        for update in &self.updates {
            let variable = self.variables.get(update.variable).ok_or_else(|| {
                format!("an update names variable {}, which does not exist", update.variable)
            })?;
            ensure(updated.insert(update.variable), || {
                format!("variable {} is updated twice", update.variable)
            })?;
            usable(update.value, format!("the new value of variable {}", update.variable))?;
            let (old, new) = (&self.values[*variable], &self.values[update.value]);
            ensure(old.dtype == new.dtype && old.elements() == new.elements(), || {
                format!(
                    "variable `{}` is {}{}, but becomes {}{}",
                    old.name, old.dtype, old.shape, new.dtype, new.shape
                )
            })?;
        }
        Ok(())
    }
}

/// Which values hold what they should at a point of the program.
struct Storage {
    /// Leaves, and what steps have written.
    written: HashSet<ValueId>,
    /// Values whose storage another one has taken over.
    overwritten: HashSet<ValueId>,
}

impl Storage {
    fn of_leaves(program: &Program) -> Storage {
        let leaf = |role| !matches!(role, Role::Once | Role::Computed);
        let written = program.values.iter().filter(|(_, v)| leaf(v.role)).map(|(id, _)| id).collect();
        Storage { written, overwritten: HashSet::new() }
    }
}

fn ensure(holds: bool, problem: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(problem()) }
}

/// Axes of several groups, one after another.
fn join<'a>(parts: impl IntoIterator<Item = &'a [Dim]>) -> Shape {
    Shape(parts.into_iter().flatten().cloned().collect())
}

#[cfg(test)]
mod tests;
