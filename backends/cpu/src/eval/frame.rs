//! The register blocks of one worker, and the evaluation loop.

use super::compile::{Class, Compiled, IndirectOp, Node, Op, StoreOp};
use super::load::{fill, scatter_elements, scatter_rows, splat};
use super::map::{self, Map};
use crate::philox::philox;
use hadal_graph::DType;

/// The memory of the values that a step reads and writes, by position.
///
/// Whoever makes one promises: each pointer is aligned to 64 bytes (8 for parameters) and valid for the number of elements that
/// [`Stepped`](super::Stepped) named, for as long as the step runs; nobody outside the step writes to the reads or touches the writes; reads
/// and writes overlap only where `aliased` says so.
#[derive(Clone, Debug, Default)]
pub(crate) struct Operands {
    pub(crate) reads: Vec<*const u8>,
    pub(crate) writes: Vec<*mut u8>,
}

// SAFETY: the pointers are only followed by workers of one step, which write to disjoint elements (the promise of `Store`).
unsafe impl Send for Operands {}
// SAFETY: as above.
unsafe impl Sync for Operands {}

/// Accumulators as lanes: one number each, or a vector along the evaluated range.
pub(crate) type Accumulators<'a> = &'a [*const u8];

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line(#[allow(dead_code, reason = "only its size and alignment matter")] [u8; 64]);

/// Parts of an evaluated range that lie in rows of the innermost axis, one after another along the axis before it.
#[derive(Clone, Copy)]
pub(super) struct Segment {
    /// First position within the block.
    pub(super) at: usize,
    /// Positions of each row.
    pub(super) length: usize,
    pub(super) rows: usize,
    /// Where the coordinates of its first position start in [`Frame::coordinates`].
    pub(super) coordinates: usize,
}

/// Registers of one worker for one [`Compiled`].
pub(crate) struct Frame {
    lines: Vec<Line>,
    registers: Vec<*const u8>,
    coordinates: Vec<i64>,
    segments: Vec<Segment>,
    pub(super) addresses: Vec<i64>,
    row: Option<usize>,
    /// How many lanes registers of the row have.
    repeated: usize,
    /// Where the first value is to be, while [`Compiled::eval_into`] runs.
    target: Option<*mut u8>,
    started: bool,
    fault: bool,
}

impl Frame {
    pub(crate) fn new(compiled: &Compiled) -> Frame {
        Frame {
            lines: vec![Line([0; 64]); compiled.scratch.div_ceil(64)],
            registers: vec![std::ptr::null(); compiled.nodes.len()],
            coordinates: Vec::new(),
            segments: Vec::new(),
            addresses: Vec::new(),
            row: None,
            repeated: 0,
            target: None,
            started: false,
            fault: false,
        }
    }

    /// The accumulators have new values.
    pub(crate) fn forget_row(&mut self) {
        self.row = None;
    }

    /// Whether a run-time index was out of range since the frame was made.
    pub(crate) fn fault(&self) -> bool {
        self.fault
    }

    pub(super) fn fault_mut(&mut self) -> &mut bool {
        &mut self.fault
    }

    fn slot(&mut self, node: &Node) -> *mut u8 {
        let base = self.lines.as_mut_ptr().cast::<u8>();
        // SAFETY: `allocate` laid every slot within the `scratch` bytes that `lines` holds.
        unsafe { base.add(node.slot) }
    }
}

impl Compiled {
    /// Evaluates positions `start..start + length`, of which there are at most [`Compiled::block`], and performs the stores.
    ///
    /// Safety: `operands` are those of the step that this was compiled for and keep the promise of [`Operands`]; `accumulators` point to as
    /// many lanes as `numbers` says; `start + length` is at most [`Compiled::total`]; `frame` was made for `self` and has seen no
    /// other operands; no other worker evaluates positions that store to the same elements.
    pub(crate) unsafe fn eval(
        &self,
        frame: &mut Frame,
        operands: &Operands,
        start: usize,
        length: usize,
        accumulators: Accumulators<'_>,
    ) {
        debug_assert!(length <= self.block && start + length <= self.total);
        if length == 0 {
            return;
        }
        let inner = self.inner();
        let order = &self.order;
        // SAFETY: for all calls below, the promises are the caller's own.
        unsafe {
            if !frame.started {
                self.within_row(frame, start, 1);
                self.nodes_of(frame, operands, accumulators, 1, &order.uniform);
                self.splat_all(frame, &order.uniform, self.block);
                frame.started = true;
            }
            if start % inner + length <= inner {
                if !order.row.is_empty() {
                    if frame.row != Some(start / inner) {
                        self.within_row(frame, start, 1);
                        self.nodes_of(frame, operands, accumulators, 1, &order.row);
                        (frame.row, frame.repeated) = (Some(start / inner), 1);
                    }
                    if frame.repeated < length {
                        self.splat_all(frame, &order.row, length);
                        frame.repeated = length;
                    }
                }
                self.within_row(frame, start, length);
                self.nodes_of(frame, operands, accumulators, length, &order.varying);
                self.stores(frame, operands, length, true);
            } else {
                frame.row = None;
                self.segment(frame, start, length);
                self.nodes_of(frame, operands, accumulators, length, &order.moving);
                self.stores(frame, operands, length, false);
            }
        }
    }

    /// As [`Compiled::eval`], with the lanes of the first value in `out`.
    ///
    /// Safety: as [`Compiled::eval`]; `out` holds `length` lanes and is apart from the operands and the frame.
    pub(crate) unsafe fn eval_into(
        &self,
        frame: &mut Frame,
        operands: &Operands,
        start: usize,
        length: usize,
        accumulators: Accumulators<'_>,
        out: *mut u8,
    ) {
        frame.target = Some(out);
        // SAFETY: the caller's promise. What was not computed in place is copied from its register, which holds `length` lanes.
        unsafe {
            self.eval(frame, operands, start, length, accumulators);
            frame.target = None;
            let value = self.value(frame, 0);
            if !std::ptr::eq(value, out) {
                std::ptr::copy_nonoverlapping(value, out, length * self.nodes[self.values[0]].size);
            }
        }
    }

    /// The n-th of [`Source::values`](super::Source::values) after [`Compiled::eval`]: as many lanes as positions were evaluated, valid until the next evaluation.
    pub(crate) fn value(&self, frame: &Frame, n: usize) -> *const u8 {
        frame.registers[self.values[n]]
    }

    /// The one segment of a range within a row.
    fn within_row(&self, frame: &mut Frame, start: usize, length: usize) {
        frame.segments.clear();
        frame.segments.push(Segment { at: 0, length, rows: 1, coordinates: 0 });
        frame.coordinates.resize(self.extents.len(), 0);
        map::coordinates(start, &self.extents, &mut frame.coordinates);
    }

    /// Cuts a range into rows.
    fn segment(&self, frame: &mut Frame, start: usize, length: usize) {
        frame.segments.clear();
        frame.coordinates.clear();
        let (rank, inner) = (self.extents.len(), self.inner());
        let mut at = 0;
        frame.coordinates.resize(rank, 0);
        map::coordinates(start, &self.extents, &mut frame.coordinates);
        while at < length {
            let coordinates = frame.coordinates.len() - rank;
            let own = &frame.coordinates[coordinates..];
            let left = length - at;
            let here = (inner - (start + at) % inner).min(left);
            // Whole rows go together, as far as the axis before the innermost goes.
            let rows = match rank {
                2.. if here == inner => (left / inner).min(self.extents[rank - 2] - own[rank - 2] as usize),
                _ => 1,
            };
            frame.segments.push(Segment { at, length: here, rows, coordinates });
            at += here * rows;
            if at < length {
                // The next row: the innermost coordinate restarts, the others count up.
                frame.coordinates.extend_from_within(coordinates..);
                let next = &mut frame.coordinates[coordinates + rank..];
                next[rank - 1] = 0;
                let mut carry = rows as i64;
                for axis in (0..rank - 1).rev() {
                    next[axis] += carry;
                    if next[axis] < self.extents[axis] as i64 {
                        break;
                    }
                    next[axis] = 0;
                    carry = 1;
                }
            }
        }
    }

    /// Safety: as [`Compiled::eval`].
    unsafe fn nodes_of(
        &self,
        frame: &mut Frame,
        operands: &Operands,
        accumulators: Accumulators<'_>,
        length: usize,
        chosen: &[usize],
    ) {
        for &n in chosen {
            let node = &self.nodes[n];
            let mut out = frame.slot(node);
            // SAFETY: registers of operands were set before, by this loop or by one for a lower class, and hold `length` lanes; slots hold a
            // block and are never those of operands; addresses were checked when the program was compiled.
            unsafe {
                match &node.op {
                    Op::Load(load) => {
                        if let Some(borrowed) =
                            self.load(frame, load, operands.reads[load.operand], out, length)
                        {
                            frame.registers[n] = borrowed;
                            continue;
                        }
                    }
                    Op::Accumulator(a) if *a < self.numbers => {
                        splat(accumulators[*a], out, node.size, length);
                    }
                    Op::Accumulator(a) => {
                        frame.registers[n] = accumulators[*a];
                        continue;
                    }
                    Op::Const(bits) => splat(bits.as_ptr(), out, node.size, length),
                    Op::Index(map) => {
                        for s in &frame.segments {
                            let first = map.at(&frame.coordinates[s.coordinates..][..self.extents.len()]);
                            for row in 0..s.rows {
                                let out = out.add((s.at + row * s.length) * node.size);
                                let first = first.wrapping_add(row as i64 * map.outer());
                                index(first, map.inner(), out, node.dtype, s.length);
                            }
                        }
                    }
                    Op::InBounds(bounds) => {
                        for s in &frame.segments {
                            let coordinates = &frame.coordinates[s.coordinates..][..self.extents.len()];
                            for row in 0..s.rows {
                                let (low, high) = map::interval(bounds, coordinates, row, s.length);
                                let out = out.add(s.at + row * s.length);
                                let out = std::slice::from_raw_parts_mut(out, s.length);
                                out.fill(0);
                                out[low..high].fill(1);
                            }
                        }
                    }
                    Op::One(f, a) => {
                        out = self.destination(frame, operands, node, length).unwrap_or(out);
                        f(frame.registers[*a], out, length);
                    }
                    Op::Two(f, a, b) => {
                        out = self.destination(frame, operands, node, length).unwrap_or(out);
                        f(frame.registers[*a], frame.registers[*b], out, length);
                    }
                    Op::Three(f, a, b, c) => {
                        out = self.destination(frame, operands, node, length).unwrap_or(out);
                        f(frame.registers[*a], frame.registers[*b], frame.registers[*c], out, length);
                    }
                    Op::Random { key, counter } => {
                        out = self.destination(frame, operands, node, length).unwrap_or(out);
                        let key =
                            key.map(|k| std::slice::from_raw_parts(frame.registers[k].cast::<u32>(), length));
                        for s in &frame.segments {
                            let first = counter.at(&frame.coordinates[s.coordinates..][..self.extents.len()]);
                            for row in 0..s.rows {
                                let at = s.at + row * s.length;
                                let out = std::slice::from_raw_parts_mut(out.cast::<u32>().add(at), s.length);
                                let key = key.map(|k| &k[at..][..s.length]);
                                let first = first.wrapping_add(row as i64 * counter.outer());
                                random(first, counter.inner(), key, out);
                            }
                        }
                    }
                }
            }
            frame.registers[n] = out;
        }
    }

    /// Where a register can be computed directly: that for a value, or where it is stored contiguously, if the range lies in one row.
    fn destination(&self, frame: &Frame, operands: &Operands, node: &Node, length: usize) -> Option<*mut u8> {
        if node.wanted && frame.target.is_some() {
            return frame.target;
        }
        let store = &self.stores[node.direct?];
        let &[Segment { length: whole, rows: 1, .. }] = frame.segments.as_slice() else { return None };
        if whole != length {
            return None;
        }
        let address = store.map.at(&frame.coordinates[..self.extents.len()]);
        // SAFETY: the address was checked to be within the result.
        Some(unsafe { operands.writes[store.target].add(address as usize * store.dtype.size()) })
    }

    /// Repeats those of the chosen registers that are read as vectors. Safety: their first lane was evaluated.
    unsafe fn splat_all(&self, frame: &mut Frame, chosen: &[usize], length: usize) {
        for &n in chosen {
            let node = &self.nodes[n];
            if node.splat {
                let out = frame.slot(node);
                // SAFETY: the slot holds a block, which is at least `length` lanes.
                unsafe {
                    let mut first = [0u8; 8];
                    std::ptr::copy_nonoverlapping(frame.registers[n], first.as_mut_ptr(), node.size);
                    splat(first.as_ptr(), out, node.size, length);
                }
                frame.registers[n] = out;
            }
        }
    }

    /// Safety: as [`Compiled::eval`], after all registers were evaluated; `one_row` says whether the range lies in one row.
    unsafe fn stores(&self, frame: &mut Frame, operands: &Operands, length: usize, one_row: bool) {
        for (s, store) in self.stores.iter().enumerate() {
            if one_row && self.nodes[store.node].direct == Some(s) {
                continue;
            }
            // SAFETY: addresses were checked when the program was compiled; indices are clamped to their limits.
            unsafe { self.store(frame, store, operands.writes[store.target], length) }
        }
    }

    /// Safety: as [`Compiled::stores`].
    unsafe fn store(&self, frame: &mut Frame, store: &StoreOp, target: *mut u8, length: usize) {
        let (lane, size) = (self.nodes[store.node].size, store.dtype.size());
        let source = frame.registers[store.node];
        if store.indirect.iter().any(|i| i.limit < 0) {
            // Nothing can be in range, so nothing is written.
            frame.fault = true;
            return;
        }
        // SAFETY: `source` holds `length` lanes; addresses are within the target, see `stores`.
        unsafe {
            if !store.indirect.is_empty() {
                let mut addresses = std::mem::take(&mut frame.addresses);
                self.addresses(frame, &store.map, &store.indirect, length, &mut addresses);
                for (i, &address) in addresses.iter().enumerate() {
                    (store.convert)(source.add(i * lane), target.add(address as usize * size), 1);
                }
                frame.addresses = addresses;
                return;
            }
            let (outer, step) = (store.map.outer(), store.map.inner());
            for s in &frame.segments {
                let first = store.map.at(&frame.coordinates[s.coordinates..][..self.extents.len()]) as usize;
                let (source, target) = (source.add(s.at * lane), target.add(first * size));
                if s.rows > 1 && lane == size {
                    scatter_rows(source, target, (outer, step), size, (s.rows, s.length));
                    continue;
                }
                for row in 0..s.rows {
                    let source = source.add(row * s.length * lane);
                    let target = target.offset(row as isize * outer as isize * size as isize);
                    if step == 1 || s.length == 1 {
                        (store.convert)(source, target, s.length);
                    } else {
                        scatter_elements(source, target, step, store.dtype, s.length);
                    }
                }
            }
        }
    }

    /// The address of each position of the range: the map plus clamped run-time indices. Sets the fault where an index is out of range.
    ///
    /// Safety: index registers hold `length` lanes; limits are not negative.
    pub(super) unsafe fn addresses(
        &self,
        frame: &mut Frame,
        map: &Map,
        indirect: &[IndirectOp],
        length: usize,
        into: &mut Vec<i64>,
    ) {
        into.clear();
        for s in &frame.segments {
            let first = map.at(&frame.coordinates[s.coordinates..][..self.extents.len()]);
            for row in 0..s.rows as i64 {
                let first = first + row * map.outer();
                into.extend((0..s.length as i64).map(|i| first + i * map.inner()));
            }
        }
        for i in indirect {
            let register = frame.registers[i.node];
            for (n, address) in into.iter_mut().enumerate().take(length) {
                // SAFETY: the caller promises the lanes.
                let index = unsafe { read_index(register, i.dtype, n) };
                let clamped = index.clamp(0, i.limit);
                frame.fault |= clamped != index && !i.clamped;
                *address = address.wrapping_add(clamped.wrapping_mul(i.stride));
            }
        }
    }

    pub(super) fn segments<'f>(&self, frame: &'f Frame) -> (&'f [Segment], &'f [i64]) {
        (&frame.segments, &frame.coordinates)
    }

    pub(super) fn index_at(&self, frame: &Frame, i: &IndirectOp, position: usize) -> i64 {
        // SAFETY: the register holds at least `position + 1` lanes: it was evaluated for the range or is uniform.
        unsafe { read_index(frame.registers[i.node], i.dtype, position) }
    }

    pub(super) fn is_varying(&self, node: usize) -> bool {
        self.nodes[node].class == Class::Varying
    }

    pub(super) fn set_fault(frame: &mut Frame) {
        frame.fault = true;
    }
}

