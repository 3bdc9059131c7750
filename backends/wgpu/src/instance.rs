//! A plan made concrete: kernels compiled, parameters uploaded, bind groups remembered.

use crate::context::Context;
use crate::faults::Faults;
use crate::pipeline::Pipeline;
use crate::plan::{Kernels, Part, Plan, extent};
use crate::pool::{Allocation, Use};
use crate::scope::check_now;
use crate::sync::lock;
use hadal_device::{Buffer, DeviceError};
use hadal_graph::Bindings;
use hadal_graph::program::{Program, Step, ValueId};
use hadal_shaders::{Candidate, Launch, Source};
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex};

/// Bind groups that a dispatch remembers: enough for buffers that swap places from run to run.
const REMEMBERED_BIND_GROUPS: usize = 4;

/// Concrete steps.
#[derive(Debug)]
pub(crate) struct Instance {
    /// The dispatches of each step; none for control steps and empty domains.
    pub(crate) steps: Vec<Vec<Dispatch>>,
    /// For each step, the values that get buffers of their own before it runs.
    pub(crate) allocations: Vec<Vec<ValueId>>,
    /// Number of elements of each value.
    pub(crate) elements: Vec<usize>,
    /// Bytes of the arena.
    pub(crate) arena_bytes: u64,
    uniforms: Option<Allocation>,
}

/// One kernel launch with its sizes.
#[derive(Debug)]
pub(crate) struct Dispatch {
    /// The step's label.
    pub(crate) op: Arc<str>,
    /// Name of the kernel.
    pub(crate) variant: &'static str,
    /// The compiled kernel.
    pub(crate) pipeline: Arc<Pipeline>,
    /// Workgroups in x and y.
    pub(crate) groups: [u32; 2],
    /// Whether the kernel may report a fault.
    pub(crate) faults: bool,
    /// What the step costs, in its first dispatch.
    pub(crate) cost: Cost,
    slots: Vec<Slot>,
    parameters: (u64, u64),
    bind_groups: Mutex<Vec<(Vec<u64>, wgpu::BindGroup)>>,
}

/// What a profile says of a step.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) location: Option<Arc<str>>,
    pub(crate) bytes: u64,
    pub(crate) flops: u64,
}

/// What one storage binding covers.
#[derive(Clone, Copy, Debug)]
struct Slot {
    home: Home,
    offset: u64,
    bytes: u64,
}

#[derive(Clone, Copy, Debug)]
enum Home {
    Arena,
    Value(ValueId),
}

impl Instance {
    /// Makes the steps of `part` concrete for `bindings`; `forced` are the kernels of the only step.
    ///
    /// Errors: `Unsupported`, `Kernel`, `Dim`, `OutOfMemory`, `Lost`; `Argument` when these sizes reach outside a value, as a slice of a fixed
    /// axis to a symbolic length can.
    pub(crate) async fn build(
        context: &Context,
        program: &Program,
        part: Part,
        bindings: &Bindings,
        forced: Option<&Candidate>,
    ) -> Result<Instance, DeviceError> {
        if forced.is_none() {
            // A step that is tuned was checked with its program: alone, it reads what no step has written.
            program.validate_at(bindings).map_err(|error| DeviceError::Argument(error.to_string()))?;
        }
        let plan = Plan::new(context, program, part, bindings, forced)?;
        let mut parameters = Vec::new();
        let mut steps = Vec::with_capacity(plan.steps.len());
        for (step, pieces) in part.steps(program).iter().zip(&plan.steps) {
            let mut launches: Vec<Dispatch> = Vec::new();
            for kernels in pieces.iter().flatten() {
                for launch in &kernels.candidate.launches {
                    let slots = plan.slots(context, step, kernels, launch)?;
                    launches.extend(dispatch(context, step, launch, slots, bindings, &mut parameters).await?);
                }
            }
            for launch in &mut launches {
                launch.cost.location = program.location(step).cloned();
            }
            if let Some(first) = launches.first_mut() {
                first.cost.bytes = plan.touched_bytes(program, step);
                first.cost.flops = step.kernel.flops(bindings)?;
            }
            steps.push(launches);
        }
        let uniforms = upload(context, &parameters)?;
        let Plan { elements, allocations, arena_bytes, .. } = plan;
        Ok(Instance { steps, allocations, elements, arena_bytes, uniforms })
    }
}

