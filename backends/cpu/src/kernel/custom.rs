//! Kernels that a program wrote itself: its host function, element by element in parallel.

use super::{Prepared, Run};
use crate::eval::{Stepped, map};
use hadal_device::DeviceError;
use hadal_graph::DType;
use hadal_graph::op::{CustomOperand, HostElement};
use hadal_graph::program::Custom;

/// Elements of one piece of work.
const PIECE: usize = 1024;

pub(super) struct CustomPlan {
    host: HostElement,
    /// For each operand: its position among the reads, its dtype and its extents.
    operands: Vec<(usize, DType, Vec<usize>)>,
    dtype: DType,
    total: usize,
}

/// Errors: `Unsupported` for an op without a host function; `Argument` for operands that are not what the step reads.
pub(super) fn prepare(kernel: &Custom, step: &Stepped<'_>) -> Result<CustomPlan, DeviceError> {
    let op = &kernel.op;
    let Some(host) = op.host.clone() else {
        return Err(DeviceError::Argument(format!(
            "the custom op `{}` has a WGSL kernel, but no host function, which the cpu needs\n  hint: give it one with `on_host`, or run it on wgpu",
            op.name
        )));
    };
    let malformed = || DeviceError::Argument(format!("`{}`: the program is malformed", step.label));
    let mut operands = Vec::with_capacity(kernel.operands.len());
    for (read, shape) in &kernel.operands {
        let extents = map::extents(shape, step.bindings)?;
        let &(dtype, elements) = step.reads.get(*read).ok_or_else(malformed)?;
        if map::product(&extents)? != elements || !matches!(dtype, DType::F32 | DType::I32 | DType::U32) {
            return Err(malformed());
        }
        operands.push((*read, dtype, extents));
    }
    let total = map::product(&map::extents(&op.ty.shape, step.bindings)?)?;
    if step.writes.first() != Some(&(op.ty.dtype, total)) || step.aliased.contains(&true) {
        return Err(malformed());
    }
    Ok(CustomPlan { host, operands, dtype: op.ty.dtype, total })
}

/// Elements of a buffer as `f64`. Safety: the pointer holds `count` elements of `dtype`.
unsafe fn widen(read: *const u8, dtype: DType, count: usize) -> Vec<f64> {
    // SAFETY: the caller's promise, in each arm.
    unsafe {
        match dtype {
            DType::I32 => {
                std::slice::from_raw_parts(read.cast::<i32>(), count).iter().map(|&v| v.into()).collect()
            }
            DType::U32 => {
                std::slice::from_raw_parts(read.cast::<u32>(), count).iter().map(|&v| v.into()).collect()
            }
            _ => std::slice::from_raw_parts(read.cast::<f32>(), count).iter().map(|&v| v.into()).collect(),
        }
    }
}

impl Prepared for CustomPlan {
    fn variant(&self) -> &'static str {
        "custom/host"
    }

    fn flops(&self) -> u64 {
        self.total as u64
    }

    fn scratch_bytes(&self) -> u64 {
        self.operands.iter().map(|(_, _, extents)| 8 * extents.iter().product::<usize>() as u64).sum()
    }

    unsafe fn run(&self, run: &Run<'_>) {
        let wide: Vec<Vec<f64>> = self
            .operands
            .iter()
            // SAFETY: `prepare` compared dtype and number of elements with the step's.
            .map(|(read, dtype, extents)| unsafe {
                widen(run.operands.reads[*read], *dtype, extents.iter().product())
            })
            .collect();
        let operands: Vec<CustomOperand<'_>> = wide
            .iter()
            .zip(&self.operands)
            .map(|(values, (_, _, shape))| CustomOperand { values, shape })
            .collect();
        let workers = run.workers.for_cost(self.total.saturating_mul(16));
        workers.run(
            self.total.div_ceil(PIECE),
            || (),
            |(), piece| {
                for i in piece * PIECE..((piece + 1) * PIECE).min(self.total) {
                    let value = self.host.call(&operands, i);
                    let write = run.operands.writes[0];
                    // SAFETY: the write holds `total` elements of `dtype`, and pieces are disjoint.
                    unsafe {
                        match self.dtype {
                            DType::I32 => write.cast::<i32>().add(i).write(value as i32),
                            DType::U32 => write.cast::<u32>().add(i).write(value as u32),
                            _ => write.cast::<f32>().add(i).write(value as f32),
                        }
                    }
                }
            },
        );
    }
}
