//! Loads: from memory into register blocks.

use super::compile::{Compiled, LoadOp};
use super::frame::Frame;
use super::map;
use hadal_graph::DType;

impl Compiled {
    /// Loads `length` lanes into `out`, or returns where they already lie in memory.
    ///
    /// Safety: as [`Compiled::eval`]; `memory` is that of the operand; `out` holds `length` lanes.
    pub(super) unsafe fn load(
        &self,
        frame: &mut Frame,
        load: &LoadOp,
        memory: *const u8,
        out: *mut u8,
        length: usize,
    ) -> Option<*const u8> {
        let size = load.dtype.size();
        let lane = crate::ops::lane(load.dtype).size();
        if load.indirect.iter().any(|i| i.limit < 0) {
            // The indexed axis is empty: no index is in range. Where guards fail everywhere nothing would have been read, but a gather
            // from an empty axis under a guard has no meaning that is worth telling apart.
            if load.indirect.iter().any(|i| i.limit < 0 && !i.clamped) {
                Compiled::set_fault(frame);
            }
            // SAFETY: `out` holds `length` lanes.
            unsafe { std::ptr::write_bytes(out, 0, length * lane) };
            return None;
        }
        let one_row = matches!(self.segments(frame).0, [segment] if segment.rows == 1);
        let steady = one_row && !load.indirect.iter().any(|i| self.is_varying(i.node));
        // SAFETY: below, every address is within the operand: proven at compilation, or tested by `within` where guards cut the domain.
        unsafe {
            if !load.indirect.is_empty() && !steady {
                self.gather(frame, load, memory, out, length);
                return None;
            }
            let rank = self.extents.len();
            let (outer, step) = (load.map.outer(), load.map.inner());
            if !one_row && load.bounds.is_empty() && load.indirect.is_empty() && size == lane {
                let (segments, coordinates) = self.segments(frame);
                for s in segments {
                    let first = load.map.at(&coordinates[s.coordinates..][..rank]);
                    let source = memory.offset(first as isize * size as isize);
                    gather_rows(source, (outer, step), size, (s.rows, s.length), out.add(s.at * lane));
                }
                return None;
            }
            for s in 0..self.segments(frame).0.len() {
                for row in 0..self.segments(frame).0[s].rows {
                    let (segments, coordinates) = self.segments(frame);
                    let segment = segments[s];
                    let coordinates = &coordinates[segment.coordinates..][..rank];
                    let mut first = load.map.at(coordinates).wrapping_add(row as i64 * outer);
                    let (low, high) = map::interval(&load.bounds, coordinates, row, segment.length);
                    let out = out.add((segment.at + row * segment.length) * lane);
                    if high > low {
                        for i in &load.indirect {
                            let index = self.index_at(frame, i, 0);
                            let clamped = index.clamp(0, i.limit);
                            if clamped != index && !i.clamped {
                                Compiled::set_fault(frame);
                            }
                            first = first.wrapping_add(clamped.wrapping_mul(i.stride));
                        }
                    }
                    let guarded = !load.bounds.is_empty();
                    if guarded {
                        std::ptr::write_bytes(out, 0, low * lane);
                        std::ptr::write_bytes(out.add(high * lane), 0, (segment.length - high) * lane);
                        if high == low {
                            continue;
                        }
                        let ends = [low, high - 1].map(|i| first.wrapping_add((i as i64).wrapping_mul(step)));
                        if ends.iter().any(|&e| e < 0 || e >= load.elements as i64) {
                            std::ptr::write_bytes(out, 0, segment.length * lane);
                            Compiled::set_fault(frame);
                            continue;
                        }
                    }
                    let source = memory.offset((first + low as i64 * step) as isize * size as isize);
                    let (out, count) = (out.add(low * lane), high - low);
                    match step {
                        1 if load.borrow && one_row && count == length => return Some(source),
                        1 => (load.convert)(source, out, count),
                        0 => {
                            (load.convert)(source, out, 1);
                            let mut value = [0u8; 8];
                            std::ptr::copy_nonoverlapping(out, value.as_mut_ptr(), lane);
                            splat(value.as_ptr(), out, lane, count);
                        }
                        _ => strided(source, step, out, load.dtype, count),
                    }
                }
            }
        }
        None
    }

