//! Prepared programs, and what happens in a run.

use crate::backend::Shared;
use crate::bind::{Kept, bind, validate};
use crate::eval::Operands;
use crate::kernel::Run;
use crate::parallel::{self, Workers};
use crate::plan::{Place, Plan};
use crate::storage::{CpuStorage, copy_bytes};
use hadal_device::{
    Arguments, Buffer, DeviceError, DeviceFuture, Executable, ExecutableStats, LiveTensor, PlanReport,
    Results, StepTime, Weights, clock,
};
use hadal_graph::program::{Kernel, Program, Role, Step, ValueId};
use hadal_graph::{Bindings, DimError};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLockReadGuard};

/// Plans kept per executable; the least recently used one goes first.
const PLANS: usize = 32;

/// A program with its weights, ready to run.
pub(crate) struct CpuExecutable {
    pub(crate) program: Arc<Program>,
    pub(crate) shared: Arc<Shared>,
    /// Parameters, constants and results of `once`, by value.
    pub(crate) kept: Vec<Option<Kept>>,
    /// The programs of each control step: condition and body, or the two branches.
    pub(crate) children: Vec<Option<[Arc<CpuExecutable>; 2]>>,
    /// For each variable, whether a step writes to its storage.
    written: Vec<bool>,
    plans: Mutex<Vec<(Bindings, Arc<Plan>)>>,
    pub(crate) counters: Counters,
}

/// Counts since preparation.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) runs: AtomicU64,
    pub(crate) dispatches: AtomicU64,
    pub(crate) host_steps: AtomicU64,
}

impl CpuExecutable {
    /// Errors: see [`Backend::prepare`](hadal_device::Backend::prepare).
    pub(crate) fn new(
        program: Arc<Program>,
        weights: &Weights,
        shared: &Arc<Shared>,
    ) -> Result<Self, DeviceError> {
        validate(&program)?;
        let kept = bind(&program, weights, shared)?;
        let child = |p: &Arc<Program>| CpuExecutable::new(p.clone(), weights, shared).map(Arc::new);
        let children = |step: &Step| {
            Ok(match &step.kernel {
                Kernel::Loop(l) => Some([child(&l.condition)?, child(&l.body)?]),
                Kernel::Branch(b) => Some([child(&b.then)?, child(&b.otherwise)?]),
                _ => None,
            })
        };
        if let Some(step) = program.once.iter().find(|s| Plan::is_control(s)) {
            return Err(DeviceError::Argument(format!(
                "`{}` is a loop or branch among the steps that run at preparation: it must be part of each run",
                step.label
            )));
        }
        let children = program.steps.iter().map(children).collect::<Result<Vec<_>, DeviceError>>()?;
        for (step, children) in program.steps.iter().zip(&children) {
            crate::control::validate(&program, step, children.as_ref())?;
        }
        let mut written = vec![false; program.variables.len()];
        for &id in program.steps.iter().flat_map(|s| &s.writes) {
            if let Role::Variable(n) = program.values[program.storage(id)].role {
                written[n] = true;
            }
        }
        let mut executable = CpuExecutable {
            program,
            shared: shared.clone(),
            kept,
            children,
            written,
            plans: Mutex::default(),
            counters: Counters::default(),
        };
        executable.run_once()?;
        // What needs no sizes is planned now, so that a step that cannot run is found before the first run.
        match executable.planned(&Bindings::new()) {
            Ok(_) | Err(DeviceError::Dim(DimError::Unbound(_))) => Ok(executable),
            Err(error) => Err(error),
        }
    }

