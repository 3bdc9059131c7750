//! Factors of sums that lie in memory line by line: the gradient of a convolution's result, as it was computed.

use crate::eval::map::{self, Map, merge};
use crate::eval::{Operands, Stepped};
use hadal_device::DeviceError;
use hadal_graph::DType;
use hadal_graph::program::Operand;

/// The right operand over `batch ++ [image, elements..] ++ outputs`, whose elements lie side by side along the last axis.
#[derive(Debug)]
pub(super) struct Lines {
    operand: usize,
    base: Map,
    batch: Vec<usize>,
    /// From one image to the next.
    image: usize,
    /// Where each line of an image starts.
    starts: Vec<usize>,
    /// From one output to the next.
    output: usize,
}

impl Lines {
    /// `None` where the operand has to be evaluated, or lies otherwise. Errors: `Dim`.
    pub(super) fn new(
        operand: &Operand,
        (batch, k, n): (&[usize], &[usize], &[usize]),
        step: &Stepped<'_>,
    ) -> Result<Option<Lines>, DeviceError> {
        let Some((position, affine)) = operand.program.as_plain_load(operand.value) else { return Ok(None) };
        if step.reads.get(position).is_none_or(|&(dtype, _)| dtype != DType::F32) || batch.len() > 16 {
            return Ok(None);
        }
        let map = Map::new(affine, batch.len() + k.len() + n.len(), step.bindings)?;
        let (own, rest) = map.coefficients.split_at(batch.len());
        let (summed, outputs) = rest.split_at(k.len());
        let (mut extents, mut along) = (n.to_vec(), Map { offset: 0, coefficients: outputs.into() });
        merge(&mut extents, &mut [&mut along]);
        let output = match along.coefficients.as_slice() {
            [] => 0,
            [one] => *one,
            _ => return Ok(None),
        };
        let ([image, axes @ .., last], [_, extents @ .., length]) = (summed, k) else { return Ok(None) };
        if (*last != 1 && *length != 1) || summed.iter().any(|&c| c < 0) || output < 0 {
            return Ok(None);
        }
        let mut starts = vec![0];
        for (&step, &extent) in axes.iter().zip(extents) {
            starts = starts.iter().flat_map(|s| (0..extent).map(move |i| s + i * step as usize)).collect();
        }
        Ok(Some(Lines {
            operand: position,
            base: Map { offset: map.offset, coefficients: own.into() },
            batch: batch.to_vec(),
            image: *image as usize,
            starts,
            output: output as usize,
        }))
    }

    /// Where a line of an image starts.
    pub(super) fn offset(&self, image: usize, line: usize) -> usize {
        image * self.image + self.starts[line]
    }

    /// What [`Lines::offset`] counts from, and how far one output is from the next.
    ///
    /// Safety: `operands` are those of the step; the batch exists.
    pub(super) unsafe fn of_batch(&self, operands: &Operands, batch: usize) -> (*const f32, usize) {
        let mut coordinates = [0i64; 16];
        let coordinates = &mut coordinates[..self.batch.len()];
        map::coordinates(batch, &self.batch, coordinates);
        let first = self.base.at(coordinates) as isize;
        // SAFETY: `Side` compiled the same load, which checked all its addresses.
        (unsafe { operands.reads[self.operand].cast::<f32>().offset(first) }, self.output)
    }
}