    /// One run-time address per position. Safety: as [`Compiled::load`].
    unsafe fn gather(
        &self,
        frame: &mut Frame,
        load: &LoadOp,
        memory: *const u8,
        out: *mut u8,
        length: usize,
    ) {
        let (size, lane) = (load.dtype.size(), crate::ops::lane(load.dtype).size());
        let rank = self.extents.len();
        let fault_before = frame.fault();
        let mut addresses = std::mem::take(&mut frame.addresses);
        // SAFETY: index registers were evaluated for the range.
        unsafe { self.addresses(frame, &load.map, &load.indirect, length, &mut addresses) };
        if !load.bounds.is_empty() {
            // Faults count only where the guards hold: decide them again, position by position.
            let faulted = std::mem::replace(frame.fault_mut(), fault_before);
            let mut fault = fault_before;
            let (segments, coordinates) = self.segments(frame);
            let rows = segments.iter().flat_map(|s| (0..s.rows).map(move |row| (s, row)));
            for (s, row) in rows {
                let own = &coordinates[s.coordinates..][..rank];
                let (low, high) = map::interval(&load.bounds, own, row, s.length);
                for i in 0..s.length {
                    let at = s.at + row * s.length + i;
                    let address = &mut addresses[at];
                    if !(low..high).contains(&i) {
                        *address = -1;
                        continue;
                    }
                    let outside = |n: &super::compile::IndirectOp| {
                        !n.clamped && !(0..=n.limit).contains(&self.index_at(frame, n, at))
                    };
                    fault |= faulted && load.indirect.iter().any(outside);
                    if *address < 0 || *address >= load.elements as i64 {
                        fault = true;
                        *address = -1;
                    }
                }
            }
            *frame.fault_mut() = fault;
        }
        // SAFETY: addresses are in range or -1; `out` holds `length` lanes.
        unsafe {
            match (size, lane) {
                (1, 1) => gather_elements::<u8>(memory, &addresses, out),
                (2, 2) => gather_elements::<u16>(memory, &addresses, out),
                (4, 4) => gather_elements::<u32>(memory, &addresses, out),
                (8, 8) => gather_elements::<u64>(memory, &addresses, out),
                _ => {
                    for (i, &address) in addresses.iter().enumerate() {
                        if address < 0 {
                            std::ptr::write_bytes(out.add(i * lane), 0, lane);
                        } else {
                            (load.convert)(memory.add(address as usize * size), out.add(i * lane), 1);
                        }
                    }
                }
            }
        }
        frame.addresses = addresses;
    }
}

/// Safety: every address that is not negative is within `memory`; `out` holds as many elements as there are addresses.
unsafe fn gather_elements<T: Copy + Default>(memory: *const u8, addresses: &[i64], out: *mut u8) {
    let (memory, out) = (memory.cast::<T>(), out.cast::<T>());
    for (i, &address) in addresses.iter().enumerate() {
        // SAFETY: see above.
        unsafe { *out.add(i) = if address < 0 { T::default() } else { *memory.add(address as usize) } };
    }
}

/// Repeats one lane. Safety: `value` holds a lane of `size` bytes, `out` holds `length`, and they are apart.
pub(super) unsafe fn splat(value: *const u8, out: *mut u8, size: usize, length: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        match size {
            1 => std::slice::from_raw_parts_mut(out, length).fill(*value),
            2 => std::slice::from_raw_parts_mut(out.cast::<u16>(), length)
                .fill(value.cast::<u16>().read_unaligned()),
            4 => std::slice::from_raw_parts_mut(out.cast::<u32>(), length)
                .fill(value.cast::<u32>().read_unaligned()),
            _ => std::slice::from_raw_parts_mut(out.cast::<u64>(), length)
                .fill(value.cast::<u64>().read_unaligned()),
        }
    }
}

/// `out[i] = f(i)`.
#[inline(always)]
pub(super) fn fill<T>(out: &mut [T], f: impl Fn(usize) -> T) {
    for (i, o) in out.iter_mut().enumerate() {
        *o = f(i);
    }
}

/// Reads every `step`-th element into lanes. Safety: those elements exist; `out` holds `length` lanes.
unsafe fn strided(source: *const u8, step: i64, out: *mut u8, dtype: DType, length: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        match dtype {
            DType::F16 => every::<half::f16, f32>(source, step, out, length, |x| x.to_f32()),
            DType::BF16 => every::<half::bf16, f32>(source, step, out, length, |x| x.to_f32()),
            d => match d.size() {
                1 => every::<u8, u8>(source, step, out, length, |x| x),
                2 => every::<u16, u16>(source, step, out, length, |x| x),
                4 => every::<u32, u32>(source, step, out, length, |x| x),
                _ => every::<u64, u64>(source, step, out, length, |x| x),
            },
        }
    }
}