impl Plan {
    /// What the bindings of `launch` cover.
    fn slots(
        &self,
        context: &Context,
        step: &Step,
        kernels: &Kernels,
        launch: &Launch,
    ) -> Result<Vec<Slot>, DeviceError> {
        let fail =
            |reason: String| DeviceError::Kernel { device: context.name(), op: step.label.clone(), reason };
        let mut slots = Vec::with_capacity(launch.bindings.len());
        for binding in &launch.bindings {
            let slot = match binding.source {
                Source::Value(id) => {
                    let (home, start) = match self.arena[id.index()] {
                        Some(start) => (Home::Arena, start),
                        None => (Home::Value(id), 0),
                    };
                    let whole = self.bytes[id.index()];
                    match kernels.windows.get(&id) {
                        None => Slot { home, offset: start, bytes: whole },
                        Some(window) => {
                            let element = self.element_bytes[id.index()];
                            let offset = window.start * element;
                            let bytes = (window.end * element - offset).next_multiple_of(16).max(16);
                            Slot { home, offset: start + offset, bytes: bytes.min(whole - offset) }
                        }
                    }
                }
                Source::Scratch(number) => match kernels.scratch.get(number) {
                    Some(&(offset, bytes)) => Slot { home: Home::Arena, offset, bytes },
                    None => {
                        return Err(fail(format!(
                            "the kernel binds scratch {number}, which it did not ask for"
                        )));
                    }
                },
            };
            if slot.bytes > context.target.max_binding_bytes {
                let limit = context.target.max_binding_bytes;
                return Err(fail(format!(
                    "it binds {} bytes at once, and the device allows {limit}",
                    slot.bytes
                )));
            }
            slots.push(slot);
        }
        Ok(slots)
    }
}

/// The launch with its sizes; `None` if it has nothing to do. Appends its parameters to `parameters`.
async fn dispatch(
    context: &Context,
    step: &Step,
    launch: &Launch,
    slots: Vec<Slot>,
    bindings: &Bindings,
    parameters: &mut Vec<u8>,
) -> Result<Option<Dispatch>, DeviceError> {
    let workgroups = extent(&launch.workgroups, bindings)?;
    if workgroups == 0 {
        return Ok(None);
    }
    let groups =
        fold(workgroups, context.capabilities.max_workgroups).ok_or_else(|| DeviceError::Kernel {
            device: context.name(),
            op: step.label.clone(),
            reason: format!("{workgroups} workgroups are more than the device can dispatch"),
        })?;
    let offset = parameters.len() as u64;
    for dim in &launch.params {
        parameters.extend((dim.eval(bindings)? as u32).to_le_bytes());
    }
    if launch.faults {
        parameters.extend(context.faults.code(&step.label).to_le_bytes());
    }
    let bytes = (parameters.len() as u64 - offset).next_multiple_of(16).max(16);
    parameters.resize((offset + bytes).next_multiple_of(context.uniform_alignment()) as usize, 0);
    Ok(Some(Dispatch {
        op: step.label.as_str().into(),
        variant: launch.variant,
        pipeline: context.pipelines.get(context, launch, &step.label).await?,
        groups,
        faults: launch.faults,
        cost: Cost::default(),
        slots,
        parameters: (offset, bytes),
        bind_groups: Mutex::default(),
    }))
}

