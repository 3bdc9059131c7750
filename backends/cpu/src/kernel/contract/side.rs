//! An operand of a contraction: a strided matrix in memory where it is one, otherwise evaluated block by block.

use super::gemm::Strides;
use super::windowed::{Lines, Windowed};
use crate::eval::map::{self, Map, merge};
use crate::eval::{Compiled, Frame, Operands, Stepped};
use crate::kernel::compile_operand;
use crate::ops::{self, Loop1};
use hadal_device::DeviceError;
use hadal_graph::DType;
use hadal_graph::program::Operand;

/// A matrix for each coordinate of the batch axes: `rows × columns`.
pub(crate) struct Side {
    rows: usize,
    columns: usize,
    batch: Vec<usize>,
    plain: Option<Plain>,
    windowed: Option<Windowed>,
    program: Compiled,
    /// Whether the program walks columns outermost, because memory is contiguous along rows.
    transposed: bool,
    /// From the operand's lanes to the product's.
    convert: Option<Loop1>,
}

/// Scratch of one worker.
pub(crate) struct Scratch {
    frame: Frame,
    lines: Lines,
}

impl Scratch {
    /// Whether an index was out of range.
    pub(crate) fn fault(&self) -> bool {
        self.frame.fault() || self.lines.fault
    }
}

/// A matrix that lies in memory with one stride for rows and one for columns.
struct Plain {
    operand: usize,
    base: Map,
    strides: Strides,
}

/// Axes of an operand.
pub(crate) struct Axes<'a> {
    pub(crate) batch: &'a [usize],
    pub(crate) rows: &'a [usize],
    pub(crate) columns: &'a [usize],
}

impl Side {
    /// The operand over `batch ++ rows ++ columns`, as matrices of lanes of `dtype`. Errors: as [`Compiled::new`].
    pub(crate) fn new(
        operand: &Operand,
        axes: &Axes<'_>,
        dtype: DType,
        step: &Stepped<'_>,
    ) -> Result<Side, DeviceError> {
        let domain: Vec<usize> = [axes.batch, axes.rows, axes.columns].concat();
        let (rows, columns) = (map::product(axes.rows)?, map::product(axes.columns)?);
        let loaded = ops::lane(operand.dtype());
        let plain = match operand.program.as_plain_load(operand.value) {
            Some((position, affine)) if step.reads.get(position).is_some_and(|r| r.0 == dtype) => {
                Plain::new(position, &Map::new(affine, domain.len(), step.bindings)?, axes)
            }
            _ => None,
        };
        // Walk along whichever group of axes is contiguous in memory.
        let (b, r) = (axes.batch.len(), axes.rows.len());
        let order: Vec<usize> = (0..b).chain(b + r..domain.len()).chain(b..b + r).collect();
        let transposed =
            plain.is_none() && contiguous(operand, &domain, b..b + r, b + r..domain.len(), step)?;
        let program = compile_operand(operand, &domain, transposed.then_some(&order[..]), &[], 0, step)?;
        let convert = (loaded != dtype).then(|| ops::cast(loaded, dtype));
        Ok(Side {
            rows,
            columns,
            batch: axes.batch.to_vec(),
            windowed: if plain.is_none() { Windowed::new(operand, axes, dtype, step)? } else { None },
            plain,
            program,
            transposed,
            convert,
        })
    }

    /// Whether no evaluation is needed.
    pub(crate) fn is_plain(&self) -> bool {
        self.plain.is_some()
    }

    /// Scratch of one worker for [`Side::pack`].
    pub(crate) fn scratch(&self) -> Scratch {
        Scratch { frame: Frame::new(&self.program), lines: Lines::default() }
    }

    /// The matrix in memory, if it is plain: address of element (row, column) of matrix `batch`, and strides.
    ///
    /// Safety: `operands` are those of the step; the element exists.
    pub(crate) unsafe fn plain<T>(
        &self,
        operands: &Operands,
        batch: usize,
        row: usize,
        column: usize,
    ) -> Option<(*const T, Strides)> {
        let plain = self.plain.as_ref()?;
        let mut coordinates = [0i64; 16];
        let coordinates = coordinates.get_mut(..self.batch.len())?;
        map::coordinates(batch, &self.batch, coordinates);
        let Strides { row: rs, column: cs } = plain.strides;
        let offset = plain.base.at(coordinates) as isize + row as isize * rs + column as isize * cs;
        // SAFETY: the compiled program checked all addresses of the operand.
        Some((unsafe { operands.reads[plain.operand].cast::<T>().offset(offset) }, plain.strides))
    }