/// Safety: `register` holds more than `n` lanes of the integer type `dtype`.
pub(crate) unsafe fn read_index(register: *const u8, dtype: DType, n: usize) -> i64 {
    // SAFETY: the caller promises the lane.
    unsafe {
        match dtype {
            DType::I8 => *register.cast::<i8>().add(n) as i64,
            DType::I16 => *register.cast::<i16>().add(n) as i64,
            DType::I32 => *register.cast::<i32>().add(n) as i64,
            DType::I64 => *register.cast::<i64>().add(n),
            DType::U8 | DType::Bool => *register.add(n) as i64,
            DType::U16 => *register.cast::<u16>().add(n) as i64,
            DType::U32 => *register.cast::<u32>().add(n) as i64,
            // Above i64::MAX is out of any range, like -1.
            DType::U64 => i64::try_from(*register.cast::<u64>().add(n)).unwrap_or(i64::MAX),
            DType::F16 | DType::BF16 | DType::F32 | DType::F64 => -1,
        }
    }
}

/// `out[i] = first + i·step` as `dtype`. Safety: `out` holds `length` lanes.
unsafe fn index(first: i64, step: i64, out: *mut u8, dtype: DType, length: usize) {
    crate::ops::with_lane!(dtype, T => {
        // SAFETY: the caller promises the lanes.
        let out = unsafe { std::slice::from_raw_parts_mut(out.cast::<T>(), length) };
        fill(out, |i| first.wrapping_add(step.wrapping_mul(i as i64)) as T);
    });
}

/// Philox words for elements `first + i·step`, each with its own key.
fn random(first: i64, step: i64, key: [&[u32]; 2], out: &mut [u32]) {
    let mut cached = (0u64, [0u32; 2], [0u32; 4]);
    let mut valid = false;
    for (i, out) in out.iter_mut().enumerate() {
        let number = first.wrapping_add(step.wrapping_mul(i as i64)) as u64;
        let (counter, key) = (number / 4, [key[0][i], key[1][i]]);
        if !valid || cached.0 != counter || cached.1 != key {
            cached = (counter, key, philox([counter as u32, 0, 0, 0], key));
            valid = true;
        }
        *out = cached.2[(number % 4) as usize];
    }
}
