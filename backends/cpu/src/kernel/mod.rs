//! The kernels: one file per archetype.
//!
//! [`prepare`] compiles a step for one set of sizes into a [`Prepared`], which any number of runs share. Loops and branches are not kernels
//! (see `control`).

mod attention;
mod contract;
mod custom;
mod pointwise;
mod reduce;
mod scan;
mod scatter;
mod sort;

#[cfg(target_arch = "wasm32")]
pub use contract::product::{Product, ProductKernel, set_product_kernel};

use crate::eval::{Compiled, Operands, Source, Stepped};
use crate::parallel::Workers;
use hadal_device::DeviceError;
use hadal_graph::DType;
use hadal_graph::program::{Body, Kernel, Operand};
use std::sync::atomic::{AtomicBool, Ordering};

/// What a kernel is given to run.
pub(crate) struct Run<'a> {
    pub(crate) operands: &'a Operands,
    pub(crate) workers: Workers,
    /// Set when an index was out of range.
    pub(crate) fault: AtomicBool,
}

impl Run<'_> {
    fn report(&self, fault: bool) {
        if fault {
            self.fault.store(true, Ordering::Relaxed);
        }
    }
}

/// A step that is ready for one set of sizes.
pub(crate) trait Prepared: Send + Sync {
    /// Archetype and variant, for people.
    fn variant(&self) -> &'static str;
    /// Arithmetic operations of one run.
    fn flops(&self) -> u64;
    /// Scratch of one worker, in bytes.
    fn scratch_bytes(&self) -> u64;
    /// Computes the step.
    ///
    /// Safety: `run.operands` are those of the step that was prepared, and keep the promise of [`Operands`].
    unsafe fn run(&self, run: &Run<'_>);
}

/// Compiles a step that is not a control step. Errors: as [`Compiled::new`]; `Unsupported`.
pub(crate) fn prepare(kernel: &Kernel, step: &Stepped<'_>) -> Result<Option<Box<dyn Prepared>>, DeviceError> {
    Ok(Some(match kernel {
        Kernel::Pointwise(k) => Box::new(pointwise::prepare(k, step)?),
        Kernel::Reduce(k) => Box::new(reduce::prepare(k, step)?),
        Kernel::Contract(k) => contract::prepare(k, step)?,
        Kernel::Custom(k) => Box::new(custom::prepare(k, step)?),
        Kernel::Loop(_) | Kernel::Branch(_) => return Ok(None),
        Kernel::Attention(k) => attention::prepare(k, step)?,
        Kernel::Scatter(k) => Box::new(scatter::prepare(k, step)?),
        Kernel::Scan(k) => Box::new(scan::prepare(k, step)?),
        Kernel::Sort(k) => Box::new(sort::prepare(k, step)?),
    }))
}

fn compile_body(
    body: &Body,
    domain: &[usize],
    order: Option<&[usize]>,
    accumulators: &[DType],
    numbers: usize,
    step: &Stepped<'_>,
) -> Result<Compiled, DeviceError> {
    let stores = &body.stores;
    Compiled::new(
        &Source { program: &body.program, values: &[], stores, domain, order, accumulators, numbers },
        step,
    )
}

fn compile_operand(
    operand: &Operand,
    domain: &[usize],
    order: Option<&[usize]>,
    accumulators: &[DType],
    numbers: usize,
    step: &Stepped<'_>,
) -> Result<Compiled, DeviceError> {
    let (program, values) = (&operand.program, &[operand.value]);
    Compiled::new(&Source { program, values, stores: &[], domain, order, accumulators, numbers }, step)
}
