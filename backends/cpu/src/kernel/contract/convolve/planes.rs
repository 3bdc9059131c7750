//! Images with their padding: what windows slide over, copied once instead of once for each element of a window.

use crate::eval::Stepped;
use crate::eval::map::{self, Bound, Map};
use crate::ops::{self, Loop1};
use hadal_device::DeviceError;
use hadal_graph::program::{Contract, Guard, IndexMap, Instr, Operand, Reg};
use hadal_graph::{Bindings, DType};

/// How windows move along one spatial axis.
#[derive(Debug)]
pub(super) struct Axis {
    /// Windows, and how far one lies from the next.
    pub(super) windows: usize,
    pub(super) stride: usize,
    /// Elements of a window, and how far one lies from the next.
    pub(super) elements: usize,
    pub(super) dilation: usize,
    /// Elements of the padded image.
    pub(super) extent: usize,
    /// From one element of the padded image to the next in memory.
    step: i64,
    /// The part of the padded image that lies in memory; zeros around it.
    valid: (usize, usize),
}

/// The left operand of a convolution: over `batch ++ [image, windows..] ++ [channel, elements..]`.
#[derive(Debug)]
pub(super) struct Planes {
    operand: usize,
    base: Map,
    batch: Vec<usize>,
    pub(super) images: usize,
    image_step: i64,
    pub(super) channels: usize,
    channel_step: i64,
    pub(super) axes: Vec<Axis>,
    /// From the stored type to `f32`.
    convert: Loop1,
    /// Bytes of a stored element.
    size: usize,
}

impl Planes {
    /// `None` where the operand is no such thing, or its windows do not overlap: then they are rather copied one by one.
    ///
    /// Errors: `Dim`.
    pub(super) fn new(kernel: &Contract, step: &Stepped<'_>) -> Result<Option<Planes>, DeviceError> {
        let extents = |shape: &hadal_graph::Shape| map::extents(shape, step.bindings);
        let (batch, m, k) = (extents(&kernel.batch)?, extents(&kernel.m)?, extents(&kernel.k)?);
        let Some((position, address)) = single_load(&kernel.a) else { return Ok(None) };
        let Some(&(stored, elements)) = step.reads.get(position) else { return Ok(None) };
        let whole = m.len() == k.len() && (2..=4).contains(&m.len()) && !m.contains(&0) && !k.contains(&0);
        if !whole || batch.contains(&0) || ops::lane(stored) != DType::F32 {
            return Ok(None);
        }
        let (b, rank) = (batch.len(), batch.len() + m.len() + k.len());
        let map = Map::new(&address.address, rank, step.bindings)?;
        let spatial = m.len() - 1;
        let mut axes = Vec::new();
        for axis in 0..spatial {
            let (window, element) = (b + 1 + axis, b + m.len() + 1 + axis);
            let steps = [map.coefficients[window], map.coefficients[element]];
            match Axis::new([m[1 + axis], k[1 + axis]], steps) {
                Some(axis) => axes.push(axis),
                None => return Ok(None),
            }
        }
        for guard in &address.guards {
            if !narrow(&mut axes, guard, (b, m.len(), rank), step.bindings)? {
                return Ok(None);
            }
        }
        let overlap = |a: &Axis| a.windows > 1 && a.elements > 1 && a.extent < a.windows * a.elements;
        if !axes.iter().any(overlap) || axes.iter().any(|a| a.valid.0 >= a.valid.1) {
            return Ok(None);
        }
        let planes = Planes {
            operand: position,
            base: Map { offset: map.offset, coefficients: map.coefficients[..b].into() },
            images: m[0],
            image_step: map.coefficients[b],
            channels: k[0],
            channel_step: map.coefficients[b + m.len()],
            batch,
            axes,
            convert: ops::load(stored),
            size: stored.size(),
        };
        let strided = planes.last().step != 1 && stored != DType::F32;
        Ok((!strided && planes.inside(elements)).then_some(planes))
    }

    /// Whether all that is copied lies in the operand.
    fn inside(&self, elements: usize) -> bool {
        let (mut low, mut high) = (self.base.offset as i128, self.base.offset as i128);
        let mut add = |step: i64, from: usize, to: usize| {
            let ends = [step as i128 * from as i128, step as i128 * to as i128];
            low += ends[0].min(ends[1]);
            high += ends[0].max(ends[1]);
        };
        for (&step, &extent) in self.base.coefficients.iter().zip(&self.batch) {
            add(step, 0, extent - 1);
        }
        add(self.image_step, 0, self.images - 1);
        add(self.channel_step, 0, self.channels - 1);
        self.axes.iter().for_each(|a| add(a.step, a.valid.0, a.valid.1 - 1));
        low >= 0 && high < elements as i128
    }

    pub(super) fn last(&self) -> &Axis {
        &self.axes[self.axes.len() - 1]
    }

    /// Elements from one coordinate of a spatial axis to the next, where the first axis has `first` elements; and of a whole plane.
    pub(super) fn pitches(&self, first: usize) -> (Vec<usize>, usize) {
        let mut pitch = 1;
        let mut pitches = vec![0; self.axes.len()];
        for (n, axis) in self.axes.iter().enumerate().rev() {
            pitches[n] = pitch;
            pitch *= if n == 0 { first } else { axis.extent };
        }
        (pitches, pitch)
    }

