//! Contractions whose left operand is windows that overlap: convolutions, and their gradients.
//!
//! An element of an image is in many windows. To write all windows as a matrix would move each element as often as it is used, so images are
//! copied once, with their padding ([`planes`]), and products are formed from there ([`registers`]). There are two ways, by what goes into the
//! lanes of vectors:
//! - [`Way::Positions`]: neighbouring windows, where there are more windows than elements of one: a convolution, and the gradient of its input;
//! - [`Way::Sums`]: neighbouring elements of a window, where windows are large and few: the gradient of a convolution's kernel. Images are cut
//!   into parts that workers sum up; the parts are added in order.
//!
//! The tile that a worker has computed lies as `[output, position]`, and the epilogue runs in that order.

mod lines;
mod planes;
mod registers;

use super::{Axes, Scratch, Side, Strides};
use crate::eval::map;
use crate::eval::{Compiled, Frame, Stepped};
use crate::kernel::{Prepared, Run, compile_body};
use crate::ops;
use hadal_device::DeviceError;
use hadal_graph::DType;
use hadal_graph::program::Contract;
use lines::Lines;
use planes::Planes;
use registers::{Kernels, OUTPUTS, Positions, Sums, kernels};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Elements of a tile of products, or of a block of images: what stays in the second cache.
const BLOCK: usize = 32 << 10;

/// Elements that stay in the first cache: what one block of sums reads again and again.
const CLOSE: usize = 10 << 10;

/// Most sums that every worker keeps for itself.
const LARGEST_SUMS: usize = 256 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Positions,
    Sums,
}

pub(super) struct ConvolvePlan {
    way: Way,
    batch: usize,
    /// Positions of a window in all: those of one image.
    positions: usize,
    /// Elements of a window in one channel.
    elements: usize,
    outputs: usize,
    planes: Planes,
    factors: Side,
    /// Set where [`Way::Sums`] finds the factors in memory as it needs them.
    lines: Option<Lines>,
    /// Over `batch ++ image ++ outputs ++ positions`.
    epilogue: Compiled,
    kernels: &'static Kernels,
    flop: usize,
}

/// What of a vector of products goes where.
struct Piece {
    /// Lane among those of the tile.
    from: usize,
    /// Position among those of the block.
    to: usize,
    count: usize,
}

/// Vectors of positions of a block of windows.
#[derive(Default)]
struct Layout {
    /// Where they start in the image.
    starts: Vec<usize>,
    /// For each vector, the range of its pieces.
    pieces: Vec<Piece>,
    ranges: Vec<(usize, usize)>,
}

/// Scratch of one worker.
struct State {
    image: Vec<f32>,
    products: Vec<f32>,
    tile: Vec<f32>,
    layout: Layout,
    /// Windows along the first axis that the layout is for.
    laid_out: usize,
    epilogue: Frame,
}

impl ConvolvePlan {
    /// `None` where the contraction is no convolution, or one that is better off as a matrix product. Errors: as [`Compiled::new`].
    pub(super) fn new(kernel: &Contract, step: &Stepped<'_>) -> Result<Option<ConvolvePlan>, DeviceError> {
        if ops::lane(kernel.dtype) != DType::F32 || kernel.batch.rank() > 16 {
            return Ok(None);
        }
        let Some(planes) = Planes::new(kernel, step)? else { return Ok(None) };
        let extents = |shape: &hadal_graph::Shape| map::extents(shape, step.bindings);
        let (batch, m, n, k) =
            (extents(&kernel.batch)?, extents(&kernel.m)?, extents(&kernel.n)?, extents(&kernel.k)?);
        let positions: usize = planes.axes.iter().map(|a| a.windows).product();
        let elements: usize = planes.axes.iter().map(|a| a.elements).product();
        let outputs = map::product(&n)?;
        let last = planes.last();
        let way = if positions >= elements { Way::Positions } else { Way::Sums };
        let unit = match way {
            Way::Positions => last.windows == 1 || last.stride == 1,
            Way::Sums => last.elements == 1 || last.dilation == 1,
        };
        let sums = outputs.saturating_mul(planes.images).saturating_mul(positions);
        if !unit || outputs == 0 || (way == Way::Sums && sums > LARGEST_SUMS) {
            return Ok(None);
        }
        let factors = Side::new(&kernel.b, &Axes { batch: &batch, rows: &k, columns: &n }, DType::F32, step)?;
        let lines = match way {
            Way::Positions => None,
            Way::Sums => Lines::new(&kernel.b, (&batch, &k, &n), step)?,
        };
        let domain = [&batch[..], &m, &n].concat();
        let (b, first) = (batch.len(), batch.len() + m.len());
        // Images are `m[0]`: in the gradient of a kernel they are its channels.
        let order: Vec<usize> = match way {
            Way::Positions => (0..=b).chain(first..domain.len()).chain(b + 1..first).collect(),
            Way::Sums => (0..b).chain(first..domain.len()).chain(b..first).collect(),
        };
        let epilogue = compile_body(&kernel.epilogue, &domain, Some(&order), &[kernel.dtype], 0, step)?;
        let batch = map::product(&batch)?;
        let flop = [batch, outputs, planes.images, planes.channels, positions, elements];
        let flop = flop.into_iter().fold(1, usize::saturating_mul);
        let kernels = kernels();
        Ok(Some(ConvolvePlan {
            way,
            batch,
            positions,
            elements,
            outputs,
            planes,
            factors,
            lines,
            epilogue,
            kernels,
            flop,
        }))
    }

