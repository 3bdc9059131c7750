//! Plans as tables.

use crate::bind::Kept;
use crate::executable::CpuExecutable;
use crate::plan::Plan;
use hadal_device::{DeviceError, PlanReport, PlanStep};
use hadal_graph::Bindings;
use hadal_graph::program::Kernel;

/// The plan of an executable for one set of sizes. Errors: `Dim`.
pub(crate) fn report(
    executable: &CpuExecutable,
    plan: &Plan,
    bindings: &Bindings,
) -> Result<PlanReport, DeviceError> {
    let program = &executable.program;
    let mut report = PlanReport {
        steps: Vec::new(),
        arena_bytes: plan.arena_bytes as u64,
        peak_live_bytes: plan.peak_live_bytes,
        weight_bytes: executable.kept.iter().flatten().map(Kept::bytes).map(|b| b as u64).sum(),
    };
    for (step, planned) in program.steps.iter().zip(&plan.steps) {
        let bytes = plan.touched_bytes(program, step);
        let control = match &step.kernel {
            Kernel::Loop(_) => "control/loop",
            _ => "control/branch",
        };
        let kernel = planned.kernel.as_ref();
        report.steps.push(PlanStep {
            label: step.label.clone(),
            kernel: kernel.map_or(control, |k| k.variant()).into(),
            shape: match step.writes.first() {
                Some(&id) => program.values[id].shape.eval(bindings)?,
                None => Vec::new(),
            },
            bytes,
            flops: kernel.map_or(0, |k| k.flops()),
            scratch_bytes: kernel.map_or(0, |k| k.scratch_bytes()),
            host: kernel.is_none(),
        });
    }
    Ok(report)
}
