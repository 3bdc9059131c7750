//! Steps in pieces, for devices that cannot bind a large value at once.
//!
//! A kernel sees at most so many bytes of a value. A step whose values are larger is cut along axes whose coordinates do not depend on each other
//! (the domain of elementwise work, rows of a reduction, batch, `m` and `n` of a contraction) into pieces that together do the same
//! work. Each piece sees a [`Window`] of the large values: a range of elements. Its index maps are shifted so that element 0 is the first of the
//! window. Sizes must be known, so a backend does this when it plans for the sizes of one run.

mod hooks;
mod rows;
mod sample;

use super::{Archetype, Indirect, Instr, Kernel, Program, Step, Store, Value, ValueId};
use crate::{Bindings, DType, Dim, DimError, Scalar};
use hooks::{Hooks, Map, group_mut};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

pub use sample::{Sample, sample};

/// The part of a value that a piece may touch, in elements.
pub type Window = Range<u64>;

/// A part of the work of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The work. Its extents are constants.
    pub step: Step,
    /// Parts of values, by the root of their [storage](Program::storage). Values that are not named are seen whole.
    pub windows: BTreeMap<ValueId, Window>,
}

/// The pieces of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pieces {
    /// To be run in order.
    pub pieces: Vec<Piece>,
    /// Values that only these pieces know, which live as long as the step. Their ids follow those of the program.
    pub values: Vec<Value>,
}

/// What a device can bind.
pub struct Limits<'a> {
    /// Most bytes of one binding.
    pub bytes: u64,
    /// A window starts at a multiple of so many bytes.
    pub alignment: u64,
    /// Bits of an element of a value in the device's memory. The program is the one given, with values added.
    pub element_bits: &'a dyn Fn(&Program, ValueId) -> u64,
}

/// Why a step cannot be cut into pieces that are small enough.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// A value is needed whole, or a single row of it is too large.
    #[error(
        "`{op}` needs {bytes} bytes of `{value}` at once, and the device can bind {limit}\n  hint: use the cpu backend, or smaller tensors"
    )]
    TooLarge {
        /// The step's label.
        op: String,
        /// The value's name.
        value: String,
        /// The least that a piece would need.
        bytes: u64,
        /// What can be bound.
        limit: u64,
    },
    /// A size is unknown or does not fit.
    #[error(transparent)]
    Dim(#[from] DimError),
}

/// Cuts `step` into pieces that stay within `limits`. A step that does so already is its only piece, unchanged.
///
/// Errors: [`SplitError::TooLarge`], and [`SplitError::Dim`] when `sizes` leaves a size open.
pub fn split(
    program: &Program,
    step: &Step,
    sizes: &Bindings,
    limits: &Limits,
) -> Result<Pieces, SplitError> {
    let mut splitter = Splitter { program: Cow::Borrowed(program), sizes, limits };
    if step.kernel.archetype() == Archetype::Control || splitter.large(step)?.is_empty() {
        let whole = Piece { step: step.clone(), windows: BTreeMap::new() };
        return Ok(Pieces { pieces: vec![whole], values: Vec::new() });
    }
    let mut steps = Vec::new();
    splitter.cut(step.clone(), &mut steps)?;
    let pieces = steps.into_iter().map(|step| splitter.shift(step)).collect::<Result<_, _>>()?;
    let values =
        splitter.program.values.iter().skip(program.values.len()).map(|(_, value)| value.clone()).collect();
    Ok(Pieces { pieces, values })
}

struct Splitter<'a> {
    program: Cow<'a, Program>,
    sizes: &'a Bindings,
    limits: &'a Limits<'a>,
}

/// An independent axis of a kernel.
#[derive(Clone, Copy)]
struct Axis {
    group: usize,
    position: usize,
    extent: u64,
}