    /// Evaluates a block of matrix `batch` into `out`, returning its strides there.
    ///
    /// Safety: as [`Compiled::eval`]; the block lies within the matrix; `out` holds as many lanes of `T` as the block.
    pub(crate) unsafe fn pack<T: Copy + Default>(
        &self,
        scratch: &mut Scratch,
        operands: &Operands,
        batch: usize,
        (row, rows): (usize, usize),
        (column, columns): (usize, usize),
        out: *mut T,
    ) -> Strides {
        if let Some(windowed) = &self.windowed {
            // SAFETY: the caller's promise.
            return unsafe {
                windowed.pack(&mut scratch.lines, operands, batch, (row, rows), (column, columns), out)
            };
        }
        let frame = &mut scratch.frame;
        let matrix = batch * self.rows * self.columns;
        let ((outer, outers), (inner, inners), width, strides) = if self.transposed {
            ((column, columns), (row, rows), self.rows, Strides { row: 1, column: rows as isize })
        } else {
            ((row, rows), (column, columns), self.columns, Strides { row: columns as isize, column: 1 })
        };
        // Where the block is as wide as the matrix, its rows are one range.
        let (ranges, length) = if inners == width { (1, outers * inners) } else { (outers, inners) };
        for r in 0..ranges {
            let start = matrix + (outer + r) * width + inner;
            let mut at = 0;
            while at < length {
                let count = self.program.stretch(start + at).min(length - at);
                // SAFETY: the caller's promise.
                unsafe {
                    let to = out.add(r * length + at);
                    match self.convert {
                        Some(convert) => {
                            self.program.eval(frame, operands, start + at, count, &[]);
                            convert(self.program.value(frame, 0), to.cast(), count);
                        }
                        None => self.program.eval_into(frame, operands, start + at, count, &[], to.cast()),
                    }
                }
                at += count;
            }
        }
        strides
    }

    pub(crate) fn cost(&self) -> usize {
        self.program.cost()
    }
}

impl Plain {
    fn new(operand: usize, map: &Map, axes: &Axes<'_>) -> Option<Plain> {
        let (b, r) = (axes.batch.len(), axes.rows.len());
        let single = |extents: &[usize], range: std::ops::Range<usize>| -> Option<isize> {
            let (mut extents, mut part) =
                (extents.to_vec(), Map { offset: 0, coefficients: map.coefficients[range].into() });
            merge(&mut extents, &mut [&mut part]);
            match part.coefficients.as_slice() {
                [] => Some(0),
                [one] => Some(*one as isize),
                _ => None,
            }
        };
        if b > 16 {
            return None;
        }
        let strides = Strides {
            row: single(axes.rows, b..b + r)?,
            column: single(axes.columns, b + r..map.coefficients.len())?,
        };
        let base = Map { offset: map.offset, coefficients: map.coefficients[..b].into() };
        Some(Plain { operand, base, strides })
    }
}

/// Whether the operand's loads are contiguous along the last axis of `rows` and not along that of `columns`.
fn contiguous(
    operand: &Operand,
    domain: &[usize],
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
    step: &Stepped<'_>,
) -> Result<bool, DeviceError> {
    let last = |range: std::ops::Range<usize>| range.rev().find(|&axis| domain[axis] > 1);
    let (Some(row), Some(column)) = (last(rows), last(columns)) else { return Ok(false) };
    let (mut along_rows, mut along_columns) = (0, 0);
    for typed in &operand.program.instrs {
        if let hadal_graph::program::Instr::Load { map, .. } = &typed.instr {
            let map = Map::new(&map.address, domain.len(), step.bindings)?;
            along_rows += (map.coefficients[row] == 1) as usize;
            along_columns += (map.coefficients[column] == 1) as usize;
        }
    }
    Ok(along_rows > along_columns)
}