/// Workgroups in x and y, at least `workgroups` together.
fn fold(workgroups: u64, limit: u32) -> Option<[u32; 2]> {
    let rows = workgroups.div_ceil(u64::from(limit));
    let columns = workgroups.div_ceil(rows);
    (rows <= u64::from(limit)).then_some([columns as u32, rows as u32])
}

fn upload(context: &Context, parameters: &[u8]) -> Result<Option<Allocation>, DeviceError> {
    if parameters.is_empty() {
        return Ok(None);
    }
    let uniforms = context.pool.allocate(Use::Uniform, parameters.len() as u64)?;
    let (_, error) =
        check_now(&context.device, || context.queue.write_buffer(uniforms.buffer(), 0, parameters));
    match error {
        Some(error) => Err(context.failure("kernel parameters", error)),
        None => Ok(Some(uniforms)),
    }
}

impl Dispatch {
    /// The bind group for these buffers: a remembered one if they were bound before.
    ///
    /// Errors: `Argument` when a buffer is of another device or missing; `Kernel`, `OutOfMemory`, `Lost`.
    pub(crate) fn bind(
        &self,
        context: &Context,
        instance: &Instance,
        arena: Option<&Allocation>,
        values: &[Option<Buffer>],
    ) -> Result<wgpu::BindGroup, DeviceError> {
        let missing =
            || DeviceError::Argument(format!("`{}` reads a value that no step has written", self.op));
        let mut bound = Vec::with_capacity(self.slots.len());
        for slot in &self.slots {
            bound.push(match slot.home {
                Home::Arena => arena.ok_or_else(missing)?,
                Home::Value(id) => {
                    &context.memory(values[id.index()].as_ref().ok_or_else(missing)?)?.allocation
                }
            });
        }
        let key: Vec<u64> = bound.iter().map(|allocation| allocation.id()).collect();
        let mut bind_groups = lock(&self.bind_groups);
        if let Some(position) = bind_groups.iter().position(|(known, _)| *known == key) {
            bind_groups[..=position].rotate_right(1);
            return Ok(bind_groups[0].1.clone());
        }
        let cover = |buffer, offset, bytes| {
            wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                buffer,
                offset,
                size: NonZeroU64::new(bytes),
            })
        };
        let uniforms = instance.uniforms.as_ref().ok_or_else(missing)?;
        let mut resources: Vec<wgpu::BindingResource<'_>> = bound
            .iter()
            .zip(&self.slots)
            .map(|(memory, slot)| cover(memory.buffer(), slot.offset, slot.bytes))
            .collect();
        resources.push(cover(uniforms.buffer(), self.parameters.0, self.parameters.1));
        if self.faults {
            resources.push(cover(&context.faults.word, 0, Faults::BYTES));
        }
        let entries: Vec<wgpu::BindGroupEntry<'_>> = (0u32..)
            .zip(resources)
            .map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource })
            .collect();
        let descriptor =
            wgpu::BindGroupDescriptor { label: None, layout: &self.pipeline.layout, entries: &entries };
        let (bind_group, error) =
            check_now(&context.device, || context.device.create_bind_group(&descriptor));
        if let Some(error) = error {
            return Err(context.failure(&self.op, error));
        }
        bind_groups.truncate(REMEMBERED_BIND_GROUPS - 1);
        bind_groups.insert(0, (key, bind_group.clone()));
        Ok(bind_group)
    }
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn many_workgroups_fold_into_two_dimensions() {
        assert_eq!(fold(1, 65_535), Some([1, 1]));
        assert_eq!(fold(65_535, 65_535), Some([65_535, 1]));
        for workgroups in [65_536u64, 100_000, 1 << 31] {
            let [x, y] = fold(workgroups, 65_535).unwrap();
            assert!(x <= 65_535 && u64::from(x) * u64::from(y) >= workgroups);
            assert!(u64::from(x) * u64::from(y) - workgroups < u64::from(y));
        }
        assert_eq!(fold(1 << 40, 65_535), None);
    }
}
