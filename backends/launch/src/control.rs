//! Loops and branches: the device computes the verdict, the host reads it and decides.
//!
//! A loop costs one submission for each iteration: the body and the next condition go together, as do the steps before the loop
//! and the first condition.

use crate::frame::{self, Frame};
use crate::gpu::{Gpu, Recorder};
use crate::plan::Part;
use crate::prepared::{Children, Prepared};
use hadal_device::{Arguments, Buffer, DeviceError, DeviceFuture, Results};
use hadal_graph::program::Step;

/// Runs the control step `index` of `frame`.
pub(crate) async fn run<G: Gpu>(
    frame: &mut Frame<'_, G>,
    part: Part,
    index: usize,
    recorder: &mut G::Recorder,
) -> Result<(), DeviceError> {
    let prepared = frame.prepared;
    let step = &part.steps(&prepared.program)[index];
    let Some(children) = prepared.children(part, index) else {
        return Err(DeviceError::Argument(format!("the control step `{}` was not prepared", step.label)));
    };
    let mut reads = Vec::with_capacity(step.reads.len());
    for &id in &step.reads {
        reads.push(frame.lend(id, index)?);
    }
    let written = match children {
        Children::Loop { condition, body } => run_loop(frame, condition, body, reads, recorder).await?,
        Children::Branch { then, otherwise } => {
            let operands = reads.split_off(reads.len().min(1));
            let Some(predicate) = reads.first() else {
                return Err(DeviceError::Argument(format!("the branch `{}` has no predicate", step.label)));
            };
            let taken = if read_flag(frame, predicate, recorder).await? { then } else { otherwise };
            let arguments =
                Arguments { bindings: frame.bindings.clone(), inputs: operands, variables: Vec::new() };
            run_child(taken, arguments, recorder).await?.outputs
        }
    };
    store(frame, step, written)
}

async fn run_loop<G: Gpu>(
    frame: &Frame<'_, G>,
    condition: &Prepared<G>,
    body: &Prepared<G>,
    mut state: Vec<Buffer>,
    recorder: &mut G::Recorder,
) -> Result<Vec<Buffer>, DeviceError> {
    loop {
        let bindings = frame.bindings.clone();
        let arguments =
            Arguments { bindings: bindings.clone(), inputs: state.clone(), variables: Vec::new() };
        let verdict = run_child(condition, arguments, recorder).await?.outputs;
        let Some(verdict) = verdict.first() else {
            return Err(DeviceError::Argument(format!(
                "the loop condition `{}` has no output",
                condition.program.name
            )));
        };
        if !read_flag(frame, verdict, recorder).await? {
            return Ok(state);
        }
        let arguments = Arguments { bindings, inputs: Vec::new(), variables: state };
        state = run_child(body, arguments, recorder).await?.variables;
    }
}

/// Boxed, since programs nest.
fn run_child<'a, G: Gpu>(
    prepared: &'a Prepared<G>,
    arguments: Arguments,
    recorder: &'a mut G::Recorder,
) -> DeviceFuture<'a, Results> {
    Box::pin(frame::run(prepared, arguments, recorder))
}

/// Submits what was recorded and reads one boolean.
async fn read_flag<G: Gpu>(
    frame: &Frame<'_, G>,
    flag: &Buffer,
    recorder: &mut G::Recorder,
) -> Result<bool, DeviceError> {
    let memory = frame.prepared.context.memory(flag)?;
    recorder.read_flag(&memory.allocation).await
}

fn store<G: Gpu>(frame: &mut Frame<'_, G>, step: &Step, written: Vec<Buffer>) -> Result<(), DeviceError> {
    if written.len() != step.writes.len() {
        return Err(DeviceError::Argument(format!(
            "`{}` writes {} values, but its programs give {}",
            step.label,
            step.writes.len(),
            written.len()
        )));
    }
    for (&id, buffer) in step.writes.iter().zip(written) {
        frame.set(id, buffer);
    }
    Ok(())
}
