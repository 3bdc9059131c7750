//! A program made ready: frozen tensors on the device, `once` steps run, sub-programs prepared.

use crate::context::Context;
use crate::frame;
use crate::gpu::{Gpu, Recorder};
use crate::instance::Instance;
use crate::plan::{Part, extent};
use crate::sync::lock;
use crate::tune;
use hadal_device::{Buffer, DeviceError, DeviceFuture, Weights};
use hadal_graph::program::{Archetype, Kernel, Program, Role, Step, ValueId};
use hadal_graph::{Bindings, DType, DimError, HostTensor};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

/// Sets of sizes that an executable keeps ready.
const REMEMBERED_INSTANCES: usize = 64;

/// A program that can run.
pub(crate) struct Prepared<G: Gpu> {
    pub(crate) context: Arc<Context<G>>,
    pub(crate) program: Arc<Program>,
    /// Parameters and constants as kernels read them, and results of `once` steps that runs need.
    pub(crate) frozen: BTreeMap<ValueId, Buffer>,
    /// Parameters and constants that leave the program, as others read them.
    pub(crate) exposed: BTreeMap<ValueId, Buffer>,
    /// Inputs and variables whose memory a step overwrites.
    pub(crate) overwritten: Vec<ValueId>,
    once_children: Vec<Option<Children<G>>>,
    run_children: Vec<Option<Children<G>>>,
    instances: Mutex<Vec<(Bindings, Arc<Instance<G>>)>>,
}

/// The prepared sub-programs of a control step.
pub(crate) enum Children<G: Gpu> {
    Loop { condition: Prepared<G>, body: Prepared<G> },
    Branch { then: Prepared<G>, otherwise: Prepared<G> },
}

/// Frozen tensors that were uploaded for the program or one that surrounds it, by name and whether they are packed.
pub(crate) type Uploads = HashMap<(String, bool), Buffer>;

