//! Loops and branches: the host runs one program or another on the values of the enclosing run.
//!
//! The state of a loop starts as views of the values that the step reads. A part that the body updates in place and whose result takes
//! over the storage it came from is updated right there; any other part is copied on its first write. Results are copied to where
//! they belong unless they are there already.

use crate::executable::{Context, CpuExecutable, Table};
use crate::plan::Plan;
use crate::storage::{CpuStorage, copy_bytes};
use hadal_device::{Arguments, Buffer, DeviceError};
use hadal_graph::program::{Kernel, Program, Step, ValueId};
use hadal_graph::{Bindings, DType};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Errors: `Argument` when the programs of a control step do not fit its reads and writes.
pub(crate) fn validate(
    program: &Program,
    step: &Step,
    children: Option<&[Arc<CpuExecutable>; 2]>,
) -> Result<(), DeviceError> {
    let Some([first, second]) = children else { return Ok(()) };
    let wrong = |what: &str| DeviceError::Argument(format!("`{}` is malformed: {what}", step.label));
    let types =
        |p: &Program, ids: &[ValueId]| -> Vec<DType> { ids.iter().map(|&id| p.values[id].dtype).collect() };
    let (reads, writes) = (types(program, &step.reads), types(program, &step.writes));
    let inputs = |e: &CpuExecutable| types(&e.program, &e.program.inputs);
    let outputs = |e: &CpuExecutable| types(&e.program, &e.program.outputs);
    let variables = |e: &CpuExecutable| types(&e.program, &e.program.variables);
    match &step.kernel {
        Kernel::Loop(_) => {
            if inputs(first) != reads
                || outputs(first) != [DType::Bool]
                || !first.program.variables.is_empty()
            {
                return Err(wrong("the condition takes the state and gives one boolean"));
            }
            if variables(second) != reads
                || !inputs(second).is_empty()
                || !outputs(second).is_empty()
                || writes != reads
            {
                return Err(wrong("the body's variables are the state, and so are the step's writes"));
            }
        }
        _ => {
            for branch in [first, second] {
                if reads.first() != Some(&DType::Bool)
                    || inputs(branch) != reads[1..]
                    || outputs(branch) != writes
                {
                    return Err(wrong(
                        "a branch takes what follows the predicate and gives what the step writes",
                    ));
                }
                if !branch.program.variables.is_empty() {
                    return Err(wrong("a branch has no variables"));
                }
            }
        }
    }
    Ok(())
}

impl CpuExecutable {
    /// Runs a loop or a branch. Errors: those of the programs in it.
    ///
    /// Safety: `table` holds the storage of every value of the step, and the run may write to those it writes.
    pub(crate) unsafe fn control(
        &self,
        plan: &Plan,
        s: usize,
        table: &Table,
        bindings: &Bindings,
        context: Context<'_>,
    ) -> Result<(), DeviceError> {
        let (step, planned) = (&self.program.steps[s], &plan.steps[s]);
        let Some(Some([first, second])) = self.children.get(s) else { return Ok(()) };
        self.counters.host_steps.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the table's memory holds that many elements and lives until the step ends, when all views are gone; a read is writable
        // only where a write of this step takes over its storage, and the schedule promises that nobody else reads it any more.
        let mut state: Vec<Buffer> = (0..step.reads.len())
            .map(|r| unsafe {
                let (id, root) = (step.reads[r], planned.reads[r]);
                let writable = planned.writes.get(r) == Some(&root);
                let elements = plan.elements[id.index()];
                CpuStorage::view(
                    table.pointers[root.index()],
                    self.program.values[id].dtype,
                    elements,
                    writable,
                )
            })
            .collect();
        let results = if let Kernel::Loop(_) = &step.kernel {
            let (condition, body) = (first.planned(bindings)?, second.planned(bindings)?);
            loop {
                let arguments =
                    Arguments { bindings: bindings.clone(), inputs: state.clone(), variables: Vec::new() };
                let answer = first.execute(&condition, arguments, context)?.outputs;
                if !truth(&answer)? {
                    break state;
                }
                let arguments =
                    Arguments { bindings: bindings.clone(), inputs: Vec::new(), variables: state };
                state = second.execute(&body, arguments, context)?.variables;
            }
        } else {
            let taken = if truth(&state[..1])? { first } else { second };
            let inputs = state.split_off(1);
            let chosen = taken.planned(bindings)?;
            taken
                .execute(
                    &chosen,
                    Arguments { bindings: bindings.clone(), inputs, variables: Vec::new() },
                    context,
                )?
                .outputs
        };
        // Results may be views of other values that are about to be overwritten (a loop that swaps its state): move those aside first.
        let targets: Vec<*mut u8> = planned.writes.iter().map(|id| table.pointers[id.index()]).collect();
        let mut sources = Vec::with_capacity(results.len());
        for (w, result) in results.into_iter().enumerate() {
            let expected = plan.elements[step.writes[w].index()];
            if result.elements() != expected {
                return Err(DeviceError::Argument(format!(
                    "result {w} of `{}` has {} elements, but {expected} are expected",
                    step.label,
                    result.elements()
                )));
            }
            let ptr = CpuStorage::of(&result)?.ptr();
            if targets.iter().enumerate().any(|(t, &target)| t != w && target == ptr) {
                let copy = CpuStorage::allocate(&self.shared.memory, result.dtype(), result.elements())?;
                // SAFETY: the copy is new and as large as the result.
                unsafe { copy_bytes(ptr, CpuStorage::of(&copy)?.ptr(), result.bytes(), result.dtype()) };
                sources.push(copy);
            } else {
                sources.push(result);
            }
        }
        for (result, &target) in sources.iter().zip(&targets) {
            let ptr = CpuStorage::of(result)?.ptr();
            if ptr != target {
                // SAFETY: the target is a write of this step with as many elements, and apart from the source.
                unsafe { copy_bytes(ptr, target, result.bytes(), result.dtype()) };
            }
        }
        Ok(())
    }
}

/// The value of a boolean scalar.
fn truth(buffers: &[Buffer]) -> Result<bool, DeviceError> {
    let Some(buffer) = buffers.first().filter(|b| b.elements() == 1 && b.dtype() == DType::Bool) else {
        return Err(DeviceError::Argument("a condition must be one boolean".into()));
    };
    let storage = CpuStorage::of(buffer)?;
    let _reading = storage.reading();
    // SAFETY: the buffer holds one byte, and nobody writes to it.
    Ok(unsafe { *storage.ptr() } != 0)
}