    /// Runs the `once` steps into memory that is kept.
    fn run_once(&mut self) -> Result<(), DeviceError> {
        if self.program.once.is_empty() {
            return Ok(());
        }
        let plan = Plan::once(&self.program)?;
        for (id, value) in self.program.values.iter() {
            if value.role == Role::Once && value.alias.is_none() {
                let bytes = plan.elements[id.index()].saturating_mul(value.dtype.size());
                let block = self.shared.memory.allocate(bytes, false)?;
                self.kept[id.index()] = Some(Kept::Owned(Arc::new(block), bytes));
            }
        }
        let this = &*self;
        let table = Table::new(
            this.kept.iter().map(|k| k.as_ref().map_or(std::ptr::null_mut(), Kept::ptr)).collect(),
        );
        this.shared.pool.install(|| {
            let table = &table;
            let context = Context { workers: this.shared.workers(), times: None, move_to_pool: false };
            for s in 0..plan.steps.len() {
                // SAFETY: all values of `once` steps are kept, and nobody else has them yet.
                unsafe { this.launch(&plan, s, &this.program.once[s], table, context)? };
            }
            Ok::<(), DeviceError>(())
        })?;
        // What only other `once` steps read is not needed any more.
        let later = self.program.steps.iter().flat_map(|s| s.reads.iter().copied());
        let later = later
            .chain(self.program.outputs.iter().copied())
            .chain(self.program.updates.iter().map(|u| u.value));
        let mut needed = vec![false; self.program.values.len()];
        later.for_each(|id| needed[self.program.storage(id).index()] = true);
        for (id, value) in self.program.values.iter() {
            if value.role == Role::Once && !needed[id.index()] {
                self.kept[id.index()] = None;
            }
        }
        Ok(())
    }

