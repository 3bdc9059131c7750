//! Elementwise steps: the domain in pieces, each piece in blocks.

use super::{Prepared, Run, compile_body};
use crate::eval::{Compiled, Frame, Stepped};
use hadal_device::DeviceError;
use hadal_graph::program::Pointwise;
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) struct PointwisePlan {
    body: Compiled,
}

/// Errors: as [`Compiled::new`].
pub(super) fn prepare(kernel: &Pointwise, step: &Stepped<'_>) -> Result<PointwisePlan, DeviceError> {
    let domain = crate::eval::map::extents(&kernel.domain, step.bindings)?;
    let body = compile_body(&kernel.body, &domain, None, &[], 0, step)?;
    // Every row costs as much as dozens of elements, so rows are made of a longer axis where the innermost is short: each element is
    // computed alone, and in any order.
    if body.inner() < SHORT
        && let Some(long) = domain.iter().rposition(|&extent| extent >= SHORT)
    {
        let order: Vec<usize> = (0..domain.len()).filter(|&axis| axis != long).chain([long]).collect();
        let turned = compile_body(&kernel.body, &domain, Some(&order), &[], 0, step)?;
        if turned.inner() > body.inner() {
            return Ok(PointwisePlan { body: turned });
        }
    }
    Ok(PointwisePlan { body })
}

/// Rows of fewer elements are short.
const SHORT: usize = 8;

impl Prepared for PointwisePlan {
    fn variant(&self) -> &'static str {
        "pointwise/blocks"
    }

    fn flops(&self) -> u64 {
        (self.body.total() as u64).saturating_mul(self.body.arithmetic() as u64)
    }

    fn scratch_bytes(&self) -> u64 {
        self.body.scratch() as u64
    }

    unsafe fn run(&self, run: &Run<'_>) {
        let (total, block, inner) = (self.body.total(), self.body.block(), self.body.inner());
        let by_rows = self.body.is_by_rows();
        let row_blocks = inner.div_ceil(block).max(1);
        let blocks = if by_rows { total / inner.max(1) * row_blocks } else { total.div_ceil(block) };
        let per_task = (32 << 10) / (block * self.body.cost()).max(1);
        let per_task = per_task.clamp(1, 64);
        let fault = AtomicBool::new(false);
        let workers = run.workers.for_cost(total.saturating_mul(self.body.cost()));
        workers.run(
            blocks.div_ceil(per_task),
            || Frame::new(&self.body),
            |frame, task| {
                for b in task * per_task..((task + 1) * per_task).min(blocks) {
                    let (start, length) = if by_rows {
                        let (row, part) = (b / row_blocks, b % row_blocks);
                        // Parts of equal length, rounded to a multiple of 16.
                        let size = inner.div_ceil(row_blocks).next_multiple_of(16).min(block);
                        let at = (part * size).min(inner);
                        (row * inner + at, size.min(inner - at))
                    } else {
                        (b * block, block.min(total - b * block))
                    };
                    // SAFETY: the run's promise; blocks are disjoint and so are their stores.
                    unsafe { self.body.eval(frame, run.operands, start, length, &[]) };
                }
                if frame.fault() {
                    fault.store(true, Ordering::Relaxed);
                }
            },
        );
        run.report(fault.into_inner());
    }
}
