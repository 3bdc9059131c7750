//! Small parts of a step that stand for the whole: its corners, where kernels go wrong first.

use super::hooks::{Hooks, Map};
use super::{Archetype, Axis, Limits, Program, SplitError, Splitter, Step, ValueId};
use crate::{Bindings, Dim};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// A part of a step and what it writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The part, over the same values as the step.
    pub step: Step,
    /// For each of [`Step::writes`], the linear indices of the elements that the part writes.
    pub written: Vec<BTreeSet<u64>>,
}

/// Up to three parts of `step`, each with at most `tile` coordinates along each axis that can be cut: the first coordinates of all axes, the last ones,
/// and some in between. Empty for control steps and for steps that write at run-time indices.
///
/// Errors: [`SplitError::Dim`] when `sizes` leaves a size open.
pub fn sample(
    program: &Program,
    step: &Step,
    sizes: &Bindings,
    tile: u64,
) -> Result<Vec<Sample>, SplitError> {
    let bits = |_: &Program, _: ValueId| 8;
    let limits = Limits { bytes: u64::MAX, alignment: 1, element_bits: &bits };
    let splitter = Splitter { program: Cow::Borrowed(program), sizes, limits: &limits };
    if step.kernel.archetype() == Archetype::Control {
        return Ok(Vec::new());
    }
    let mut samples: Vec<Sample> = Vec::new();
    for corner in 0..3u64 {
        let mut part = step.clone();
        for (number, axis) in (0u64..).zip(splitter.axes(step)?) {
            let Axis { extent, .. } = axis;
            let spare = extent.saturating_sub(tile);
            let start = match corner {
                0 => 0,
                1 => spare,
                // Different on every axis and off any power of two.
                _ => spare * (number % 5 + 2) / 7,
            };
            part = splitter.narrow(&part, axis, start..extent.min(start + tile))?;
        }
        let Some(written) = splitter.written(&part)? else { return Ok(Vec::new()) };
        let sample = Sample { step: part, written };
        if !samples.contains(&sample) {
            samples.push(sample);
        }
    }
    Ok(samples)
}

impl Splitter<'_> {
    /// The elements of each result that `step` writes; `None` where run-time indices decide.
    fn written(&self, step: &Step) -> Result<Option<Vec<BTreeSet<u64>>>, SplitError> {
        let mut written = vec![BTreeSet::new(); step.writes.len()];
        let mut kernel = step.kernel.clone();
        let Some(hooks) = Hooks::of(&mut kernel) else { return Ok(None) };
        for hook in &hooks.hooks {
            let extents = || hook.groups.iter().flat_map(|&g| &hooks.groups[g]);
            match &hook.map {
                Map::Store { indirect: true, .. } => return Ok(None),
                Map::Store { target, address, .. } => {
                    let mut positions = vec![self.signed(&address.offset)?];
                    for (coefficient, extent) in address.coefficients.iter().zip(extents()) {
                        let (stride, extent) = (self.signed(coefficient)?, i128::from(self.extent(extent)?));
                        positions =
                            positions.iter().flat_map(|p| (0..extent).map(move |x| p + x * stride)).collect();
                    }
                    let inside = positions.into_iter().filter_map(|p| u64::try_from(p).ok());
                    written.get_mut(*target).into_iter().for_each(|set| set.extend(inside.clone()));
                }
                Map::Dense { target } => {
                    let elements = self.extent(&extents().cloned().product::<Dim>())?;
                    written.get_mut(*target).into_iter().for_each(|set| set.extend(0..elements));
                }
                Map::Load { .. } | Map::Number(_) => {}
            }
        }
        Ok(Some(written))
    }
}
