//! Programs: what a backend is given to run.
//!
//! A [`Program`] is a list of [`Step`]s over [`Value`]s. A value is one contiguous row-major tensor; views have dissolved into the index
//! maps of the steps that read them. Each step is one of a few kernel [archetypes](Archetype) with fused [pointwise
//! programs](PointwiseProgram) as its hooks: loading operands, and storing results. Sizes are [`Dim`]s, so one program
//! serves every sequence length.
//!
//! # Storage
//!
//! Every value has storage of its own, except where [`Value::alias`] names another: then the two share storage, and the step that writes
//! the one reads the other in the same place (an in-place update). A step's writes may alias only its own reads, and the schedule
//! guarantees that nobody reads the old value afterwards.
//!
//! Intermediates live in an arena and are laid out by [`place`](crate::place::place); inputs, variables, parameters, constants,
//! outputs and updated variables are buffers of their own.

mod cost;
mod index;
mod kernel;
mod pointwise;
mod print;
pub mod split;
mod validate;

pub use index::{Affine, Guard, IndexMap};
pub use kernel::{
    Archetype, Attention, Body, Branch, Contract, Custom, Kernel, Loop, Operand, Phase, Pointwise, Reduce,
    ReduceOp, Scan, Scatter, ScatterOp, Sort, Store,
};
pub use pointwise::{BinaryOp, CompareOp, Indirect, Instr, PointwiseProgram, Reg, TypedInstr, UnaryOp};

use crate::arena::{Arena, Handle};
use crate::{DType, Dim, HostTensor, Shape};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// A value of a program.
pub type ValueId = Handle<Value>;

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The n-th of [`Program::inputs`].
    Input(usize),
    /// The n-th of [`Program::variables`]: state as it is before the run.
    Variable(usize),
    /// The n-th of [`Program::parameters`]: frozen, bound when the program is prepared.
    Parameter(usize),
    /// The n-th of [`Program::constants`].
    Constant(usize),
    /// Written by a step of [`Program::once`]: computed when the program is prepared, kept for all runs.
    Once,
    /// Written by a step of [`Program::steps`].
    Computed,
}

/// A contiguous row-major tensor that steps read and write.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Value {
    /// Element type.
    pub dtype: DType,
    /// Extents; steps address the value by linear index, so only the number of elements matters to a backend.
    pub shape: Shape,
    /// Where it comes from.
    pub role: Role,
    /// The value whose storage this one takes over, if any.
    pub alias: Option<ValueId>,
    /// The name of the input, variable, parameter or node; for people.
    pub name: String,
}

impl Value {
    /// Number of elements.
    pub fn elements(&self) -> Dim {
        self.shape.elements()
    }

    /// Size in the canonical layout.
    pub fn bytes(&self) -> Dim {
        self.elements() * self.dtype.size()
    }
}

/// One kernel launch, or a host-driven control step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Step {
    /// What to compute.
    pub kernel: Kernel,
    /// Values that [`Instr::Load`] operands and control steps refer to by position. No value appears twice.
    pub reads: Vec<ValueId>,
    /// Values that [`Store`]s refer to by position. No value appears twice.
    pub writes: Vec<ValueId>,
    /// The ops that were fused into this step, for people: `matmul+add+gelu`.
    pub label: String,
}

/// After a run, variable number `variable` holds `value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Update {
    /// Index into [`Program::variables`].
    pub variable: usize,
    /// The new value. When its [storage](Program::storage) is the variable's own, the update happened in place.
    pub value: ValueId,
}

/// An executable list of steps for one graph and one target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Program {
    /// The name of the graph.
    pub name: String,
    /// All values.
    pub values: Arena<Value>,
    /// What a run is given, in the graph's order. Shapes with symbols bind them.
    pub inputs: Vec<ValueId>,
    /// State that a run reads and may update.
    pub variables: Vec<ValueId>,
    /// Frozen tensors by name (see [`Value::name`]), bound at preparation.
    pub parameters: Vec<ValueId>,
    /// Small tensors that are part of the program.
    pub constants: Vec<(ValueId, HostTensor)>,
    /// What a run returns. May name inputs, variables, parameters or constants, and the same value twice.
    pub outputs: Vec<ValueId>,
    /// The shape of each output. A reshaped output is the same value in another shape.
    pub output_shapes: Vec<Shape>,
    /// New values of variables.
    pub updates: Vec<Update>,
    /// Steps that run once, at preparation: they depend on parameters and constants alone.
    pub once: Vec<Step>,
    /// Steps of each run, in order.
    pub steps: Vec<Step>,
    /// Where a person asked for what a value holds, as far as that is known.
    pub locations: BTreeMap<ValueId, Arc<str>>,
}

impl Program {
    /// The value whose storage `value` uses: itself, or the end of its chain of aliases.
    pub fn storage(&self, value: ValueId) -> ValueId {
        let mut root = value;
        while let Some(alias) = self.values[root].alias {
            root = alias;
        }
        root
    }

    /// Whether `value` outlives the run: it is an output or the new value of a variable.
    pub fn escapes(&self, value: ValueId) -> bool {
        let root = self.storage(value);
        self.outputs.iter().any(|&o| self.storage(o) == root)
            || self.updates.iter().any(|u| self.storage(u.value) == root)
    }

    /// Where a person asked for what a step writes.
    pub fn location(&self, step: &Step) -> Option<&Arc<str>> {
        step.writes.iter().find_map(|write| self.locations.get(write))
    }

    /// The storage of every value that [escapes](Program::escapes): what to ask for many values at once.
    pub fn escaping(&self) -> HashSet<ValueId> {
        let results = self.outputs.iter().copied().chain(self.updates.iter().map(|update| update.value));
        results.map(|value| self.storage(value)).collect()
    }

    /// Kernel launches of one run outside control steps.
    pub fn dispatches(&self) -> usize {
        self.steps.iter().filter(|s| s.kernel.archetype() != Archetype::Control).count()
    }
}