    /// Offsets of a window's elements in the image: channels outermost. `pitches` as [`Planes::pitches`] says.
    fn elements(&self, channels: usize, pitches: &[usize], plane: usize) -> Vec<usize> {
        self.offsets(channels, plane, pitches, &|axis| (axis.elements, axis.dilation))
    }

    /// Offsets of windows in the image.
    fn windows(&self, channels: usize, pitches: &[usize], plane: usize) -> Vec<usize> {
        self.offsets(channels, plane, pitches, &|axis| (axis.windows, axis.stride))
    }

    fn offsets(
        &self,
        channels: usize,
        plane: usize,
        pitches: &[usize],
        along: &dyn Fn(&planes::Axis) -> (usize, usize),
    ) -> Vec<usize> {
        let mut offsets: Vec<usize> = (0..channels).map(|c| c * plane).collect();
        for (axis, pitch) in self.planes.axes.iter().zip(pitches) {
            let (count, step) = along(axis);
            offsets = offsets.iter().flat_map(|o| (0..count).map(move |i| o + i * step * pitch)).collect();
        }
        offsets
    }

    /// Blocks of outputs of nearly equal size.
    fn output_blocks(&self) -> impl Iterator<Item = (usize, usize)> {
        let (outputs, blocks) = (self.outputs, self.outputs.div_ceil(OUTPUTS));
        (0..blocks).map(move |i| (i * outputs / blocks, (i + 1) * outputs / blocks))
    }

    /// Windows along the first axis that one task has.
    fn rows(&self, threads: usize) -> usize {
        let first = &self.planes.axes[0];
        let others = self.positions / first.windows * self.outputs;
        let all = self.batch * self.planes.images;
        // Few images are cut so that all threads have some.
        let even = first.windows.div_ceil((4 * threads).div_ceil(all));
        even.min(BLOCK / others.max(1)).clamp(1, first.windows)
    }

    /// The layout for `rows` windows along the first axis: line by line, or all lines as one where that takes fewer vectors.
    fn lay_out(&self, rows: usize, pitches: &[usize], layout: &mut Layout) {
        let (lanes, axes) = (self.kernels.lanes, &self.planes.axes);
        let last = self.planes.last();
        layout.starts.clear();
        layout.pieces.clear();
        layout.ranges.clear();
        let windows = |axis: usize| if axis == 0 { rows } else { axes[axis].windows };
        let line = windows(axes.len() - 1);
        let lines = |axes: &[planes::Axis]| (0..axes.len()).map(windows).product::<usize>();
        // Along the last two axes windows lie one after another, if those that cross a line's end are computed, too, and left out.
        let flat = match axes.len() {
            1 => None,
            n => (axes[n - 2].stride == 1 || windows(n - 2) == 1).then(|| {
                let height = windows(n - 2);
                (n - 2, height, (height - 1) * pitches[n - 2] + line)
            }),
        };
        let by_lines = lines(&axes[..axes.len() - 1]) * line.div_ceil(lanes);
        let (outer, height, length) = match flat {
            Some((outer, height, length)) if lines(&axes[..outer]) * length.div_ceil(lanes) < by_lines => {
                (outer, height, length)
            }
            _ => (axes.len() - 1, 1, line),
        };
        let mut starts = vec![0];
        for axis in 0..outer {
            let step = axes[axis].stride * pitches[axis];
            starts = starts.iter().flat_map(|s| (0..windows(axis)).map(move |i| s + i * step)).collect();
        }
        let pitch = if height > 1 { pitches[axes.len() - 2] } else { length };
        for (n, start) in starts.into_iter().enumerate() {
            for at in (0..length).step_by(lanes) {
                layout.starts.push(start + at);
                let first_piece = layout.pieces.len();
                let mut lane = 0;
                while lane < lanes && at + lane < length {
                    let (row, column) = ((at + lane) / pitch, (at + lane) % pitch);
                    let step = (pitch - column).min(lanes - lane);
                    let count = line.saturating_sub(column).min(step);
                    if count > 0 {
                        let to = (n * height + row) * line + column;
                        layout.pieces.push(Piece { from: lane, to, count });
                    }
                    lane += step;
                }
                layout.ranges.push((first_piece, layout.pieces.len()));
            }
        }
        debug_assert!(last.windows == 1 || last.stride == 1);
    }

