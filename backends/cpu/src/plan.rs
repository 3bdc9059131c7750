//! Plans: a program's steps compiled, and its values placed, for one set of sizes.

use crate::eval::Stepped;
use crate::kernel::{self, Prepared};
use crate::memory::ALIGNMENT;
use hadal_device::DeviceError;
use hadal_graph::place::{Block, Placement, peak, place};
use hadal_graph::program::{Kernel, Program, Role, Step, Value, ValueId};
use hadal_graph::{Bindings, DType, DimError};

/// Where the storage of a value lies during a run; only the roots of alias chains have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Not used by these steps.
    Nowhere,
    /// At an offset in the run's arena.
    Arena(usize),
    /// A buffer that the run makes and returns.
    Fresh,
    /// Given: an input, a variable, a parameter, a constant or a result of `once`.
    Given,
}

/// One step of a plan.
pub(crate) struct PlannedStep {
    /// `None` for loops and branches.
    pub(crate) kernel: Option<Box<dyn Prepared>>,
    /// Storage of the reads and writes.
    pub(crate) reads: Vec<ValueId>,
    pub(crate) writes: Vec<ValueId>,
}

/// A list of steps for one set of sizes.
pub(crate) struct Plan {
    pub(crate) steps: Vec<PlannedStep>,
    /// By value.
    pub(crate) places: Vec<Place>,
    /// Number of elements of each value; bounded counts at their maximum.
    pub(crate) elements: Vec<usize>,
    pub(crate) arena_bytes: usize,
    pub(crate) peak_live_bytes: u64,
    /// Whether some step is worth several threads.
    pub(crate) parallel: bool,
}

impl Plan {
    /// The plan of a program's steps. Errors: `Dim` and `Argument` for sizes that do not fit the program; what kernels refuse.
    pub(crate) fn new(program: &Program, bindings: &Bindings) -> Result<Plan, DeviceError> {
        let elements = program.values.iter().map(|(_, value)| elements(value, bindings));
        Plan::of(program, &program.steps, bindings, elements.collect::<Result<_, _>>()?)
    }

    /// The plan of a program's `once` steps: all sizes that they see are known, those of other values may not be. Errors: as [`Plan::new`].
    pub(crate) fn once(program: &Program) -> Result<Plan, DeviceError> {
        let bindings = Bindings::new();
        let mut known = vec![0; program.values.len()];
        for &id in program.once.iter().flat_map(|step| step.reads.iter().chain(&step.writes)) {
            for id in [id, program.storage(id)] {
                known[id.index()] = elements(&program.values[id], &bindings)?;
            }
        }
        Plan::of(program, &program.once, &bindings, known)
    }

    fn of(
        program: &Program,
        steps: &[Step],
        bindings: &Bindings,
        elements: Vec<usize>,
    ) -> Result<Plan, DeviceError> {
        let bytes = |id: ValueId| -> Result<usize, DeviceError> {
            let size = program.values[id].dtype.size();
            let bytes = elements[id.index()].checked_mul(size).filter(|&b| b <= isize::MAX as usize);
            bytes.ok_or_else(|| DimError::Overflow(program.values[id].bytes().to_string()).into())
        };
        let mut lives: Vec<Option<(usize, usize)>> = vec![None; program.values.len()];
        for (s, step) in steps.iter().enumerate() {
            for &id in step.reads.iter().chain(&step.writes) {
                let root = program.storage(id);
                if bytes(id)? > bytes(root)? {
                    return Err(DeviceError::Argument(format!(
                        "`{}` takes over the storage of `{}`, which is smaller: the program is malformed",
                        program.values[id].name, program.values[root].name
                    )));
                }
                let life = lives[root.index()].get_or_insert((s, s));
                life.1 = s;
            }
        }
        let escaping = program.escaping();
        let mut places = vec![Place::Nowhere; program.values.len()];
        let (mut blocks, mut owners) = (Vec::new(), Vec::new());
        for (id, value) in program.values.iter() {
            let root = program.storage(id);
            if root != id {
                continue;
            }
            places[id.index()] = match value.role {
                Role::Computed if escaping.contains(&id) => Place::Fresh,
                Role::Computed => {
                    if let Some((first, last)) = lives[id.index()] {
                        blocks.push(Block { bytes: bytes(id)? as u64, first, last });
                        owners.push(id);
                    }
                    Place::Nowhere
                }
                _ => Place::Given,
            };
        }
        let Placement { offsets, bytes: arena } = place(&blocks, ALIGNMENT as u64);
        let fits = |n: u64| usize::try_from(n).map_err(|_| DimError::Overflow("the arena".into()));
        for (id, offset) in owners.into_iter().zip(offsets) {
            places[id.index()] = Place::Arena(fits(offset)?);
        }
        let mut plan = Plan {
            steps: Vec::new(),
            places,
            elements,
            arena_bytes: fits(arena)?,
            peak_live_bytes: peak(&blocks, ALIGNMENT as u64),
            parallel: false,
        };
        for step in steps {
            let planned = plan.step(program, step, bindings)?;
            let touched: usize =
                step.reads.iter().chain(&step.writes).map(|id| plan.elements[id.index()]).sum();
            let work = planned.kernel.as_ref().map_or(u64::MAX, |k| k.flops());
            plan.parallel |= work > 64 << 10 || touched > 64 << 10;
            plan.steps.push(planned);
        }
        Ok(plan)
    }

    fn step(&self, program: &Program, step: &Step, bindings: &Bindings) -> Result<PlannedStep, DeviceError> {
        let types = |ids: &[ValueId]| -> Vec<(DType, usize)> {
            ids.iter().map(|&id| (program.values[id].dtype, self.elements[id.index()])).collect()
        };
        let roots = |ids: &[ValueId]| -> Vec<ValueId> { ids.iter().map(|&id| program.storage(id)).collect() };
        let (reads, writes) = (roots(&step.reads), roots(&step.writes));
        let stepped = Stepped {
            label: &step.label,
            reads: types(&step.reads),
            writes: types(&step.writes),
            aliased: reads.iter().map(|r| writes.contains(r)).collect(),
            bindings,
        };
        Ok(PlannedStep { kernel: kernel::prepare(&step.kernel, &stepped)?, reads, writes })
    }

    /// Bytes of what a step reads and writes.
    pub(crate) fn touched_bytes(&self, program: &Program, step: &Step) -> u64 {
        let bytes = |&id: &ValueId| (self.elements[id.index()] * program.values[id].dtype.size()) as u64;
        step.reads.iter().chain(&step.writes).map(bytes).sum()
    }

    /// Whether step `s` is a loop or a branch.
    pub(crate) fn is_control(step: &Step) -> bool {
        matches!(step.kernel, Kernel::Loop(_) | Kernel::Branch(_))
    }
}

/// The number of elements of a value. Errors: `Dim`, `Argument` for a negative extent.
fn elements(value: &Value, bindings: &Bindings) -> Result<usize, DeviceError> {
    let most: Vec<_> = value.shape.iter().map(|d| d.upper_bound()).collect();
    crate::eval::map::product(&crate::eval::map::extents(&most, bindings)?)
}
