//! One execution of a program: its values, and what is recorded for each step.

use crate::arena::Lease;
use crate::control;
use crate::gpu::{Gpu, Recorder};
use crate::instance::Instance;
use crate::plan::Part;
use crate::prepared::Prepared;
use crate::tune;
use hadal_device::{Arguments, Buffer, DeviceError, LiveTensor, MaybeSend, Results};
use hadal_graph::Bindings;
use hadal_graph::program::{Archetype, Role, Step, ValueId};
use std::sync::Arc;

/// An execution under way.
pub(crate) struct Frame<'p, G: Gpu> {
    pub(crate) prepared: &'p Prepared<G>,
    pub(crate) bindings: &'p Bindings,
    part: Part,
    instance: Arc<Instance<G>>,
    values: Vec<Option<Buffer>>,
    arena: Option<Arc<Lease<G>>>,
}

/// Records a run into `recorder`. What comes before a control step is submitted on the way; the rest is for the caller to submit.
///
/// Errors: `Argument` when the arguments do not fit the program, and whatever the steps meet.
pub(crate) async fn run<G: Gpu>(
    prepared: &Prepared<G>,
    arguments: Arguments,
    recorder: &mut G::Recorder,
) -> Result<Results, DeviceError> {
    let Arguments { bindings, inputs, variables } = arguments;
    prepared.check("input", &prepared.program.inputs, &inputs, &bindings)?;
    prepared.check("variable", &prepared.program.variables, &variables, &bindings)?;
    let instance = prepared.instance(&bindings).await?;
    let inputs = prepared.program.inputs.iter().copied().zip(inputs);
    let variables = prepared.program.variables.iter().copied().zip(variables);
    run_with(prepared, instance, &bindings, inputs.chain(variables), recorder).await
}

/// Like [`run`], with these concrete steps and buffers for these root values.
pub(crate) async fn run_with<G: Gpu>(
    prepared: &Prepared<G>,
    instance: Arc<Instance<G>>,
    bindings: &Bindings,
    values: impl Iterator<Item = (ValueId, Buffer)> + MaybeSend,
    recorder: &mut G::Recorder,
) -> Result<Results, DeviceError> {
    let sizes = instance.clone();
    let named = |error: DeviceError| error.naming(LiveTensor::of_run(&prepared.program, &sizes.elements));
    let mut frame = Frame::new(prepared, Part::Run, instance, bindings).map_err(named)?;
    let mut given = Vec::new();
    for (id, buffer) in values {
        frame.values[id.index()] = Some(buffer);
        given.push(id);
    }
    for &id in &prepared.overwritten {
        frame.make_unique(id, recorder)?;
    }
    frame.separate(&given, recorder)?;
    frame.record(recorder).await.map_err(named)?;
    frame.finish(recorder)
}

/// Records the steps of [`hadal_graph::program::Program::once`]; returns the buffer of each value that has one.
pub(crate) async fn run_once<G: Gpu>(
    prepared: &Prepared<G>,
    recorder: &mut G::Recorder,
) -> Result<Vec<Option<Buffer>>, DeviceError> {
    let bindings = Bindings::new();
    let Prepared { context, program, .. } = prepared;
    tune::tune(context, program, Part::Once, &bindings).await?;
    let instance = Instance::build(context, program, Part::Once, &bindings, None).await?;
    let mut frame = Frame::new(prepared, Part::Once, Arc::new(instance), &bindings)?;
    frame.record(recorder).await?;
    Ok(frame.values)
}

