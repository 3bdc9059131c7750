//! An operand that is one load, copied run by run: the windows of a convolution.
//!
//! Address and guards are affine, so each is a part that the row decides plus a part that the column decides. A block is walked along
//! whichever of the two has neighbours in memory, in runs along its innermost axis; what is valid of a run is an interval.

use super::gemm::Strides;
use super::side::Axes;
use crate::eval::map::{self, Bound, Map};
use crate::eval::{Operands, Stepped};
use hadal_device::DeviceError;
use hadal_graph::DType;
use hadal_graph::program::{Instr, Operand};
use std::ops::Range;

/// Most guards of an operand: two spatial axes have two, three have three.
const GUARDS: usize = 4;

/// The address, and the value of each guard's index: in all, or the part that some coordinates decide.
type Parts = [i64; 1 + GUARDS];

pub(super) struct Windowed {
    operand: usize,
    /// Of the operand.
    elements: i64,
    /// The address first, then the indices of guards; each on the operand's domain.
    maps: Vec<Map>,
    /// One past the last valid index of each guard.
    limits: Vec<i64>,
    batch: Vec<usize>,
    rows: Vec<usize>,
    columns: Vec<usize>,
    /// Whether runs go along rows.
    along_rows: bool,
}

/// Neighbours along the innermost axis of a group.
struct Line {
    /// Where it starts in the block.
    at: usize,
    length: usize,
    parts: Parts,
}

/// Scratch of one worker.
#[derive(Default)]
pub(super) struct Lines {
    inner: Vec<Line>,
    outer: Vec<Line>,
    /// Whether an address was out of range.
    pub(super) fault: bool,
}

impl Windowed {
    /// `None` for an operand of another kind, or one that is not stored as `dtype`. Errors: `Dim`.
    pub(super) fn new(
        operand: &Operand,
        axes: &Axes<'_>,
        dtype: DType,
        step: &Stepped<'_>,
    ) -> Result<Option<Windowed>, DeviceError> {
        let [one] = &operand.program.instrs[..] else { return Ok(None) };
        let Instr::Load { operand: position, map, indirect } = &one.instr else { return Ok(None) };
        let Some(&(stored, elements)) = step.reads.get(*position) else { return Ok(None) };
        if stored != dtype || !indirect.is_empty() || map.guards.len() > GUARDS {
            return Ok(None);
        }
        let domain = [axes.batch, axes.rows, axes.columns].concat();
        let mut maps = vec![Map::new(&map.address, domain.len(), step.bindings)?];
        let mut limits = Vec::new();
        for guard in &map.guards {
            let bound = Bound::new(guard, domain.len(), step.bindings)?;
            maps.push(bound.index);
            limits.push(bound.extent);
        }
        let (b, r) = (axes.batch.len(), axes.rows.len());
        let step_along = |group: Range<usize>| {
            let last = group.rev().find(|&axis| domain[axis] > 1);
            last.map_or(i64::MAX, |axis| match maps[0].coefficients[axis].abs() {
                0 => i64::MAX,
                step => step,
            })
        };
        let along_rows = step_along(b..b + r) <= step_along(b + r..domain.len());
        Ok(Some(Windowed {
            operand: *position,
            elements: elements as i64,
            maps,
            limits,
            batch: axes.batch.to_vec(),
            rows: axes.rows.to_vec(),
            columns: axes.columns.to_vec(),
            along_rows,
        }))
    }

