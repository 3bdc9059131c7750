//! The plan of a list of steps for one set of sizes: which kernels run, and where everything lies. Nothing is compiled yet.

use crate::context::Context;
use hadal_device::{DeviceError, PlanStep};
use hadal_graph::place::{Block, peak, place};
use hadal_graph::program::{Archetype, Program, Role, Step, ValueId};
use hadal_graph::{Bindings, Dim, DimError};
use hadal_shaders::{Candidate, ShaderError, candidates};
use std::collections::BTreeMap;

/// Whether the steps are those of [`Program::once`] or of [`Program::steps`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Once,
    Run,
}

impl Part {
    /// The steps.
    pub(crate) fn steps(self, program: &Program) -> &[Step] {
        match self {
            Part::Once => &program.once,
            Part::Run => &program.steps,
        }
    }
}

/// `dim` as a number of elements or bytes, with bounded counts at their maximum.
pub(crate) fn extent(dim: &Dim, bindings: &Bindings) -> Result<u64, DeviceError> {
    let value = dim.upper_bound().eval(bindings)?;
    u64::try_from(value).map_err(|_| DimError::Overflow(dim.to_string()).into())
}

/// Which kernels run, and where everything lies.
pub(crate) struct Plan {
    /// The kernels of each step; `None` for control steps.
    pub(crate) candidates: Vec<Option<Candidate>>,
    /// Number of elements of each value.
    pub(crate) elements: Vec<usize>,
    /// Bytes of the storage of each root value.
    pub(crate) bytes: Vec<u64>,
    /// Offset in the arena of each root value that lies there.
    pub(crate) arena: Vec<Option<u64>>,
    /// Offset and size in the arena of each scratch buffer of each step.
    pub(crate) scratch: Vec<Vec<(u64, u64)>>,
    /// For each step, the values that get buffers of their own before it runs.
    pub(crate) allocations: Vec<Vec<ValueId>>,
    /// Bytes of the arena.
    pub(crate) arena_bytes: u64,
    /// The least arena that any placement could reach.
    pub(crate) peak_live_bytes: u64,
}

/// What is placed in the arena.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tenant {
    Value(ValueId),
    Scratch { step: usize, index: usize },
}

impl Plan {
    /// Plans the steps of `part` for `bindings`. Errors: `Unsupported`, `Kernel`, `Dim`.
    pub(crate) fn new(
        context: &Context,
        program: &Program,
        part: Part,
        bindings: &Bindings,
    ) -> Result<Plan, DeviceError> {
        let steps = part.steps(program);
        let mut chosen = Vec::with_capacity(steps.len());
        for step in steps {
            chosen.push(choose(context, program, step, bindings)?);
        }
        let mut elements = vec![0; program.values.len()];
        let mut bytes = vec![0; program.values.len()];
        for id in touched(program, steps) {
            let value = &program.values[id];
            let count = extent(&value.elements(), bindings)?;
            elements[id.index()] = usize::try_from(count).map_err(|_| DimError::Overflow(value.elements().to_string()))?;
            let packed = matches!(value.role, Role::Parameter(_) | Role::Constant(_));
            let stored = context.stored(&value.name, value.dtype, packed)?;
            let root = program.storage(id).index();
            bytes[root] = bytes[root].max(stored.bytes(value.dtype, count).max(16));
        }
        let mut tenants: BTreeMap<Tenant, Block> = BTreeMap::new();
        let mut first_touch: BTreeMap<ValueId, usize> = BTreeMap::new();
        for (index, step) in steps.iter().enumerate() {
            for &id in step.reads.iter().chain(&step.writes) {
                let root = program.storage(id);
                first_touch.entry(root).or_insert(index);
                if in_arena(program, part, root) {
                    let block = Block { bytes: bytes[root.index()], first: index, last: index };
                    tenants.entry(Tenant::Value(root)).or_insert(block).last = index;
                }
            }
            let candidate = chosen[index].as_ref();
            for (number, size) in candidate.iter().flat_map(|c| &c.scratch).enumerate() {
                let block = Block { bytes: extent(size, bindings)?.max(16), first: index, last: index };
                tenants.insert(Tenant::Scratch { step: index, index: number }, block);
            }
        }
        let alignment = context.target.alignment;
        let blocks = |tenants: &BTreeMap<Tenant, Block>| tenants.values().copied().collect::<Vec<Block>>();
        let peak_live_bytes = peak(&blocks(&tenants), alignment);
        let mut placement = place(&blocks(&tenants), alignment);
        while placement.bytes > context.pool.largest() {
            // Too much for one buffer: the largest value gets a buffer of its own.
            let values = tenants.iter().filter(|(tenant, _)| matches!(tenant, Tenant::Value(_)));
            let Some((&tenant, _)) = values.max_by_key(|(_, block)| block.bytes) else { break };
            tenants.remove(&tenant);
            placement = place(&blocks(&tenants), alignment);
        }
        let mut plan = Plan {
            candidates: chosen,
            elements,
            bytes,
            arena: vec![None; program.values.len()],
            scratch: vec![Vec::new(); steps.len()],
            allocations: vec![Vec::new(); steps.len()],
            arena_bytes: placement.bytes,
            peak_live_bytes,
        };
        for ((tenant, block), &offset) in tenants.iter().zip(&placement.offsets) {
            match *tenant {
                Tenant::Value(root) => plan.arena[root.index()] = Some(offset),
                Tenant::Scratch { step, .. } => plan.scratch[step].push((offset, block.bytes)),
            }
        }
        for (root, step) in first_touch {
            let made_here = match part {
                Part::Once => program.values[root].role == Role::Once,
                Part::Run => program.values[root].role == Role::Computed,
            };
            let by_kernel = steps[step].kernel.archetype() != Archetype::Control;
            if made_here && by_kernel && plan.arena[root.index()].is_none() {
                plan.allocations[step].push(root);
            }
        }
        Ok(plan)
    }

