//! The plan of a list of steps for one set of sizes: which kernels run, and where everything lies. Nothing is compiled yet.

use crate::context::Context;
use crate::gpu::Gpu;
use crate::layout::element_bytes;
use crate::tune;
use hadal_device::{DeviceError, PlanStep};
use hadal_graph::place::{Block, peak, place};
use hadal_graph::program::split::{Limits, Piece, Pieces, SplitError, Window, split};
use hadal_graph::program::{Archetype, Program, Role, Step, ValueId};
use hadal_graph::{Bindings, Dim, DimError, Target};
use hadal_shaders::{Candidate, ShaderError, candidates};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

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
    pub(crate) steps: Vec<Option<Vec<Kernels>>>,
    /// Number of elements of each value.
    pub(crate) elements: Vec<usize>,
    /// Bytes of the storage of each root value.
    pub(crate) bytes: Vec<u64>,
    /// Bytes of an element of each root value as it is stored.
    pub(crate) element_bytes: Vec<u64>,
    /// Offset in the arena of each root value that lies there.
    pub(crate) arena: Vec<Option<u64>>,
    /// For each step, the values that get buffers of their own before it runs.
    pub(crate) allocations: Vec<Vec<ValueId>>,
    /// Bytes of the arena.
    pub(crate) arena_bytes: u64,
    /// The least arena that any placement could reach.
    pub(crate) peak_live_bytes: u64,
}

/// The kernels of a step, or of one of its pieces where its values are larger than a binding.
pub(crate) struct Kernels {
    /// The chosen candidate.
    pub(crate) candidate: Candidate,
    /// Parts of values that are bound instead of the whole ones.
    pub(crate) windows: BTreeMap<ValueId, Window>,
    /// Offset and size in the arena of each scratch buffer.
    pub(crate) scratch: Vec<(u64, u64)>,
    /// Values that only the pieces of this step know, named by its first piece.
    added: Vec<ValueId>,
}

impl Kernels {
    /// Kernels that see whole values.
    fn whole(candidate: Candidate) -> Kernels {
        Kernels { candidate, windows: BTreeMap::new(), scratch: Vec::new(), added: Vec::new() }
    }
}

/// What is placed in the arena.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tenant {
    Value(ValueId),
    Scratch { step: usize, piece: usize, index: usize },
}