impl Splitter<'_> {
    /// Cuts `step` until every piece fits.
    fn cut(&mut self, step: Step, pieces: &mut Vec<Step>) -> Result<(), SplitError> {
        let Some((value, worst)) = self.worst(&step)? else {
            pieces.push(step);
            return Ok(());
        };
        let parts = worst.div_ceil(self.limits.bytes);
        let mut best: Option<(u64, Axis, u64)> = None;
        for axis in self.axes(&step)? {
            let chunk = chunk(axis.extent, parts);
            let first = self.narrow(&step, axis, 0..chunk)?;
            let left = self.worst(&first)?.map_or(0, |(_, bytes)| bytes);
            if left < worst && best.is_none_or(|(least, ..)| left < least) {
                best = Some((left, axis, chunk));
            }
        }
        let Some((_, axis, chunk)) = best else {
            return match self.cut_rows(&step, pieces)? {
                true => Ok(()),
                false => Err(self.too_large(&step, value, worst)),
            };
        };
        for start in (0..axis.extent).step_by(chunk as usize) {
            self.cut(self.narrow(&step, axis, start..axis.extent.min(start + chunk))?, pieces)?;
        }
        Ok(())
    }

    fn too_large(&self, step: &Step, value: ValueId, bytes: u64) -> SplitError {
        SplitError::TooLarge {
            op: step.label.clone(),
            value: self.program.values[value].name.clone(),
            bytes,
            limit: self.limits.bytes,
        }
    }

    /// Axes along which `step` can be cut.
    fn axes(&self, step: &Step) -> Result<Vec<Axis>, SplitError> {
        let mut kernel = step.kernel.clone();
        let Some(hooks) = Hooks::of(&mut kernel) else { return Ok(Vec::new()) };
        let mut axes = Vec::new();
        if hooks.hooks.iter().any(|hook| matches!(hook.map, Map::Dense { .. })) {
            return Ok(axes);
        }
        for &group in hooks.independent {
            for (position, extent) in hooks.groups[group].iter().enumerate() {
                let extent = self.extent(extent)?;
                if extent > 1 {
                    axes.push(Axis { group, position, extent });
                }
            }
        }
        Ok(axes)
    }

    /// `step` for the coordinates `range` of `axis` only.
    fn narrow(&self, step: &Step, axis: Axis, range: Range<u64>) -> Result<Step, SplitError> {
        let mut step = step.clone();
        let start = Dim::from(range.start);
        if let Some(mut hooks) = Hooks::of(&mut step.kernel) {
            let before = |groups: &[Vec<Dim>], own: &[usize]| -> Option<usize> {
                let place = own.iter().position(|&g| g == axis.group)?;
                Some(own[..place].iter().map(|&g| groups[g].len()).sum::<usize>() + axis.position)
            };
            for hook in &mut hooks.hooks {
                let Some(position) = before(&hooks.groups, hook.groups) else { continue };
                if let Map::Load { address: map, .. } | Map::Store { address: map, .. } | Map::Number(map) =
                    &mut hook.map
                {
                    map.offset = &map.offset + &start * &map.coefficients[position];
                }
            }
        }
        if let Some(shape) = group_mut(&mut step.kernel, axis.group) {
            shape.0[axis.position] = Dim::from(range.end - range.start);
        }
        Ok(step)
    }

    /// The value of which `step` needs the most bytes at once, if that is more than the limit.
    fn worst(&self, step: &Step) -> Result<Option<(ValueId, u64)>, SplitError> {
        let mut worst = None;
        let large = self.large(step)?;
        for (value, window) in self.windows(step, &large)? {
            let bytes = self.bytes(value, window.end - window.start);
            if bytes > self.limits.bytes && worst.is_none_or(|(_, most)| bytes > most) {
                worst = Some((value, bytes));
            }
        }
        Ok(worst)
    }

    /// Root values that cannot be bound whole, with their numbers of elements.
    fn large(&self, step: &Step) -> Result<BTreeMap<ValueId, u64>, SplitError> {
        let mut large = BTreeMap::new();
        for &value in step.reads.iter().chain(&step.writes) {
            let root = self.program.storage(value);
            let elements = self.extent(&self.program.values[value].elements())?;
            if self.bytes(root, elements) > self.limits.bytes {
                let known = large.entry(root).or_insert(elements);
                *known = elements.max(*known);
            }
        }
        Ok(large)
    }

    /// What `step` touches of the `large` values, from an aligned element on.
    fn windows(
        &self,
        step: &Step,
        large: &BTreeMap<ValueId, u64>,
    ) -> Result<BTreeMap<ValueId, Window>, SplitError> {
        let mut kernel = step.kernel.clone();
        let mut windows: BTreeMap<ValueId, Window> = BTreeMap::new();
        let Some(hooks) = Hooks::of(&mut kernel) else { return Ok(windows) };
        for hook in &hooks.hooks {
            let (value, address, indirect) = match &hook.map {
                Map::Load { operand, address, indirect } => {
                    (step.reads.get(*operand), Some(&**address), *indirect)
                }
                Map::Store { target, address, indirect } => {
                    (step.writes.get(*target), Some(&**address), *indirect)
                }
                Map::Dense { target } => (step.writes.get(*target), None, false),
                Map::Number(_) => continue,
            };
            let Some(root) = value.map(|&value| self.program.storage(value)) else { continue };
            let Some(&elements) = large.get(&root) else { continue };
            let whole = 0..elements;
            let touched = match address {
                Some(address) if !indirect => {
                    let (mut low, mut high) = (self.signed(&address.offset)?, self.signed(&address.offset)?);
                    let extents = hook.groups.iter().flat_map(|&g| &hooks.groups[g]);
                    for (coefficient, extent) in address.coefficients.iter().zip(extents) {
                        let reach = self.signed(coefficient)? * (i128::from(self.extent(extent)?) - 1).max(0);
                        (low, high) = (low + reach.min(0), high + reach.max(0));
                    }
                    // Where guards fail, an address may lie outside; nothing is loaded there.
                    let inside = |position: i128| position.clamp(0, i128::from(elements)) as u64;
                    inside(low)..inside(high + 1)
                }
                _ => whole,
            };
            let unit = self.unit(root);
            let start = touched.start - touched.start % unit;
            let window = windows.entry(root).or_insert(start..touched.end.max(start));
            *window = window.start.min(start)..window.end.max(touched.end);
        }
        Ok(windows)
    }

    /// The finished piece: addresses count from the start of the windows.
    fn shift(&self, mut step: Step) -> Result<Piece, SplitError> {
        let large = self.large(&step)?;
        let windows = self.windows(&step, &large)?;
        let (reads, writes) = (step.reads.clone(), step.writes.clone());
        if let Some(mut hooks) = Hooks::of(&mut step.kernel) {
            for hook in &mut hooks.hooks {
                let (value, address) = match &mut hook.map {
                    Map::Load { operand, address, .. } => (reads.get(*operand), address),
                    Map::Store { target, address, .. } => (writes.get(*target), address),
                    Map::Dense { .. } | Map::Number(_) => continue,
                };
                let window = value.and_then(|&value| windows.get(&self.program.storage(value)));
                if let Some(window) = window {
                    address.offset = &address.offset - Dim::from(window.start);
                }
            }
        }
        write_singly(&mut step.kernel);
        Ok(Piece { step, windows })
    }

    fn extent(&self, dim: &Dim) -> Result<u64, DimError> {
        u64::try_from(dim.upper_bound().eval(self.sizes)?).map_err(|_| DimError::Overflow(dim.to_string()))
    }

    fn signed(&self, dim: &Dim) -> Result<i128, DimError> {
        dim.eval(self.sizes).map(i128::from)
    }

    fn bytes(&self, root: ValueId, elements: u64) -> u64 {
        (elements.saturating_mul((self.limits.element_bits)(&self.program, root)) / 8).next_multiple_of(16)
    }

    /// Elements from one possible start of a window to the next.
    fn unit(&self, root: ValueId) -> u64 {
        (self.limits.alignment * 8).div_ceil((self.limits.element_bits)(&self.program, root).max(1)).max(1)
    }
}

/// Coordinates of a piece when an axis of `extent` is cut into about `parts`: a multiple of 64 where that is possible, so that most windows start
/// where the piece does.
fn chunk(extent: u64, parts: u64) -> u64 {
    let chunk = extent.div_ceil(parts.clamp(2, extent.max(2))).max(1);
    match chunk.next_multiple_of(64) {
        rounded if chunk >= 64 && rounded < extent => rounded,
        _ => chunk,
    }
}

/// A kernel may store whole groups of elements and so write behind the last one, where a whole value has padding but a piece has the next piece's
/// elements. A store with a run-time index, if only the index 0, is always of one element.
fn write_singly(kernel: &mut Kernel) {
    let Kernel::Pointwise(pointwise) = kernel else { return };
    let elements = pointwise.domain.elements();
    if elements.exact_div(&Dim::from(4)).is_some() {
        return;
    }
    let body = &mut pointwise.body;
    let index = body.program.push(Instr::Const(Scalar::zero(DType::I32)), DType::I32);
    for Store { indirect, .. } in &mut body.stores {
        indirect.push(Indirect { index, stride: Dim::ZERO, limit: Dim::ZERO, clamped: true });
    }
}

#[cfg(test)]
mod tests;