    /// The plan for `bindings`, made on first use.
    pub(crate) fn planned(&self, bindings: &Bindings) -> Result<Arc<Plan>, DeviceError> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(position) = plans.iter().position(|(b, _)| b == bindings) {
            let found = plans.remove(position);
            let plan = found.1.clone();
            plans.push(found);
            return Ok(plan);
        }
        drop(plans);
        let plan = Arc::new(Plan::new(&self.program, bindings)?);
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if plans.len() >= PLANS {
            plans.remove(0);
        }
        plans.push((bindings.clone(), plan.clone()));
        Ok(plan)
    }

    /// One run on the calling thread and the pool; with `times`, every launch is timed.
    fn run_now(&self, arguments: Arguments, times: Option<&Times>) -> Result<Results, DeviceError> {
        let plan = self.planned(&arguments.bindings)?;
        let workers = if plan.parallel { self.shared.workers() } else { Workers::new(1) };
        self.execute(&plan, arguments, Context { workers, times, move_to_pool: plan.parallel })
    }

    /// One run on the current thread, or on the pool where the context says so.
    pub(crate) fn execute(
        &self,
        plan: &Plan,
        arguments: Arguments,
        context: Context<'_>,
    ) -> Result<Results, DeviceError> {
        let Arguments { bindings, inputs, mut variables } = arguments;
        self.check(plan, "input", &self.program.inputs, &inputs)?;
        self.check(plan, "variable", &self.program.variables, &variables)?;
        self.own_written(&mut variables)?;

        // Locked on the caller's thread, in the order of addresses, each once: two runs and a writer never wait for each other, and no thread
        // of the pool waits for a lock that the run it has taken over holds.
        let unchanged = variables.iter().zip(&self.written).filter(|(_, written)| !**written).map(|(v, _)| v);
        let mut read: Vec<&CpuStorage> =
            inputs.iter().chain(unchanged).map(CpuStorage::of).collect::<Result<_, _>>()?;
        read.sort_by_key(|s| std::ptr::from_ref(*s) as usize);
        read.dedup_by_key(|s| std::ptr::from_ref(*s) as usize);
        let guards: Vec<RwLockReadGuard<'_, ()>> = read.iter().map(|s| s.reading()).collect();
        let context_here = Context { move_to_pool: false, ..context };
        let steps = || self.run_steps(plan, &bindings, &inputs, &variables, context_here);
        let fresh = if context.move_to_pool { self.shared.pool.install(steps) } else { steps() };
        let fresh = fresh.map_err(|error| error.naming(LiveTensor::of_run(&self.program, &plan.elements)))?;
        drop(guards);
        self.counters.runs.fetch_add(1, Ordering::Relaxed);
        self.results(plan, inputs, variables, fresh)
    }

    /// All steps of a run whose arguments were checked and locked. Returns the buffers it made, by value.
    fn run_steps(
        &self,
        plan: &Plan,
        bindings: &Bindings,
        inputs: &[Buffer],
        variables: &[Buffer],
        context: Context<'_>,
    ) -> Result<Vec<Option<Buffer>>, DeviceError> {
        let arena = self.shared.memory.allocate(plan.arena_bytes, false)?;
        let mut fresh: Vec<Option<Buffer>> = vec![None; self.program.values.len()];
        let mut table = Table::new(vec![std::ptr::null_mut(); self.program.values.len()]);
        for (id, value) in self.program.values.iter() {
            table.pointers[id.index()] = match (plan.places[id.index()], value.role) {
                (Place::Nowhere, _) => continue,
                // SAFETY: placement keeps offsets within the arena's bytes.
                (Place::Arena(offset), _) => unsafe { arena.ptr().add(offset) },
                (Place::Fresh, _) => {
                    let elements = plan.elements[id.index()];
                    let buffer = CpuStorage::allocate(&self.shared.memory, value.dtype, elements)?;
                    let ptr = CpuStorage::of(&buffer)?.ptr();
                    fresh[id.index()] = Some(buffer);
                    ptr
                }
                (Place::Given, Role::Input(n)) => CpuStorage::of(&inputs[n])?.ptr(),
                (Place::Given, Role::Variable(n)) => CpuStorage::of(&variables[n])?.ptr(),
                (Place::Given, _) => match &self.kept[id.index()] {
                    Some(kept) => kept.ptr(),
                    None => continue, // a `once` value that no step reads
                },
            };
        }
        for (step, planned) in self.program.steps.iter().zip(&plan.steps) {
            let mut touched = planned.reads.iter().chain(&planned.writes);
            if let Some(id) = touched.find(|id| table.pointers[id.index()].is_null()) {
                return Err(DeviceError::Argument(format!(
                    "`{}` needs `{}`, which nothing computes: the program is malformed",
                    step.label, self.program.values[*id].name
                )));
            }
        }
        for s in 0..plan.steps.len() {
            // SAFETY: the table holds every value of the steps: given memory was checked to be large enough, is locked against writers or
            // owned by this run; fresh memory and the arena belong to this run.
            unsafe {
                if plan.steps[s].kernel.is_some() {
                    self.launch(plan, s, &self.program.steps[s], &table, context)?;
                } else {
                    self.control(plan, s, &table, bindings, context)?;
                }
            }
        }
        Ok(fresh)
    }

    /// Errors: `Argument` when the number, dtype or size of buffers is not the program's.
    fn check(&self, plan: &Plan, what: &str, ids: &[ValueId], given: &[Buffer]) -> Result<(), DeviceError> {
        if ids.len() != given.len() {
            return Err(DeviceError::Argument(format!(
                "`{}` takes {} {what}s, but {} were given",
                self.program.name,
                ids.len(),
                given.len()
            )));
        }
        for (&id, buffer) in ids.iter().zip(given) {
            let (value, elements) = (&self.program.values[id], plan.elements[id.index()]);
            if buffer.dtype() != value.dtype || buffer.elements() != elements {
                return Err(DeviceError::Argument(format!(
                    "the {what} `{}` of `{}` has {elements} elements of {} ({}), but a buffer of {} × {} was given",
                    value.name,
                    self.program.name,
                    value.dtype,
                    value.shape,
                    buffer.elements(),
                    buffer.dtype()
                )));
            }
            CpuStorage::of(buffer)?;
        }
        Ok(())
    }

    /// Copies variables that steps write to but somebody else can see.
    fn own_written(&self, variables: &mut [Buffer]) -> Result<(), DeviceError> {
        for (buffer, _) in variables.iter_mut().zip(&self.written).filter(|(_, written)| **written) {
            let storage = CpuStorage::of(buffer)?;
            if buffer.is_unique() && storage.is_writable() {
                // Pairs with the release of the last other handle: what was read through it has been read.
                std::sync::atomic::fence(Ordering::Acquire);
                continue;
            }
            let copy = CpuStorage::allocate(&self.shared.memory, buffer.dtype(), buffer.elements())?;
            let _reading = storage.reading();
            // SAFETY: the copy is new and as large; the lock keeps writers away from the original.
            unsafe {
                copy_bytes(storage.ptr(), CpuStorage::of(&copy)?.ptr(), buffer.bytes(), buffer.dtype())
            };
            drop(_reading);
            *buffer = copy;
        }
        Ok(())
    }

    /// Runs a kernel. Errors: `IndexOutOfRange`.
    ///
    /// Safety: `table` holds the storage of every value of the step, and the run may write to those it writes.
    unsafe fn launch(
        &self,
        plan: &Plan,
        s: usize,
        step: &Step,
        table: &Table,
        context: Context<'_>,
    ) -> Result<(), DeviceError> {
        let planned = &plan.steps[s];
        let Some(kernel) = &planned.kernel else { return Ok(()) };
        let operands = Operands {
            reads: planned.reads.iter().map(|id| table.pointers[id.index()].cast_const()).collect(),
            writes: planned.writes.iter().map(|id| table.pointers[id.index()]).collect(),
        };
        let run = Run { operands: &operands, workers: context.workers, fault: false.into() };
        let launch = || {
            // SAFETY: the caller's promise.
            unsafe { kernel.run(&run) }
        };
        match context.times {
            None => launch(),
            Some(times) => {
                let (start, nanoseconds) = times.measure(launch);
                times.push(StepTime {
                    label: step.label.clone(),
                    kernel: kernel.variant().into(),
                    location: self.program.location(step).cloned(),
                    start,
                    nanoseconds,
                    bytes: plan.touched_bytes(&self.program, step),
                    flops: kernel.flops(),
                });
            }
        }
        self.counters.dispatches.fetch_add(1, Ordering::Relaxed);
        if parallel::failed() {
            return Err(DeviceError::Kernel {
                device: "cpu:0".into(),
                op: step.label.clone(),
                reason: "a thread that computed it failed\n  hint: run it again, which is done without that thread".into(),
            });
        }
        if run.fault.into_inner() {
            return Err(DeviceError::IndexOutOfRange { op: step.label.clone() });
        }
        Ok(())
    }

    fn results(
        &self,
        plan: &Plan,
        inputs: Vec<Buffer>,
        mut variables: Vec<Buffer>,
        fresh: Vec<Option<Buffer>>,
    ) -> Result<Results, DeviceError> {
        let given = variables.clone();
        let mut copies: Vec<(ValueId, Buffer)> = Vec::new();
        let mut of = |id: ValueId| -> Result<Buffer, DeviceError> {
            let (root, value) = (self.program.storage(id), &self.program.values[id]);
            let elements = plan.elements[id.index()];
            let buffer = match self.program.values[root].role {
                Role::Input(n) => inputs[n].clone(),
                Role::Variable(n) => given[n].clone(),
                _ => match &fresh[root.index()] {
                    Some(buffer) => buffer.clone(),
                    None => match copies.iter().find(|c| c.0 == root) {
                        Some((_, copy)) => copy.clone(),
                        None => {
                            // A parameter or constant: its own memory must not be handed to somebody who may write to it.
                            let copy = self.copy_kept(root, value.dtype, elements)?;
                            copies.push((root, copy.clone()));
                            copy
                        }
                    },
                },
            };
            Ok(buffer.reinterpret(value.dtype, elements))
        };
        let outputs = self.program.outputs.iter().map(|&id| of(id)).collect::<Result<Vec<_>, _>>()?;
        for update in &self.program.updates {
            variables[update.variable] = of(update.value)?;
        }
        Ok(Results { outputs, variables })
    }

    fn copy_kept(
        &self,
        id: ValueId,
        dtype: hadal_graph::DType,
        elements: usize,
    ) -> Result<Buffer, DeviceError> {
        let buffer = CpuStorage::allocate(&self.shared.memory, dtype, elements)?;
        if let Some(kept) = &self.kept[id.index()] {
            // SAFETY: the buffer is new; what is kept does not change after preparation.
            unsafe {
                copy_bytes(
                    kept.ptr(),
                    CpuStorage::of(&buffer)?.ptr(),
                    kept.bytes().min(buffer.bytes()),
                    dtype,
                )
            };
        }
        Ok(buffer)
    }
}