impl Plan {
    /// Plans the steps of `part` for `bindings`; `forced` are the kernels of the only step. Errors: `Unsupported`, `Kernel`, `Dim`.
    pub(crate) fn new<G: Gpu>(
        context: &Context<G>,
        program: &Program,
        part: Part,
        bindings: &Bindings,
        forced: Option<&Candidate>,
    ) -> Result<Plan, DeviceError> {
        let steps = part.steps(program);
        let mut extended = Cow::Borrowed(program);
        let mut chosen = Vec::with_capacity(steps.len());
        for step in steps {
            chosen.push(match forced {
                Some(candidate) => Some(vec![Kernels::whole(candidate.clone())]),
                None => choose(context, &mut extended, step, bindings)?,
            });
        }
        let added = extended.values.handles().skip(program.values.len());
        let mut elements = vec![0; extended.values.len()];
        let mut bytes = vec![0; extended.values.len()];
        let mut elementary = vec![0; extended.values.len()];
        for id in touched(program, steps).chain(added) {
            let value = &extended.values[id];
            let count = extent(&value.elements(), bindings)?;
            elements[id.index()] =
                usize::try_from(count).map_err(|_| DimError::Overflow(value.elements().to_string()))?;
            let root = extended.storage(id);
            let stored = context.stored(&value.name, value.dtype, is_packed(&extended, root))?;
            let root = root.index();
            elementary[id.index()] = element_bytes(value.dtype, stored);
            bytes[root] = bytes[root].max(stored.bytes(value.dtype, count).max(16));
        }
        let mut tenants: BTreeMap<Tenant, Block> = BTreeMap::new();
        let mut first_touch: BTreeMap<ValueId, usize> = BTreeMap::new();
        let outside = outside(program, part);
        for (index, step) in steps.iter().enumerate() {
            for &id in step.reads.iter().chain(&step.writes) {
                let root = program.storage(id);
                first_touch.entry(root).or_insert(index);
                if !outside.contains(&root) {
                    let block = Block { bytes: bytes[root.index()], first: index, last: index };
                    tenants.entry(Tenant::Value(root)).or_insert(block).last = index;
                }
            }
            for (piece, kernels) in chosen[index].iter().flatten().enumerate() {
                for &id in &kernels.added {
                    let block = Block { bytes: bytes[id.index()], first: index, last: index };
                    tenants.insert(Tenant::Value(id), block);
                }
                for (number, size) in kernels.candidate.scratch.iter().enumerate() {
                    let block = Block { bytes: extent(size, bindings)?.max(16), first: index, last: index };
                    tenants.insert(Tenant::Scratch { step: index, piece, index: number }, block);
                }
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
            steps: chosen,
            elements,
            bytes,
            element_bytes: elementary,
            arena: vec![None; extended.values.len()],
            allocations: vec![Vec::new(); steps.len()],
            arena_bytes: placement.bytes,
            peak_live_bytes,
        };
        for ((tenant, block), &offset) in tenants.iter().zip(&placement.offsets) {
            match *tenant {
                Tenant::Value(root) => plan.arena[root.index()] = Some(offset),
                Tenant::Scratch { step, piece, .. } => {
                    let kernels = plan.steps[step].as_mut().and_then(|pieces| pieces.get_mut(piece));
                    kernels.into_iter().for_each(|kernels| kernels.scratch.push((offset, block.bytes)));
                }
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

    /// Bytes of what a step reads and writes.
    pub(crate) fn touched_bytes(&self, program: &Program, step: &Step) -> u64 {
        let bytes = |&id: &ValueId| (self.elements[id.index()] * program.values[id].dtype.size()) as u64;
        step.reads.iter().chain(&step.writes).map(bytes).sum()
    }

    /// The plan as a table. Errors: `Dim`.
    pub(crate) fn report(
        &self,
        program: &Program,
        part: Part,
        bindings: &Bindings,
    ) -> Result<Vec<PlanStep>, DeviceError> {
        let rows = part.steps(program).iter().zip(&self.steps);
        rows.map(|(step, pieces)| {
            let shape = match step.writes.first() {
                Some(&id) => program.values[id].shape.eval(bindings)?,
                None => Vec::new(),
            };
            let kernel = match pieces.as_deref() {
                None => "control".to_string(),
                Some([whole]) => whole.candidate.variant.to_string(),
                Some(pieces) => {
                    let variant = pieces.first().map_or("", |first| first.candidate.variant);
                    format!("{variant} in {} pieces", pieces.len())
                }
            };
            Ok(PlanStep {
                label: step.label.clone(),
                kernel,
                shape,
                bytes: self.touched_bytes(program, step),
                flops: step.kernel.flops(bindings)?,
                scratch_bytes: pieces.iter().flatten().flat_map(|p| &p.scratch).map(|(_, bytes)| bytes).sum(),
                host: pieces.is_none(),
            })
        })
        .collect()
    }
}

/// The kernels for one step; `None` for control steps. Values that its pieces need are added to `program`.
fn choose<G: Gpu>(
    context: &Context<G>,
    program: &mut Cow<'_, Program>,
    step: &Step,
    bindings: &Bindings,
) -> Result<Option<Vec<Kernels>>, DeviceError> {
    if step.kernel.archetype() == Archetype::Control {
        return Ok(None);
    }
    let kernel_error =
        |reason: String| DeviceError::Kernel { device: context.name(), op: step.label.clone(), reason };
    let known = program.values.len();
    let Pieces { pieces, values } = cut(context, program, step, bindings).map_err(|error| match error {
        SplitError::Dim(error) => error.into(),
        too_large => kernel_error(too_large.to_string()),
    })?;
    for value in values {
        program.to_mut().values.push(value);
    }
    let mut kernels = Vec::with_capacity(pieces.len());
    for Piece { step, windows } in pieces {
        let candidates =
            candidates(program, &step, bindings, &context.capabilities).map_err(|error| match error {
                ShaderError::DType { op, dtype } => {
                    DeviceError::Unsupported { backend: context.info.backend.clone(), op, dtype }
                }
                ShaderError::Dim(error) => error.into(),
                other => kernel_error(other.to_string()),
            })?;
        let tuned = match windows.is_empty() {
            true => tune::chosen(context, &step, bindings, &candidates),
            false => 0,
        };
        match candidates.into_iter().nth(tuned) {
            Some(candidate) => kernels.push(Kernels { windows, ..Kernels::whole(candidate) }),
            None => return Err(kernel_error("no variant can run it".into())),
        }
    }
    if let Some(first) = kernels.first_mut() {
        first.added = program.values.handles().skip(known).collect();
    }
    Ok(Some(kernels))
}

/// The pieces of a step that stay within the bindings of the device.
fn cut<G: Gpu>(
    context: &Context<G>,
    program: &Program,
    step: &Step,
    bindings: &Bindings,
) -> Result<Pieces, SplitError> {
    let element_bits = |program: &Program, id: ValueId| {
        let value = &program.values[id];
        let stored = context.stored(&value.name, value.dtype, is_packed(program, id));
        stored.map_or(64, |stored| element_bytes(value.dtype, stored) * 8)
    };
    let Target { max_binding_bytes: bytes, alignment, .. } = context.target;
    split(program, step, bindings, &Limits { bytes, alignment, element_bits: &element_bits })
}

/// Whether small elements of a root value are packed.
pub(crate) fn is_packed(program: &Program, root: ValueId) -> bool {
    matches!(program.values[root].role, Role::Parameter(_) | Role::Constant(_))
}

/// Every value that `steps` touch and every one that shares its storage.
fn touched<'p>(program: &'p Program, steps: &'p [Step]) -> impl Iterator<Item = ValueId> + 'p {
    let mut roots = vec![false; program.values.len()];
    for &id in steps.iter().flat_map(|s| s.reads.iter().chain(&s.writes)) {
        roots[program.storage(id).index()] = true;
    }
    program.values.handles().filter(move |&id| roots[program.storage(id).index()])
}

/// Storage that lies outside of the arena of `part`: what others see, what the host reads or writes, and what is given.
fn outside(program: &Program, part: Part) -> HashSet<ValueId> {
    let storage = |&id: &ValueId| program.storage(id);
    let mut outside = program.escaping();
    let hosts = part.steps(program).iter().filter(|step| step.kernel.archetype() == Archetype::Control);
    outside.extend(hosts.flat_map(|step| step.reads.iter().chain(&step.writes).map(storage)));
    let computed = match part {
        Part::Run => Role::Computed,
        Part::Once => {
            outside.extend(program.steps.iter().flat_map(|step| step.reads.iter().map(storage)));
            Role::Once
        }
    };
    let given = program.values.iter().filter(|(_, value)| value.role != computed);
    outside.extend(given.map(|(id, _)| id));
    outside
}
