//! A plan made concrete: kernels compiled, parameters uploaded.

use crate::context::Context;
use crate::gpu::{Gpu, Use};
use crate::plan::{Kernels, Part, Plan, extent};
use crate::pool::Allocation;
use hadal_device::{Buffer, DeviceError};
use hadal_graph::Bindings;
use hadal_graph::program::{Program, Step, ValueId};
use hadal_shaders::{Candidate, Launch, Source};
use std::sync::Arc;

/// Concrete steps.
pub struct Instance<G: Gpu> {
    /// The dispatches of each step; none for control steps and empty domains.
    pub(crate) steps: Vec<Vec<Dispatch<G>>>,
    /// For each step, the values that get buffers of their own before it runs.
    pub(crate) allocations: Vec<Vec<ValueId>>,
    /// Number of elements of each value.
    pub(crate) elements: Vec<usize>,
    /// Bytes of the arena.
    pub(crate) arena_bytes: u64,
    /// The parameters of all dispatches; `None` where there are none.
    pub uniforms: Option<Allocation<G>>,
}

impl<G: Gpu> std::fmt::Debug for Instance<G> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance").field("steps", &self.steps.len()).finish_non_exhaustive()
    }
}

/// One kernel launch with its sizes.
pub struct Dispatch<G: Gpu> {
    /// The step's label.
    pub op: Arc<str>,
    /// Name of the kernel.
    pub variant: &'static str,
    /// The compiled kernel.
    pub kernel: Arc<G::Kernel>,
    /// Workgroups in x and y.
    pub groups: [u32; 2],
    /// Whether the kernel may report a fault: then the word is its last binding.
    pub faults: bool,
    /// What the step costs, in its first dispatch.
    pub cost: Cost,
    /// What each storage binding covers, in order.
    pub slots: Vec<Slot>,
    /// Offset and size in [`Instance::uniforms`] of the parameters, the binding after the slots.
    pub parameters: (u64, u64),
    /// For the interface to use.
    pub bound: G::Bound,
}

/// What a profile says of a step.
#[derive(Clone, Debug, Default)]
pub struct Cost {
    /// Where a person asked for it.
    pub location: Option<Arc<str>>,
    /// Bytes read and written.
    pub bytes: u64,
    /// Arithmetic operations.
    pub flops: u64,
}

/// What one storage binding covers.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    home: Home,
    /// Offset in the memory.
    pub offset: u64,
    /// Bytes covered.
    pub bytes: u64,
}

#[derive(Clone, Copy, Debug)]
enum Home {
    Arena,
    Value(ValueId),
}

impl<G: Gpu> Instance<G> {
    /// Makes the steps of `part` concrete for `bindings`; `forced` are the kernels of the only step.
    ///
    /// Errors: `Unsupported`, `Kernel`, `Dim`, `OutOfMemory`, `Lost`; `Argument` when these sizes reach outside a value, as a slice of a fixed
    /// axis to a symbolic length can.
    pub(crate) async fn build(
        context: &Context<G>,
        program: &Program,
        part: Part,
        bindings: &Bindings,
        forced: Option<&Candidate>,
    ) -> Result<Instance<G>, DeviceError> {
        if forced.is_none() {
            // A step that is tuned was checked with its program: alone, it reads what no step has written.
            program.validate_at(bindings).map_err(|error| DeviceError::Argument(error.to_string()))?;
        }
        let plan = Plan::new(context, program, part, bindings, forced)?;
        let mut parameters = Vec::new();
        let mut steps = Vec::with_capacity(plan.steps.len());
        for (step, pieces) in part.steps(program).iter().zip(&plan.steps) {
            let mut launches: Vec<Dispatch<G>> = Vec::new();
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
    fn slots<G: Gpu>(
        &self,
        context: &Context<G>,
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
async fn dispatch<G: Gpu>(
    context: &Context<G>,
    step: &Step,
    launch: &Launch,
    slots: Vec<Slot>,
    bindings: &Bindings,
    parameters: &mut Vec<u8>,
) -> Result<Option<Dispatch<G>>, DeviceError> {
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
    parameters.resize((offset + bytes).next_multiple_of(context.gpu.uniform_alignment()) as usize, 0);
    Ok(Some(Dispatch {
        op: step.label.as_str().into(),
        variant: launch.variant,
        kernel: G::compile(context, launch, &step.label).await?,
        groups,
        faults: launch.faults,
        cost: Cost::default(),
        slots,
        parameters: (offset, bytes),
        bound: G::Bound::default(),
    }))
}

/// Workgroups in x and y, at least `workgroups` together.
fn fold(workgroups: u64, limit: u32) -> Option<[u32; 2]> {
    let rows = workgroups.div_ceil(u64::from(limit));
    let columns = workgroups.div_ceil(rows);
    (rows <= u64::from(limit)).then_some([columns as u32, rows as u32])
}

fn upload<G: Gpu>(context: &Context<G>, parameters: &[u8]) -> Result<Option<Allocation<G>>, DeviceError> {
    if parameters.is_empty() {
        return Ok(None);
    }
    let uniforms = context.pool.allocate(Use::Uniform, parameters.len() as u64)?;
    G::write_parameters(context, &uniforms, parameters)?;
    Ok(Some(uniforms))
}

impl<G: Gpu> Dispatch<G> {
    /// The memory behind each slot.
    ///
    /// Errors: `Argument` when a buffer is of another device or missing.
    pub(crate) fn memory<'a>(
        &self,
        context: &Context<G>,
        arena: Option<&'a Allocation<G>>,
        values: &'a [Option<Buffer>],
    ) -> Result<Vec<&'a Allocation<G>>, DeviceError> {
        let missing =
            || DeviceError::Argument(format!("`{}` reads a value that no step has written", self.op));
        let slots = self.slots.iter().map(|slot| {
            Ok(match slot.home {
                Home::Arena => arena.ok_or_else(missing)?,
                Home::Value(id) => {
                    &context.memory(values[id.index()].as_ref().ok_or_else(missing)?)?.allocation
                }
            })
        });
        slots.collect()
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