impl<G: Gpu> Prepared<G> {
    /// Makes `program` ready. Boxed, since programs nest.
    ///
    /// Errors: `Argument` when `weights` lack a parameter or have it in another dtype or size; those of compiling and running kernels.
    pub(crate) fn new<'a>(
        context: Arc<Context<G>>,
        program: Arc<Program>,
        weights: &'a Weights,
        uploads: &'a mut Uploads,
    ) -> DeviceFuture<'a, Prepared<G>> {
        Box::pin(async move {
            let prepared = Prepared::assemble(context, program, weights, uploads).await?;
            if is_static(&prepared.program) {
                prepared.instance(&Bindings::new()).await?;
            }
            Ok(prepared)
        })
    }

    /// Like [`Prepared::new`], but no kernel of a run is compiled yet.
    pub(crate) fn assemble<'a>(
        context: Arc<Context<G>>,
        program: Arc<Program>,
        weights: &'a Weights,
        uploads: &'a mut Uploads,
    ) -> DeviceFuture<'a, Prepared<G>> {
        Box::pin(async move {
            let mut once_children = Vec::with_capacity(program.once.len());
            for step in &program.once {
                once_children.push(prepare_children(&context, step, weights, uploads).await?);
            }
            let mut run_children = Vec::with_capacity(program.steps.len());
            for step in &program.steps {
                run_children.push(prepare_children(&context, step, weights, uploads).await?);
            }
            let mut prepared = Prepared {
                overwritten: overwritten(&program)?,
                context,
                program,
                frozen: BTreeMap::new(),
                exposed: BTreeMap::new(),
                once_children,
                run_children,
                instances: Mutex::default(),
            };
            prepared.upload(weights, uploads)?;
            prepared.run_once().await?;
            Ok(prepared)
        })
    }

    /// The concrete steps for `bindings`: remembered ones if they were built before.
    pub(crate) async fn instance(&self, bindings: &Bindings) -> Result<Arc<Instance<G>>, DeviceError> {
        {
            let mut instances = lock(&self.instances);
            if let Some(position) = instances.iter().position(|(known, _)| known == bindings) {
                instances[..=position].rotate_right(1);
                return Ok(instances[0].1.clone());
            }
        }
        tune::tune(&self.context, &self.program, Part::Run, bindings).await?;
        let instance = Instance::build(&self.context, &self.program, Part::Run, bindings, None).await?;
        let instance = Arc::new(instance);
        let mut instances = lock(&self.instances);
        instances.truncate(REMEMBERED_INSTANCES - 1);
        instances.insert(0, (bindings.clone(), instance.clone()));
        Ok(instance)
    }

    /// The sub-programs of step `index`.
    pub(crate) fn children(&self, part: Part, index: usize) -> Option<&Children<G>> {
        let children = match part {
            Part::Once => &self.once_children,
            Part::Run => &self.run_children,
        };
        children.get(index)?.as_ref()
    }

    /// Number of elements of a value.
    pub(crate) fn elements(&self, id: ValueId, bindings: &Bindings) -> Result<usize, DeviceError> {
        let elements = self.program.values[id].elements();
        let count = extent(&elements, bindings)?;
        Ok(usize::try_from(count).map_err(|_| DimError::Overflow(elements.to_string()))?)
    }

    /// Errors: `Argument` when `given` are not buffers of this device for the values `ids`.
    pub(crate) fn check(
        &self,
        what: &str,
        ids: &[ValueId],
        given: &[Buffer],
        bindings: &Bindings,
    ) -> Result<(), DeviceError> {
        let name = &self.program.name;
        if given.len() != ids.len() {
            return Err(DeviceError::Argument(format!(
                "`{name}` takes {} {what}s, but {} were given",
                ids.len(),
                given.len()
            )));
        }
        for (&id, buffer) in ids.iter().zip(given) {
            self.context.memory(buffer)?;
            let value = &self.program.values[id];
            let elements = self.elements(id, bindings)?;
            if buffer.dtype() != value.dtype || buffer.elements() != elements {
                return Err(DeviceError::Argument(format!(
                    "the {what} `{}` of `{name}` has {elements} elements of {}, but {buffer:?} was given",
                    value.name, value.dtype
                )));
            }
        }
        Ok(())
    }

    /// Bytes of parameters, constants and results of `once` steps, this program's own and those of its sub-programs.
    pub(crate) fn frozen_bytes(&self) -> u64 {
        let mut memories = BTreeMap::new();
        self.collect_frozen(&mut memories);
        memories.into_values().sum()
    }

    fn collect_frozen(&self, into: &mut BTreeMap<u64, u64>) {
        for buffer in self.frozen.values().chain(self.exposed.values()) {
            if let Ok(memory) = self.context.memory(buffer) {
                into.insert(memory.allocation.id(), memory.allocation.bytes());
            }
        }
        for children in self.once_children.iter().chain(&self.run_children).flatten() {
            children.both().into_iter().for_each(|child| child.collect_frozen(into));
        }
    }

    fn upload(&mut self, weights: &Weights, uploads: &mut Uploads) -> Result<(), DeviceError> {
        let program = self.program.clone();
        let (read, leaving) = (read(&program), leaving(&program));
        for &id in &program.parameters {
            let name = &program.values[id].name;
            if let Some(tensor) = weights.get(name) {
                self.check_weight(id, tensor.dtype(), tensor.elements())?;
            }
            let mut upload = |packed| {
                let key = (name.clone(), packed);
                if let Some(known) = uploads.get(&key) {
                    self.check_weight(id, known.dtype(), known.elements())?;
                    return Ok(known.clone());
                }
                let tensor = weights.get(name).ok_or_else(|| {
                    DeviceError::Argument(format!(
                        "`{}` needs the parameter `{name}`, which the weights lack",
                        program.name
                    ))
                })?;
                let buffer = upload(&self.context, tensor, packed)?;
                uploads.insert(key, buffer.clone());
                Ok::<Buffer, DeviceError>(buffer)
            };
            let kernels = if read[id.index()] { Some(upload(true)?) } else { None };
            let others = if leaving.contains(&id) { Some(upload(false)?) } else { None };
            self.frozen.extend(kernels.map(|buffer| (id, buffer)));
            self.exposed.extend(others.map(|buffer| (id, buffer)));
        }
        for (id, tensor) in &program.constants {
            self.check_weight(*id, tensor.dtype(), tensor.elements())?;
            if read[id.index()] {
                self.frozen.insert(*id, upload(&self.context, tensor, true)?);
            }
            if leaving.contains(id) {
                self.exposed.insert(*id, upload(&self.context, tensor, false)?);
            }
        }
        Ok(())
    }

    fn check_weight(&self, id: ValueId, dtype: DType, given: usize) -> Result<(), DeviceError> {
        let value = &self.program.values[id];
        let elements = self.elements(id, &Bindings::new())?;
        if dtype == value.dtype && given == elements {
            return Ok(());
        }
        Err(DeviceError::Argument(format!(
            "the parameter `{}` of `{}` has {elements} elements of {}, but the weights hold {given} of {dtype}",
            value.name, self.program.name, value.dtype
        )))
    }

    async fn run_once(&mut self) -> Result<(), DeviceError> {
        if self.program.once.is_empty() {
            return Ok(());
        }
        let mut recorder = G::recorder(&self.context, false);
        let values = frame::run_once(self, &mut recorder).await?;
        let program = self.program.clone();
        let needed: Vec<ValueId> = program
            .steps
            .iter()
            .flat_map(|step| &step.reads)
            .chain(&program.outputs)
            .chain(program.updates.iter().map(|update| &update.value))
            .map(|&id| program.storage(id))
            .collect();
        let before = std::mem::take(&mut self.frozen);
        for (id, buffer) in program.values.handles().zip(values) {
            if let Some(buffer) = buffer
                && needed.contains(&id)
            {
                self.frozen.insert(id, buffer);
            }
        }
        recorder.keep(before.into_values().collect());
        recorder.submit()
    }
}

