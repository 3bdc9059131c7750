//! Races: two accesses to the same bytes, at least one of them a write, that nothing orders.
//!
//! Each warp of a block has a clock, and knows how far it has seen the clocks of the others (a vector clock). A barrier joins what its warps know and starts a new tick of
//! each; `bar.warp.sync` starts a new tick of its warp. For every word of memory the last write and two reads by different threads are kept, with their tick. An access
//! that meets one it has not seen is a race. Words are of four bytes until a narrower access comes.
//!
//! Between blocks nothing is ordered but by a fence followed by an atomic that the other block's atomic comes upon; that is tracked by block, not by access, so a write
//! after the release counts as seen. Atomics, volatile and relaxed accesses do not race with each other.

/// Who accessed, when, where in the program. Two words, made in registers: a record is made and copied for every access of every lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// The block above; below it the thread's number plus one (nobody: zero), and in the last bit whether it was atomic.
    who: u64,
    /// The tick above, the instruction below.
    when: u64,
}

impl Record {
    pub(crate) fn new(block: u32, thread: usize, atomic: bool, clock: u32, instruction: usize) -> Record {
        Record {
            who: u64::from(block) << 32 | (thread as u64 + 1) << 1 | u64::from(atomic),
            when: u64::from(clock) << 32 | instruction as u64 & 0xffff_ffff,
        }
    }

    pub(crate) fn block(self) -> u32 {
        (self.who >> 32) as u32
    }

    /// The thread's number in its block, for records of somebody.
    pub(crate) fn thread(self) -> u32 {
        ((self.who & 0xffff_ffff) >> 1) as u32 - 1
    }

    pub(crate) fn instruction(self) -> usize {
        (self.when & 0xffff_ffff) as usize
    }

    fn is_nobody(self) -> bool {
        self.who == 0
    }

    fn is_atomic(self) -> bool {
        self.who & 1 == 1
    }

    fn clock(self) -> u32 {
        (self.when >> 32) as u32
    }

    fn warp(self) -> usize {
        self.thread() as usize / super::LANES
    }

    fn same_thread(self, other: Record) -> bool {
        self.who >> 1 == other.who >> 1
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    write: Record,
    reads: [Record; 2],
}

/// What an access knows of others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observer<'a> {
    pub(crate) warp: usize,
    /// Ticks of the block's warps that this warp has seen, its own among them.
    pub(crate) seen: &'a [u32],
    /// Other blocks of the launch that it has seen.
    pub(crate) blocks: &'a std::collections::HashSet<u32>,
}

impl Observer<'_> {
    fn races(&self, earlier: Record, now: Record) -> bool {
        let both_atomic = earlier.is_atomic() && now.is_atomic();
        !both_atomic && !self.is_after(earlier, now)
    }

    fn is_after(&self, other: Record, now: Record) -> bool {
        if other.is_nobody() || other.same_thread(now) {
            return true;
        }
        if other.block() != now.block() {
            return self.blocks.contains(&other.block());
        }
        let warp = other.warp();
        match warp == self.warp {
            true => other.clock() < self.seen[warp],
            false => other.clock() <= self.seen[warp],
        }
    }
}

const PAGE: usize = 1024;

/// The accesses to one memory.
#[derive(Debug)]
pub(crate) struct Accesses {
    pages: Vec<Option<Box<[Cell; PAGE]>>>,
    /// Bytes of a cell, as a power of two.
    shift: u32,
}

impl Accesses {
    pub(crate) fn new(bytes: usize) -> Accesses {
        Accesses { pages: Self::empty((bytes >> 2).div_ceil(PAGE) + 1), shift: 2 }
    }

    fn empty(pages: usize) -> Vec<Option<Box<[Cell; PAGE]>>> {
        (0..pages).map(|_| None).collect()
    }

    pub(crate) fn reset(&mut self) {
        for page in self.pages.iter_mut().flatten() {
            page.fill(Cell::default());
        }
    }

    fn cell(&mut self, index: usize) -> &mut Cell {
        let page = self.pages[index / PAGE].get_or_insert_with(|| Box::new([Cell::default(); PAGE]));
        &mut page[index % PAGE]
    }