/// Safety: as [`strided`].
#[inline(always)]
unsafe fn every<S: Copy, T>(
    source: *const u8,
    step: i64,
    out: *mut u8,
    length: usize,
    convert: impl Fn(S) -> T,
) {
    let (source, out) = (source.cast::<S>(), out.cast::<T>());
    for i in 0..length {
        // SAFETY: the caller's promise.
        unsafe { *out.add(i) = convert(*source.offset(i as isize * step as isize)) };
    }
}

/// Reads rows of elements of `size` bytes into lanes; the steps are those from one row to the next, and within a row.
///
/// Safety: those elements exist; `out` holds them.
unsafe fn gather_rows(source: *const u8, steps: (i64, i64), size: usize, rows: (usize, usize), out: *mut u8) {
    let (outer, inner) = (steps.0 as isize, steps.1 as isize);
    let dense = (rows.1 as isize, 1);
    // SAFETY: the caller's promise.
    unsafe {
        match size {
            1 => copy_rows::<u8>(source, (outer, inner), out, dense, rows),
            2 => copy_rows::<u16>(source, (outer, inner), out, dense, rows),
            4 => copy_rows::<u32>(source, (outer, inner), out, dense, rows),
            _ => copy_rows::<u64>(source, (outer, inner), out, dense, rows),
        }
    }
}

/// Writes lanes of `size` bytes to rows of elements; the steps are those from one row to the next, and within a row.
///
/// Safety: those elements exist; `source` holds them.
pub(super) unsafe fn scatter_rows(
    source: *const u8,
    target: *mut u8,
    steps: (i64, i64),
    size: usize,
    rows: (usize, usize),
) {
    let (outer, inner) = (steps.0 as isize, steps.1 as isize);
    let dense = (rows.1 as isize, 1);
    // SAFETY: the caller's promise.
    unsafe {
        match size {
            1 => copy_rows::<u8>(source, dense, target, (outer, inner), rows),
            2 => copy_rows::<u16>(source, dense, target, (outer, inner), rows),
            4 => copy_rows::<u32>(source, dense, target, (outer, inner), rows),
            _ => copy_rows::<u64>(source, dense, target, (outer, inner), rows),
        }
    }
}

/// Safety: as [`gather_rows`].
unsafe fn copy_rows<T: Copy>(
    from: *const u8,
    from_steps: (isize, isize),
    to: *mut u8,
    to_steps: (isize, isize),
    (rows, length): (usize, usize),
) {
    let (mut from, mut to) = (from.cast::<T>(), to.cast::<T>());
    // SAFETY: the caller's promise. Steps that are known when this is compiled make vectors of the inner loops.
    unsafe {
        for _ in 0..rows {
            match (from_steps.1, to_steps.1) {
                (1, 1) => copy_row(from, 1, to, 1, length),
                (2, 1) => copy_row(from, 2, to, 1, length),
                (1, 2) => copy_row(from, 1, to, 2, length),
                (from_step, to_step) => copy_row(from, from_step, to, to_step, length),
            }
            from = from.wrapping_offset(from_steps.0);
            to = to.wrapping_offset(to_steps.0);
        }
    }
}

/// Safety: as [`gather_rows`].
#[inline(always)]
unsafe fn copy_row<T: Copy>(from: *const T, from_step: isize, to: *mut T, to_step: isize, length: usize) {
    for i in 0..length as isize {
        // SAFETY: the caller's promise.
        unsafe { *to.offset(i * to_step) = *from.offset(i * from_step) };
    }
}

/// Writes lanes to every `step`-th element of `dtype`. Safety: those elements exist; `source` holds `length` lanes.
pub(super) unsafe fn scatter_elements(
    source: *const u8,
    target: *mut u8,
    step: i64,
    dtype: DType,
    length: usize,
) {
    let lane = crate::ops::lane(dtype).size();
    // SAFETY: the caller's promise.
    unsafe {
        if lane != dtype.size() {
            let convert = crate::ops::store(dtype);
            for i in 0..length {
                let target = target.offset(i as isize * step as isize * dtype.size() as isize);
                convert(source.add(i * lane), target, 1);
            }
            return;
        }
        match lane {
            1 => spread::<u8>(source, target, step, length),
            2 => spread::<u16>(source, target, step, length),
            4 => spread::<u32>(source, target, step, length),
            _ => spread::<u64>(source, target, step, length),
        }
    }
}

/// Safety: as [`scatter_elements`].
unsafe fn spread<T: Copy>(source: *const u8, target: *mut u8, step: i64, length: usize) {
    let (source, target) = (source.cast::<T>(), target.cast::<T>());
    for i in 0..length {
        // SAFETY: the caller's promise.
        unsafe { *target.offset(i as isize * step as isize) = *source.add(i) };
    }
}