    /// The factors of one batch as `[block of outputs][element][output]`.
    ///
    /// Safety: as [`Prepared::run`].
    unsafe fn pack_factors(&self, run: &Run<'_>, scratch: &mut Scratch, batch: usize, packed: &mut Vec<f32>) {
        let depth = self.planes.channels * self.elements;
        let mut evaluated = Vec::new();
        // SAFETY: the whole matrix of the batch; scratch is as large.
        let (from, strides) = unsafe { self.matrix(run, scratch, batch, (0, depth), &mut evaluated) };
        packed.resize(depth * self.outputs, 0.0);
        let mut at = 0;
        for (low, high) in self.output_blocks() {
            for k in 0..depth as isize {
                for o in low as isize..high as isize {
                    // SAFETY: within the matrix.
                    packed[at] = unsafe { *from.offset(k * strides.row + o * strides.column) };
                    at += 1;
                }
            }
        }
    }

    /// Rows `first..first + count` of the factors: where they are, in memory or in `evaluated`.
    ///
    /// Safety: as [`Prepared::run`]; the rows exist.
    unsafe fn matrix(
        &self,
        run: &Run<'_>,
        scratch: &mut Scratch,
        batch: usize,
        (first, count): (usize, usize),
        evaluated: &mut Vec<f32>,
    ) -> (*const f32, Strides) {
        // SAFETY: the caller's promise; `evaluated` holds the block.
        unsafe {
            if let Some(plain) = self.factors.plain::<f32>(run.operands, batch, first, 0) {
                return plain;
            }
            evaluated.resize(count * self.outputs, 0.0);
            let out = evaluated.as_mut_ptr();
            let strides =
                self.factors.pack(scratch, run.operands, batch, (first, count), (0, self.outputs), out);
            (out.cast_const(), strides)
        }
    }

    /// Safety: as [`Prepared::run`].
    unsafe fn run_positions(&self, run: &Run<'_>) {
        let workers = run.workers.for_cost(self.flop / 4);
        let rows = self.rows(workers.threads());
        let first = &self.planes.axes[0];
        let reach = |rows: usize| (rows - 1) * first.stride + (first.elements - 1) * first.dilation + 1;
        let (pitches, plane) = self.planes.pitches(reach(rows));
        let taps = self.elements(self.planes.channels, &pitches, plane);
        let (lanes, vectors) = (self.kernels.lanes, self.kernels.vectors);
        let mut scratch = self.factors.scratch();
        let mut factors = vec![Vec::new(); self.batch];
        for (batch, packed) in factors.iter_mut().enumerate() {
            // SAFETY: the run's promise.
            unsafe { self.pack_factors(run, &mut scratch, batch, packed) };
        }
        let fault = AtomicBool::new(scratch.fault());
        let cuts = first.windows.div_ceil(rows);
        let per_row = self.positions / first.windows;
        let channels = self.planes.channels;
        let state = || State {
            // What is loaded behind the last window goes into lanes that nobody reads.
            image: vec![0.0; channels * plane + lanes],
            products: vec![0.0; self.outputs * rows * per_row],
            tile: vec![0.0; OUTPUTS * vectors * lanes],
            layout: Layout::default(),
            laid_out: 0,
            epilogue: Frame::new(&self.epilogue),
        };
        workers.run(self.batch * self.planes.images * cuts, state, |state, task| {
            let (batch, image, cut) =
                (task / cuts / self.planes.images, task / cuts % self.planes.images, task % cuts);
            let start = cut * rows;
            let count = rows.min(first.windows - start);
            let State { image: copied, products, tile, layout, laid_out, epilogue } = state;
            if *laid_out != count {
                self.lay_out(count, &pitches, layout);
                *laid_out = count;
            }
            for (channel, out) in copied[..channels * plane].chunks_exact_mut(plane).enumerate() {
                let out = &mut out[..plane / reach(rows) * reach(count)];
                let part = (start * first.stride, reach(count));
                // SAFETY: the run's promise; the numbers are those of this task.
                unsafe { self.planes.copy(&run.operands.reads, (batch, image, channel), part, out) };
            }
            let width = count * per_row;
            let mut weights = factors[batch].as_ptr();
            for (low, high) in self.output_blocks() {
                for (n, starts) in layout.starts.chunks(vectors).enumerate() {
                    let positions = Positions {
                        taps: &taps,
                        weights,
                        image: copied.as_ptr(),
                        starts,
                        out: tile.as_mut_ptr(),
                    };
                    // SAFETY: starts and taps lead to elements of the image, or less than a vector behind.
                    unsafe { self.kernels.positions[high - low - 1][starts.len() - 1](&positions) };
                    for (v, &(from, to)) in layout.ranges[n * vectors..][..starts.len()].iter().enumerate() {
                        for piece in &layout.pieces[from..to] {
                            for o in low..high {
                                let lane = ((o - low) * starts.len() + v) * lanes + piece.from;
                                products[o * width + piece.to..][..piece.count]
                                    .copy_from_slice(&tile[lane..][..piece.count]);
                            }
                        }
                    }
                }
                // SAFETY: the next block's factors, or the end.
                weights = unsafe { weights.add(taps.len() * (high - low)) };
            }
            let place =
                (batch * self.planes.images + image) * self.outputs * self.positions + start * per_row;
            // SAFETY: the task's part of the result.
            unsafe {
                if cuts == 1 {
                    self.finish(run, epilogue, place, &products[..self.outputs * width]);
                } else {
                    for (o, products) in products.chunks_exact(width).take(self.outputs).enumerate() {
                        self.finish(run, epilogue, place + o * self.positions, products);
                    }
                }
            }
            if epilogue.fault() {
                fault.store(true, Ordering::Relaxed);
            }
        });
        run.report(fault.into_inner());
    }