    /// Copies one channel of one image, `count` elements of the first axis from `first` on, padding included.
    ///
    /// Safety: `reads` are the operands of the step; the numbers are within their extents; `out` holds the plane.
    pub(super) unsafe fn copy(
        &self,
        reads: &[*const u8],
        (batch, image, channel): (usize, usize, usize),
        (first, count): (usize, usize),
        out: &mut [f32],
    ) {
        let mut coordinates = [0i64; 16];
        let coordinates = &mut coordinates[..self.batch.len()];
        map::coordinates(batch, &self.batch, coordinates);
        let address =
            self.base.at(coordinates) + image as i64 * self.image_step + channel as i64 * self.channel_step;
        // SAFETY: the caller's promise.
        unsafe { self.fill(reads[self.operand], 0, address, (first, count), out) }
    }

    /// Safety: as [`Planes::copy`]; `address` is that of the element 0 of this axis, given those of the axes before it.
    unsafe fn fill(
        &self,
        memory: *const u8,
        axis: usize,
        address: i64,
        (first, count): (usize, usize),
        out: &mut [f32],
    ) {
        let this = &self.axes[axis];
        let low = this.valid.0.clamp(first, first + count);
        let high = this.valid.1.clamp(low, first + count);
        let pitch = out.len() / count;
        let (before, rest) = out.split_at_mut((low - first) * pitch);
        let (inside, after) = rest.split_at_mut((high - low) * pitch);
        before.fill(0.0);
        after.fill(0.0);
        let start = address + low as i64 * this.step;
        if axis + 1 < self.axes.len() {
            for (i, row) in inside.chunks_exact_mut(pitch).enumerate() {
                let extent = self.axes[axis + 1].extent;
                // SAFETY: the caller's promise; all of the next axis is copied.
                unsafe { self.fill(memory, axis + 1, start + i as i64 * this.step, (0, extent), row) };
            }
            return;
        }
        // SAFETY: `inside` proved these addresses; a step other than 1 has elements of `f32`.
        unsafe {
            if this.step == 1 {
                let from = memory.add(start as usize * self.size);
                (self.convert)(from, inside.as_mut_ptr().cast(), inside.len());
                return;
            }
            let from = memory.cast::<f32>();
            for (i, to) in inside.iter_mut().enumerate() {
                *to = *from.offset((start + i as i64 * this.step) as isize);
            }
        }
    }
}

impl Axis {
    /// The axis whose windows and elements lie so far from each other in memory.
    fn new([windows, elements]: [usize; 2], [window, element]: [i64; 2]) -> Option<Axis> {
        // An extent of 1 says nothing.
        let window = if windows == 1 { 0 } else { window };
        let element = if elements == 1 { 0 } else { element };
        if window.signum() * element.signum() < 0 {
            return None;
        }
        let (mut a, mut b) = (window.unsigned_abs(), element.unsigned_abs());
        while b != 0 {
            (a, b) = (b, a % b);
        }
        let unit = if a == 0 { 1 } else { i64::try_from(a).ok()? };
        let sign = if window < 0 || element < 0 { -1 } else { 1 };
        let (stride, dilation) = (window.unsigned_abs() / unit as u64, element.unsigned_abs() / unit as u64);
        let (stride, dilation) = (usize::try_from(stride).ok()?, usize::try_from(dilation).ok()?);
        let reach = stride.checked_mul(windows - 1)?.checked_add(dilation.checked_mul(elements - 1)?)?;
        let extent = reach.checked_add(1)?;
        Some(Axis { windows, stride, elements, dilation, extent, step: sign * unit, valid: (0, extent) })
    }
}

/// Cuts the valid part of the one axis that a guard is about. Whether there is one. Errors: `Dim`.
fn narrow(
    axes: &mut [Axis],
    guard: &Guard,
    (b, m, rank): (usize, usize, usize),
    bindings: &Bindings,
) -> Result<bool, DeviceError> {
    let bound = Bound::new(guard, rank, bindings)?;
    let coefficients = &bound.index.coefficients;
    let mut found = None;
    for (n, axis) in axes.iter().enumerate() {
        // Along an axis of extent 1 the guard's index does not change.
        let window = if axis.windows == 1 { 0 } else { coefficients[b + 1 + n] };
        let element = if axis.elements == 1 { 0 } else { coefficients[b + m + 1 + n] };
        if window == 0 && element == 0 {
            continue;
        }
        let factor =
            if axis.stride > 0 { window / axis.stride as i64 } else { element / axis.dilation.max(1) as i64 };
        let same = window == factor * axis.stride as i64 && element == factor * axis.dilation as i64;
        if found.is_some() || !same {
            return Ok(false);
        }
        found = Some((n, factor));
    }
    let others = (0..b).chain([b, b + m]);
    if others.into_iter().any(|axis| coefficients[axis] != 0) {
        return Ok(false);
    }
    let Some((n, factor)) = found else { return Ok(false) };
    let axis = &mut axes[n];
    let (low, high) = map::valid(bound.index.offset, factor, bound.extent, axis.extent);
    axis.valid = (axis.valid.0.max(low), axis.valid.1.min(high));
    Ok(true)
}

/// The operand's only load, by position and address, if it is nothing but that, widened at most.
fn single_load(operand: &Operand) -> Option<(usize, &IndexMap)> {
    let instr = |reg: Reg| operand.program.instrs.get(reg).map(|typed| &typed.instr);
    let load = match instr(operand.value)? {
        Instr::Cast(x) if operand.dtype() == DType::F32 => instr(*x)?,
        own => own,
    };
    match load {
        Instr::Load { operand, map, indirect } if indirect.is_empty() => Some((*operand, map)),
        _ => None,
    }
}
