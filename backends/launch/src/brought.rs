//! Kernels that a program brought in the device's own language: what their op's host function says they should compute.
//!
//! Nothing but its host function knows what a custom op means, so that is the reference. It is asked for some elements of the result, all of a small one.

use crate::tune::leaf_name;
use hadal_device::DeviceError;
use hadal_graph::op::CustomOperand;
use hadal_graph::program::split::Sample;
use hadal_graph::program::{Custom, Step};
use hadal_graph::{Bindings, DType, HostTensor};
use std::collections::{BTreeMap, BTreeSet};

/// Elements at either end of a result that are compared, and half as many as there are in between.
const COMPARED: usize = 1024;

/// The elements that are compared, and the result with these in place; `None` without a host function, and for an empty result.
pub(crate) fn expected(
    step: &Step,
    kernel: &Custom,
    bindings: &Bindings,
    leaves: &BTreeMap<String, HostTensor>,
) -> Result<Option<(Sample, Vec<HostTensor>)>, DeviceError> {
    let shape = kernel.op.ty.shape.eval(bindings)?;
    let total: usize = shape.iter().product();
    let (Some(host), true) = (&kernel.op.host, total > 0) else { return Ok(None) };
    let mut operands = Vec::with_capacity(kernel.operands.len());
    for (read, shape) in &kernel.operands {
        let values = leaves.get(&leaf_name(*read)).map(HostTensor::to_f64).unwrap_or_default();
        operands.push((values, shape.eval(bindings)?));
    }
    let seen: Vec<CustomOperand<'_>> =
        operands.iter().map(|(values, shape)| CustomOperand { values, shape }).collect();
    let compared = compared(total);
    let values = compared.iter().map(|&i| (i, host.call(&seen, i)));
    let tensor = match kernel.op.ty.dtype {
        DType::I32 => HostTensor::new(shape, &spread(total, values.map(|(i, v)| (i, v as i32)))),
        DType::U32 => HostTensor::new(shape, &spread(total, values.map(|(i, v)| (i, v as u32)))),
        _ => HostTensor::new(shape, &spread(total, values.map(|(i, v)| (i, v as f32)))),
    };
    let tensor = tensor.map_err(|error| DeviceError::Argument(error.to_string()))?;
    let written = vec![compared.iter().map(|&i| i as u64).collect()];
    Ok(Some((Sample { step: step.clone(), written }, vec![tensor])))
}

/// Why nothing was expected of a kernel; `None` where there is nothing to compute.
pub(crate) fn unjudged(kernel: &Custom, bindings: &Bindings) -> Option<String> {
    if kernel.op.host.is_none() {
        return Some(
            "there is nothing to compare it with\n  hint: give the op a host function, with `on_host`".into(),
        );
    }
    let empty = kernel.op.ty.shape.eval(bindings).is_ok_and(|shape| shape.contains(&0));
    (!empty).then(|| "its operands are too large to be compared".into())
}

/// The first elements, the last ones, and some in between.
fn compared(total: usize) -> BTreeSet<usize> {
    let ends = (0..COMPARED.min(total)).chain(total.saturating_sub(COMPARED)..total);
    // An odd step meets every column of a matrix whose width is a power of two.
    let step = (total / (COMPARED / 2)).max(1) | 1;
    ends.chain((0..total).step_by(step)).collect()
}

fn spread<T: Copy + Default>(total: usize, values: impl Iterator<Item = (usize, T)>) -> Vec<T> {
    let mut all = vec![T::default(); total];
    values.for_each(|(i, value)| all[i] = value);
    all
}

#[cfg(test)]
mod tests {
    use super::compared;

    #[test]
    fn both_ends_and_what_is_between_are_compared() {
        assert_eq!(compared(3).len(), 3);
        let many = compared(1 << 20);
        assert!(many.contains(&0) && many.contains(&((1 << 20) - 1)) && many.contains(&1023));
        assert!((2048..4096).contains(&many.len()), "{}", many.len());
        let columns: std::collections::BTreeSet<usize> = many.iter().map(|i| i % 64).collect();
        assert_eq!(columns.len(), 64);
        assert!(many.range(1 << 19..(1 << 19) + 8192).count() >= 3);
    }
}