impl<'p, G: Gpu> Frame<'p, G> {
    fn new(
        prepared: &'p Prepared<G>,
        part: Part,
        instance: Arc<Instance<G>>,
        bindings: &'p Bindings,
    ) -> Result<Frame<'p, G>, DeviceError> {
        let context = &prepared.context;
        let arena = match instance.arena_bytes {
            0 => None,
            bytes => Some(Arc::new(context.arenas.lease(&context.pool, bytes)?)),
        };
        let mut values = vec![None; prepared.program.values.len()];
        for (id, buffer) in &prepared.frozen {
            values[id.index()] = Some(buffer.clone());
        }
        Ok(Frame { prepared, bindings, part, instance, values, arena })
    }

    async fn record(&mut self, recorder: &mut G::Recorder) -> Result<(), DeviceError> {
        let steps = self.part.steps(&self.prepared.program);
        for (index, step) in steps.iter().enumerate() {
            match step.kernel.archetype() {
                Archetype::Control => {
                    recorder.counts().host_steps += 1;
                    control::run(self, self.part, index, recorder).await?;
                }
                _ => self.record_kernels(index, recorder)?,
            }
        }
        Ok(())
    }

    fn record_kernels(&mut self, index: usize, recorder: &mut G::Recorder) -> Result<(), DeviceError> {
        let instance = self.instance.clone();
        let context = &self.prepared.context;
        recorder.keep_instance(&instance);
        if let Some(arena) = &self.arena {
            recorder.keep_arena(arena);
        }
        for &id in &instance.allocations[index] {
            let dtype = self.prepared.program.values[id].dtype;
            if self.values[id.index()].is_none() {
                self.values[id.index()] =
                    Some(context.allocate(dtype, instance.elements[id.index()], false)?);
            }
        }
        let arena = self.arena.as_ref().and_then(|lease| lease.allocation());
        for dispatch in &instance.steps[index] {
            let memory = dispatch.memory(context, arena, &self.values)?;
            recorder.dispatch(&instance, dispatch, &memory)?;
        }
        Ok(())
    }

    /// Gives a value that will be overwritten memory that nobody else sees.
    fn make_unique(&mut self, id: ValueId, recorder: &mut G::Recorder) -> Result<(), DeviceError> {
        let Some(buffer) = &self.values[id.index()] else { return Ok(()) };
        if buffer.is_unique() {
            return Ok(());
        }
        self.copy(id, recorder)
    }

    /// Gives memory of its own to each of `given` that shares it with another one which some step binds, too: WebGPU refuses two writable
    /// bindings of one range, and whatever might lie in an arena is bound writable. Two variables with one initial value are such a pair.
    fn separate(&mut self, given: &[ValueId], recorder: &mut G::Recorder) -> Result<(), DeviceError> {
        let program = self.prepared.program.clone();
        let steps = self.part.steps(&program);
        let touches = |step: &Step, id: ValueId| {
            step.reads.iter().chain(&step.writes).any(|&other| program.storage(other) == id)
        };
        for (i, &id) in given.iter().enumerate() {
            let Some(buffer) = self.values[id.index()].clone() else { continue };
            let same = |&&other: &&ValueId| {
                self.values[other.index()].as_ref().is_some_and(|earlier| earlier.is_same(&buffer))
            };
            let together =
                |&other: &ValueId| steps.iter().any(|step| touches(step, id) && touches(step, other));
            if given[..i].iter().filter(same).any(together) {
                self.copy(id, recorder)?;
            }
        }
        Ok(())
    }

    /// Puts a copy in the place of a value's buffer.
    fn copy(&mut self, id: ValueId, recorder: &mut G::Recorder) -> Result<(), DeviceError> {
        let Some(buffer) = &self.values[id.index()] else { return Ok(()) };
        let context = &self.prepared.context;
        let copy = context.allocate(buffer.dtype(), buffer.elements(), false)?;
        let (from, to) = (context.memory(buffer)?, context.memory(&copy)?);
        let bytes =
            context.stored("copy", buffer.dtype(), false)?.bytes(buffer.dtype(), buffer.elements() as u64);
        recorder.copy(&from.allocation, &to.allocation, bytes)?;
        let old = self.values[id.index()].replace(copy);
        recorder.keep(old.into_iter().collect());
        Ok(())
    }

    /// A value as others may see it: never packed, with its own dtype and number of elements.
    ///
    /// Errors: `Argument` when no step has written it.
    pub(crate) fn expose(&self, id: ValueId) -> Result<Buffer, DeviceError> {
        let program = &self.prepared.program;
        let root = program.storage(id);
        let buffer = match self.prepared.exposed.get(&root) {
            Some(buffer) => Some(buffer),
            None => self.values[root.index()].as_ref(),
        };
        let value = &program.values[id];
        let buffer = buffer.ok_or_else(|| {
            DeviceError::Argument(format!("no step of `{}` writes `{}`", program.name, value.name))
        })?;
        let elements = self.prepared.elements(id, self.bindings)?;
        Ok(match (buffer.dtype(), buffer.elements()) == (value.dtype, elements) {
            true => buffer.clone(),
            false => buffer.reinterpret(value.dtype, elements),
        })
    }

    /// Like [`Frame::expose`], for a control step that reads the value; gives the value up if no later step needs it.
    pub(crate) fn lend(&mut self, id: ValueId, index: usize) -> Result<Buffer, DeviceError> {
        let buffer = self.expose(id)?;
        let program = &self.prepared.program;
        let root = program.storage(id);
        let steps = self.part.steps(program);
        let is_root = |&other: &ValueId| program.storage(other) == root;
        let rewritten = steps[index].writes.iter().any(is_root);
        let computed = matches!(program.values[root].role, Role::Computed | Role::Once);
        let later = steps[index + 1..].iter().flat_map(|s| s.reads.iter().chain(&s.writes)).any(is_root);
        let kept = self.part == Part::Once && program.values[root].role == Role::Once;
        if rewritten || (computed && !later && !kept && !program.escapes(root)) {
            self.values[root.index()] = None;
        }
        Ok(buffer)
    }

    /// Sets a value that a control step wrote.
    pub(crate) fn set(&mut self, id: ValueId, buffer: Buffer) {
        let root = self.prepared.program.storage(id);
        self.values[root.index()] = Some(buffer);
    }

    fn finish(self, recorder: &mut G::Recorder) -> Result<Results, DeviceError> {
        let program = &self.prepared.program;
        let outputs = program.outputs.iter().map(|&id| self.expose(id)).collect::<Result<Vec<_>, _>>()?;
        let mut variables =
            program.variables.iter().map(|&id| self.expose(id)).collect::<Result<Vec<_>, _>>()?;
        for update in &program.updates {
            if let Some(variable) = variables.get_mut(update.variable) {
                *variable = self.expose(update.value)?;
            }
        }
        recorder.keep(self.values.into_iter().flatten().collect());
        Ok(Results { outputs, variables })
    }
}