impl<G: Gpu> Children<G> {
    fn both(&self) -> [&Prepared<G>; 2] {
        match self {
            Children::Loop { condition, body } => [condition, body],
            Children::Branch { then, otherwise } => [then, otherwise],
        }
    }
}

async fn prepare_children<G: Gpu>(
    context: &Arc<Context<G>>,
    step: &Step,
    weights: &Weights,
    uploads: &mut Uploads,
) -> Result<Option<Children<G>>, DeviceError> {
    let (first, second) = match &step.kernel {
        Kernel::Loop(control) => (&control.condition, &control.body),
        Kernel::Branch(control) => (&control.then, &control.otherwise),
        _ => return Ok(None),
    };
    let first = Prepared::new(context.clone(), first.clone(), weights, uploads).await?;
    let second = Prepared::new(context.clone(), second.clone(), weights, uploads).await?;
    Ok(Some(match step.kernel {
        Kernel::Loop(_) => Children::Loop { condition: first, body: second },
        _ => Children::Branch { then: first, otherwise: second },
    }))
}

fn upload<G: Gpu>(context: &Context<G>, tensor: &HostTensor, packed: bool) -> Result<Buffer, DeviceError> {
    let buffer = context.allocate(tensor.dtype(), tensor.elements(), packed)?;
    G::write(context, &buffer, tensor)?;
    Ok(buffer)
}

/// By value: whether a kernel reads it, or a value that takes its memory over.
pub(crate) fn read(program: &Program) -> Vec<bool> {
    let mut read = vec![false; program.values.len()];
    for step in program.once.iter().chain(&program.steps) {
        step.reads.iter().for_each(|&id| read[program.storage(id).index()] = true);
    }
    read
}

/// Roots of values that somebody outside the kernels sees: outputs, new values of variables, and what control steps read.
pub(crate) fn leaving(program: &Program) -> Vec<ValueId> {
    let control = program
        .once
        .iter()
        .chain(&program.steps)
        .filter(|step| step.kernel.archetype() == Archetype::Control);
    let read = control.flat_map(|step| &step.reads);
    let leaving =
        program.outputs.iter().chain(program.updates.iter().map(|update| &update.value)).chain(read);
    leaving.map(|&id| program.storage(id)).collect()
}

/// Inputs and variables whose memory a step overwrites. Errors: `Argument` when a step overwrites a frozen value.
fn overwritten(program: &Program) -> Result<Vec<ValueId>, DeviceError> {
    let mut overwritten = Vec::new();
    for step in &program.steps {
        for &id in &step.writes {
            let root = program.storage(id);
            match program.values[root].role {
                Role::Input(_) | Role::Variable(_) if !overwritten.contains(&root) => overwritten.push(root),
                Role::Parameter(_) | Role::Constant(_) | Role::Once => {
                    return Err(DeviceError::Argument(format!(
                        "`{}` of `{}` overwrites `{}`, which is frozen",
                        step.label, program.name, program.values[root].name
                    )));
                }
                _ => {}
            }
        }
    }
    Ok(overwritten)
}

/// Whether no size depends on a symbol, so that the one instance can be built ahead.
fn is_static(program: &Program) -> bool {
    program.values.iter().all(|(_, value)| value.shape.as_const().is_some())
}