    /// Images of a block of sums, whose planes have so many elements: factors of a tile meet all windows before the next tile's do, and windows go channel by channel.
    fn images_together(&self, plane: usize) -> usize {
        (CLOSE / (self.outputs.min(OUTPUTS) * self.elements + 2 * plane)).max(2)
    }

    /// Safety: as [`Prepared::run`].
    unsafe fn run_sums(&self, run: &Run<'_>) {
        let workers = run.workers.for_cost(self.flop / 4);
        let first = &self.planes.axes[0];
        // Here a window is as large as the result's gradient: its channels are images, and images are what is summed over.
        let (images, channels) = (self.planes.channels, self.planes.images);
        let (pitches, plane) = self.planes.pitches(first.extent);
        let windows = self.windows(channels, &pitches, plane);
        let parts = (4 * workers.threads()).min(images);
        let block = self.images_together(plane).min(images.div_ceil(parts));
        let length = self.planes.last().elements;
        let lines: Vec<usize> = {
            let rows = self.elements(1, &pitches, 0);
            rows.into_iter().step_by(length).collect()
        };
        let fault = AtomicBool::new(false);
        let mut frame = Frame::new(&self.epilogue);
        for batch in 0..self.batch {
            let totals = Mutex::new(vec![Vec::new(); parts]);
            let state =
                || (vec![0f32; block * channels * plane], Vec::new(), Vec::new(), self.factors.scratch());
            workers.run(parts, state, |(copied, evaluated, rows, scratch), part| {
                let mut sums = vec![0f32; self.outputs * windows.len()];
                let end = (part + 1) * images / parts;
                let mut image = part * images / parts;
                while image < end {
                    let count = block.min(end - image);
                    rows.clear();
                    for (n, out) in copied.chunks_exact_mut(plane).take(count * channels).enumerate() {
                        let which = (batch, n % channels, image + n / channels);
                        // SAFETY: the run's promise; all of a plane.
                        unsafe { self.planes.copy(&run.operands.reads, which, (0, first.extent), out) };
                    }
                    for n in 0..count {
                        let line = |(i, offset): (usize, &usize)| {
                            let factors = match &self.lines {
                                Some(lines) => lines.offset(image + n, i),
                                None => n * self.elements + i * length,
                            };
                            (factors, n * channels * plane + offset)
                        };
                        rows.extend(lines.iter().enumerate().map(line));
                    }
                    // SAFETY: as above, for the factors of these images.
                    unsafe {
                        let (factors, step) = match &self.lines {
                            Some(lines) => lines.of_batch(run.operands, batch),
                            None => {
                                let part = (image * self.elements, count * self.elements);
                                self.columns(run, scratch, batch, part, evaluated)
                            }
                        };
                        self.add_sums(rows, (factors, step), copied, &windows, &mut sums);
                    }
                    image += count;
                }
                if scratch.fault() {
                    fault.store(true, Ordering::Relaxed);
                }
                totals.lock().unwrap_or_else(PoisonError::into_inner)[part] = sums;
            });
            let mut totals = totals.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter();
            let mut sum = totals.next().unwrap_or_default();
            for other in totals {
                sum.iter_mut().zip(&other).for_each(|(sum, x)| *sum += x);
            }
            // SAFETY: the results of this batch.
            unsafe { self.finish(run, &mut frame, batch * sum.len(), &sum) };
        }
        run.report(fault.into_inner() || frame.fault());
    }