    /// Cells of `1 << shift` bytes from now on.
    fn refine(&mut self, shift: u32) {
        let copies = 1usize << (self.shift - shift);
        let pages = Self::empty(self.pages.len() * copies);
        for (number, page) in std::mem::replace(&mut self.pages, pages).into_iter().enumerate() {
            for (i, cell) in page.iter().flat_map(|page| page.iter()).enumerate() {
                for copy in 0..copies {
                    let at = (number * PAGE + i) * copies + copy;
                    let page = self.pages[at / PAGE].get_or_insert_with(|| Box::new([Cell::default(); PAGE]));
                    page[at % PAGE] = *cell;
                }
            }
        }
        self.shift = shift;
    }

    /// Notes an access; an earlier one that it races with is returned, and whether that one wrote.
    #[inline(always)]
    pub(crate) fn note(
        &mut self,
        at: usize,
        bytes: usize,
        writes: bool,
        now: Record,
        observer: &Observer<'_>,
    ) -> Option<(Record, bool)> {
        let alignment = (at | bytes).trailing_zeros();
        if alignment < self.shift {
            self.refine(alignment);
        }
        let shift = self.shift;
        for index in at >> shift..(at + bytes) >> shift {
            let cell = self.cell(index);
            let earlier = cell.write;
            if observer.races(earlier, now) {
                return Some((earlier, true));
            }
            if writes {
                for read in cell.reads {
                    if observer.races(read, now) {
                        return Some((read, false));
                    }
                }
                *cell = Cell { write: now, reads: [Record::default(); 2] };
            } else {
                // A reader that nothing orders before this one is worth more than one that was seen.
                let [first, second] = cell.reads;
                let slot = match () {
                    () if first.same_thread(now) => 0,
                    () if second.same_thread(now) => 1,
                    () if observer.is_after(first, now) => 0,
                    () if observer.is_after(second, now) => 1,
                    // Two others that are in no order with this one: any later writer meets at least one of them.
                    () => continue,
                };
                cell.reads[slot] = now;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn at(thread: usize, clock: u32) -> Record {
        Record::new(0, thread, false, clock, 0)
    }

    #[test]
    fn barriers_order_and_bytes_are_told_apart() {
        let blocks = HashSet::new();
        let mut accesses = Accesses::new(256);
        let observer = |warp, seen| Observer { warp, seen, blocks: &blocks };
        assert_eq!(accesses.note(0, 4, true, at(0, 1), &observer(0, &[1, 0])), None);
        // Another warp, before it has seen the write, and after.
        assert!(accesses.note(0, 4, false, at(32, 1), &observer(1, &[0, 1])).is_some());
        assert_eq!(accesses.note(0, 4, false, at(32, 2), &observer(1, &[1, 2])), None);
        // Another lane of the same warp, in the same tick and in the next.
        assert_eq!(accesses.note(8, 4, true, at(0, 2), &observer(0, &[2, 1])), None);
        assert!(accesses.note(8, 4, true, at(1, 2), &observer(0, &[2, 1])).is_some());
        assert_eq!(accesses.note(8, 4, true, at(1, 3), &observer(0, &[3, 1])), None);
        // Halves of a word.
        assert_eq!(accesses.note(16, 2, true, at(0, 3), &observer(0, &[3, 1])), None);
        assert_eq!(accesses.note(18, 2, true, at(1, 3), &observer(0, &[3, 1])), None);
        assert!(accesses.note(16, 4, false, at(2, 3), &observer(0, &[3, 1])).is_some());
    }

    #[test]
    fn a_writer_meets_any_of_many_readers() {
        let blocks = HashSet::new();
        let mut accesses = Accesses::new(256);
        let seen = [1];
        let observer = Observer { warp: 0, seen: &seen, blocks: &blocks };
        for thread in 0..5 {
            assert_eq!(accesses.note(0, 4, false, at(thread, 1), &observer), None);
        }
        assert!(accesses.note(0, 4, true, at(4, 1), &observer).is_some());
        assert_eq!(accesses.note(4, 4, false, at(4, 1), &observer), None);
        assert_eq!(accesses.note(4, 4, true, at(4, 1), &observer), None);
    }
}