    /// Copies a block of matrix `batch` into `out`, zeros where a guard fails, and returns its strides there. An address outside of the operand is a
    /// fault, and nothing is read there.
    ///
    /// Safety: `operands` are those of the step; the block lies within the matrix; `out` holds as many elements as the block.
    pub(super) unsafe fn pack<T: Copy + Default>(
        &self,
        lines: &mut Lines,
        operands: &Operands,
        batch: usize,
        row: (usize, usize),
        column: (usize, usize),
        out: *mut T,
    ) -> Strides {
        let (b, r) = (self.batch.len(), self.batch.len() + self.rows.len());
        let mut coordinates = vec![0i64; b];
        map::coordinates(batch, &self.batch, &mut coordinates);
        let mut base: Parts = [0; 1 + GUARDS];
        for (part, map) in base.iter_mut().zip(&self.maps) {
            *part = coordinates.iter().zip(&map.coefficients).fold(map.offset, |sum, (x, c)| sum + x * c);
        }
        let (inner, inner_axes, outer, outer_axes) = match self.along_rows {
            true => (row, (b, &self.rows), column, (r, &self.columns)),
            false => (column, (r, &self.columns), row, (b, &self.rows)),
        };
        self.lines(&mut lines.inner, inner_axes, inner, false, &base);
        self.lines(&mut lines.outer, outer_axes, outer, true, &[0; 1 + GUARDS]);
        let (first, extents) = inner_axes;
        let mut steps: Parts = [0; 1 + GUARDS];
        if !extents.is_empty() {
            for (step, map) in steps.iter_mut().zip(&self.maps) {
                *step = map.coefficients[first + extents.len() - 1];
            }
        }
        let source = operands.reads[self.operand].cast::<T>();
        let Lines { inner: along, outer: across, fault } = lines;
        for across in across.iter() {
            for line in along.iter() {
                let (mut low, mut high) = (0, line.length);
                for (guard, &limit) in self.limits.iter().enumerate() {
                    let start = line.parts[guard + 1] + across.parts[guard + 1];
                    let (from, to) = map::valid(start, steps[guard + 1], limit, line.length);
                    (low, high) = (low.max(from), high.min(to));
                }
                let address = line.parts[0] + across.parts[0];
                let ends = [low, high.max(1) - 1].map(|i| address + i as i64 * steps[0]);
                if low < high && ends.iter().any(|end| !(0..self.elements).contains(end)) {
                    *fault = true;
                    high = low;
                }
                // SAFETY: the line lies within the block; what of it is copied lies between two elements of the operand.
                unsafe {
                    let to = out.add(across.at * inner.1 + line.at);
                    if low >= high {
                        std::slice::from_raw_parts_mut(to, line.length).fill(T::default());
                        continue;
                    }
                    std::slice::from_raw_parts_mut(to, low).fill(T::default());
                    copy(source.offset(ends[0] as isize), steps[0], to.add(low), high - low);
                    std::slice::from_raw_parts_mut(to.add(high), line.length - high).fill(T::default());
                }
            }
        }
        match self.along_rows {
            true => Strides { row: 1, column: row.1 as isize },
            false => Strides { row: column.1 as isize, column: 1 },
        }
    }

    /// The lines of the coordinates `start..start + count` of a group of axes; `single` makes each of one element.
    fn lines(
        &self,
        lines: &mut Vec<Line>,
        (first, extents): (usize, &Vec<usize>),
        (start, count): (usize, usize),
        single: bool,
        base: &Parts,
    ) {
        lines.clear();
        let mut coordinates = vec![0i64; extents.len()];
        map::coordinates(start, extents, &mut coordinates);
        let mut at = 0;
        while at < count {
            let mut parts = *base;
            for (part, map) in parts.iter_mut().zip(&self.maps) {
                let own = &map.coefficients[first..first + extents.len()];
                *part += coordinates.iter().zip(own).map(|(x, c)| x * c).sum::<i64>();
            }
            let left = match (extents.last(), coordinates.last()) {
                (Some(&extent), Some(&x)) if !single => extent - x as usize,
                _ => 1,
            };
            let length = left.min(count - at);
            lines.push(Line { at, length, parts });
            at += length;
            // The next coordinates: the last axis moves by a whole line.
            for axis in (0..extents.len()).rev() {
                coordinates[axis] += if axis + 1 == extents.len() { length as i64 } else { 1 };
                if coordinates[axis] < extents[axis] as i64 {
                    break;
                }
                coordinates[axis] = 0;
            }
        }
    }
}

/// Copies elements that are `step` apart.
///
/// Safety: all of them are inside; `to` holds `count` elements and is apart.
#[inline(always)]
unsafe fn copy<T: Copy>(from: *const T, step: i64, to: *mut T, count: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        if step == 1 {
            // Lines are short: a loop is faster than a call.
            if count <= 64 {
                for i in 0..count {
                    *to.add(i) = *from.add(i);
                }
            } else {
                std::ptr::copy_nonoverlapping(from, to, count);
            }
            return;
        }
        for i in 0..count {
            *to.add(i) = *from.offset(i as isize * step as isize);
        }
    }
}