    /// Rows of the factors so that one output's follow each other: where they are, and how far one output is from the next.
    ///
    /// Safety: as [`ConvolvePlan::matrix`].
    unsafe fn columns(
        &self,
        run: &Run<'_>,
        scratch: &mut Scratch,
        batch: usize,
        (first, count): (usize, usize),
        evaluated: &mut Vec<f32>,
    ) -> (*const f32, usize) {
        // SAFETY: the caller's promise; elements are within the block.
        unsafe {
            let (from, strides) = self.matrix(run, scratch, batch, (first, count), evaluated);
            if strides.row == 1 && strides.column >= 0 {
                return (from, strides.column as usize);
            }
            let mut turned = vec![0f32; count * self.outputs];
            for (o, column) in turned.chunks_exact_mut(count).enumerate() {
                for (i, x) in column.iter_mut().enumerate() {
                    *x = *from.offset(i as isize * strides.row + o as isize * strides.column);
                }
            }
            *evaluated = turned;
            (evaluated.as_ptr(), count)
        }
    }

    /// Adds the products of all rows to `[output, window]`.
    ///
    /// Safety: the rows lie within their memory.
    unsafe fn add_sums(
        &self,
        rows: &[(usize, usize)],
        (factors, step): (*const f32, usize),
        image: &[f32],
        windows: &[usize],
        sums: &mut [f32],
    ) {
        let blocks = windows.len().div_ceil(self.kernels.vectors);
        for (low, high) in self.output_blocks() {
            for block in 0..blocks {
                let (from, to) = (block * windows.len() / blocks, (block + 1) * windows.len() / blocks);
                // SAFETY: the caller's promise; the sums of these outputs and windows.
                unsafe {
                    let tile = Sums {
                        rows,
                        length: self.planes.last().elements,
                        factors: factors.add(low * step),
                        step,
                        image: image.as_ptr(),
                        taps: &windows[from..to],
                        out: sums.as_mut_ptr().add(low * windows.len() + from),
                        out_step: windows.len(),
                    };
                    self.kernels.sums[high - low - 1][to - from - 1](&tile);
                }
            }
        }
    }

    /// The epilogue for products that lie one after another from `place` on. Safety: nobody else has these positions.
    unsafe fn finish(&self, run: &Run<'_>, frame: &mut Frame, place: usize, products: &[f32]) {
        for (n, block) in products.chunks(self.epilogue.block()).enumerate() {
            let start = place + n * self.epilogue.block();
            let accumulators = [block.as_ptr().cast::<u8>()];
            // SAFETY: the caller's promise; as many lanes as positions.
            unsafe { self.epilogue.eval(frame, run.operands, start, block.len(), &accumulators) };
        }
    }
}

impl Prepared for ConvolvePlan {
    fn variant(&self) -> &'static str {
        match self.way {
            Way::Positions => "contract/convolve",
            Way::Sums => "contract/convolve-sums",
        }
    }

    fn flops(&self) -> u64 {
        let products = 2 * self.flop as u64;
        products + (self.epilogue.total() as u64).saturating_mul(self.epilogue.arithmetic() as u64)
    }

    fn scratch_bytes(&self) -> u64 {
        let (_, plane) = self.planes.pitches(self.planes.axes[0].extent);
        let copied = match self.way {
            Way::Positions => plane * self.planes.channels + self.outputs * self.positions.min(BLOCK),
            Way::Sums => {
                let factors = if self.lines.is_some() { 0 } else { self.outputs * self.elements };
                self.images_together(plane) * (plane * self.planes.images + factors)
            }
        };
        (copied * size_of::<f32>() + self.epilogue.scratch()) as u64
    }

    unsafe fn run(&self, run: &Run<'_>) {
        // SAFETY: the caller's promise.
        unsafe {
            match self.way {
                Way::Positions => self.run_positions(run),
                Way::Sums => self.run_sums(run),
            }
        }
    }
}