/// How steps are to run.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    /// More than one only on a thread of the pool, or where the run moves there.
    pub(crate) workers: Workers,
    /// Where to note what launches take.
    pub(crate) times: Option<&'a Times>,
    /// Whether the run moves to the pool first.
    pub(crate) move_to_pool: bool,
}

/// What launches took, in order.
pub(crate) struct Times {
    began: u64,
    launches: Mutex<Vec<StepTime>>,
}

impl Times {
    fn new() -> Times {
        Times { began: clock::now(), launches: Mutex::default() }
    }

    /// When `launch` began and how long it took, in nanoseconds.
    fn measure(&self, launch: impl FnOnce()) -> (u64, u64) {
        let start = clock::now();
        launch();
        (start.saturating_sub(self.began), clock::now().saturating_sub(start))
    }

    fn push(&self, time: StepTime) {
        self.launches.lock().unwrap_or_else(PoisonError::into_inner).push(time);
    }

    fn into_inner(self) -> Vec<StepTime> {
        self.launches.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The memory of each value during a run, by value; only roots of alias chains are set.
pub(crate) struct Table {
    pub(crate) pointers: Vec<*mut u8>,
}

// SAFETY: addresses only; who follows them says why.
unsafe impl Send for Table {}
// SAFETY: as above.
unsafe impl Sync for Table {}

impl Table {
    fn new(pointers: Vec<*mut u8>) -> Table {
        Table { pointers }
    }
}

impl Executable for CpuExecutable {
    fn program(&self) -> &Arc<Program> {
        &self.program
    }

    fn run<'a>(&'a self, arguments: Arguments) -> DeviceFuture<'a, Results> {
        Box::pin(async move { self.run_now(arguments, None) })
    }

    fn clock(&self) -> Option<hadal_device::StepClock> {
        clock::has_clock().then_some(hadal_device::StepClock::Host)
    }

    fn profile<'a>(&'a self, arguments: Arguments) -> DeviceFuture<'a, (Results, Vec<StepTime>)> {
        Box::pin(async move {
            let times = Times::new();
            let results = self.run_now(arguments, Some(&times))?;
            Ok((results, times.into_inner()))
        })
    }

    fn stats(&self) -> ExecutableStats {
        let count = |c: &AtomicU64| c.load(Ordering::Relaxed);
        let mut stats = ExecutableStats {
            runs: count(&self.counters.runs),
            submits: 0,
            dispatches: count(&self.counters.dispatches),
            host_steps: count(&self.counters.host_steps),
        };
        for child in self.children.iter().flatten().flatten() {
            stats.dispatches += child.stats().dispatches;
            stats.host_steps += child.stats().host_steps;
        }
        stats
    }

    fn plan(&self, bindings: &Bindings) -> Result<PlanReport, DeviceError> {
        crate::report::report(self, &*self.planned(bindings)?, bindings)
    }
}

impl fmt::Debug for CpuExecutable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CpuExecutable({}, {} steps)", self.program.name, self.program.steps.len())
    }
}
