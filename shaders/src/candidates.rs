//! From a step to the kernels that can run it.

use crate::{
    Candidate, Capabilities, ShaderError, attention, contract, custom, pointwise, reduce, scan, scatter, sort,
};
use hadal_graph::Bindings;
use hadal_graph::program::{Kernel, Program, Step};

/// Every way to run `step` on a device with `capabilities`, best first. The text of a candidate never depends on `sizes`; only which candidates
/// there are, and their order, may.
///
/// Errors: [`ShaderError::DType`] for `F64`, [`ShaderError::Bindings`] when the step binds more values than the device allows,
/// [`ShaderError::Control`] for loops and branches, [`ShaderError::Dim`] when `sizes` leaves a size open.
pub fn candidates(
    program: &Program,
    step: &Step,
    sizes: &Bindings,
    capabilities: &Capabilities,
) -> Result<Vec<Candidate>, ShaderError> {
    match &step.kernel {
        Kernel::Pointwise(kernel) => pointwise::candidates(program, step, kernel, capabilities),
        Kernel::Reduce(kernel) => reduce::candidates(program, step, kernel, sizes, capabilities),
        Kernel::Contract(kernel) => contract::candidates(program, step, kernel, sizes, capabilities),
        Kernel::Attention(kernel) => attention::candidates(program, step, kernel, sizes, capabilities),
        Kernel::Scatter(kernel) => scatter::candidates(program, step, kernel, sizes, capabilities),
        Kernel::Scan(kernel) => scan::candidates(program, step, kernel, capabilities),
        Kernel::Sort(kernel) => sort::candidates(program, step, kernel, capabilities),
        Kernel::Custom(kernel) => custom::candidates(program, step, kernel, capabilities),
        Kernel::Loop(_) | Kernel::Branch(_) => Err(ShaderError::Control { op: step.label.clone() }),
    }
}