    /// The plan as a table. Errors: `Dim`.
    pub(crate) fn report(&self, program: &Program, part: Part, bindings: &Bindings) -> Result<Vec<PlanStep>, DeviceError> {
        let rows = part.steps(program).iter().zip(&self.candidates).zip(&self.scratch);
        rows.map(|((step, candidate), scratch)| {
            let shape = match step.writes.first() {
                Some(&id) => program.values[id].shape.eval(bindings)?,
                None => Vec::new(),
            };
            let touched = step.reads.iter().chain(&step.writes);
            Ok(PlanStep {
                label: step.label.clone(),
                kernel: candidate.as_ref().map_or("control", |c| c.variant).to_string(),
                shape,
                bytes: touched.map(|&id| (self.elements[id.index()] * program.values[id].dtype.size()) as u64).sum(),
                flops: 0,
                scratch_bytes: scratch.iter().map(|(_, bytes)| bytes).sum(),
                host: candidate.is_none(),
            })
        })
        .collect()
    }
}

/// The kernels for one step; `None` for control steps.
fn choose(
    context: &Context,
    program: &Program,
    step: &Step,
    bindings: &Bindings,
) -> Result<Option<Candidate>, DeviceError> {
    if step.kernel.archetype() == Archetype::Control {
        return Ok(None);
    }
    let kernel_error = |reason: String| DeviceError::Kernel { device: context.name(), op: step.label.clone(), reason };
    match candidates(program, step, bindings, &context.capabilities) {
        Ok(candidates) => match candidates.into_iter().next() {
            Some(best) => Ok(Some(best)),
            None => Err(kernel_error("no variant can run it".into())),
        },
        Err(ShaderError::DType { op, dtype }) => Err(DeviceError::Unsupported { backend: "wgpu".into(), op, dtype }),
        Err(ShaderError::Dim(error)) => Err(error.into()),
        Err(other) => Err(kernel_error(other.to_string())),
    }
}

/// Every value that `steps` touch and every one that shares its storage.
fn touched<'p>(program: &'p Program, steps: &'p [Step]) -> impl Iterator<Item = ValueId> + 'p {
    let mut roots = vec![false; program.values.len()];
    for &id in steps.iter().flat_map(|s| s.reads.iter().chain(&s.writes)) {
        roots[program.storage(id).index()] = true;
    }
    program.values.handles().filter(move |&id| roots[program.storage(id).index()])
}

/// Whether a root value lives only between the steps of `part`, all of which are kernels.
fn in_arena(program: &Program, part: Part, root: ValueId) -> bool {
    let is_root = |&id: &ValueId| program.storage(id) == root;
    let by_host = |step: &Step| {
        step.kernel.archetype() == Archetype::Control && step.reads.iter().chain(&step.writes).any(is_root)
    };
    let needed_later = match part {
        Part::Run => program.values[root].role != Role::Computed,
        Part::Once => {
            program.values[root].role != Role::Once || program.steps.iter().any(|step| step.reads.iter().any(is_root))
        }
    };
    !needed_later && !program.escapes(root) && !part.steps(program).iter().any(by_host)
}
