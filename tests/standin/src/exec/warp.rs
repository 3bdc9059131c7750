//! A warp: its registers, and its groups of lanes that run together.

use super::LANES;
use super::asynchronous::Pending;
use crate::compile::code::{Code, Reg, Relation, Row, Special, lanes};
use crate::memory::Defined;

/// Why a group does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// For other lanes of the warp, at an operation of all that `members` names.
    Members,
    /// At a barrier of the block: its number, how many threads it waits for, if not for all.
    Barrier { id: usize, count: Option<usize>, aligned: bool },
}

/// Lanes at one place.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) pc: usize,
    pub(crate) mask: u32,
    /// Where calls return to.
    pub(crate) stack: Vec<usize>,
    pub(crate) wait: Option<Wait>,
    /// When it was last chosen.
    age: u64,
}

/// A warp of a block.
pub(crate) struct Warp {
    pub(crate) number: usize,
    pub(crate) rows: Vec<Row>,
    /// For each row the lanes that hold a value.
    pub(crate) defined: Vec<u32>,
    pub(crate) groups: Vec<Group>,
    /// Lanes that the block has.
    pub(crate) present: u32,
    /// Lanes that are done.
    pub(crate) exited: u32,
    /// Local memory, one lane behind the other.
    pub(crate) local: Vec<u8>,
    pub(crate) local_defined: Defined,
    pub(crate) pending: Pending,
    /// A fence came after the last plain store.
    pub(crate) fenced: bool,
    /// Jumps backwards since the choice was last forced.
    pub(crate) spins: u32,
    ticks: u64,
}

/// A launch's numbers that special registers show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) grid: [u32; 3],
    pub(crate) block: [u32; 3],
    pub(crate) index: [u32; 3],
    pub(crate) linear: u32,
    pub(crate) multiprocessors: u32,
    pub(crate) dynamic_shared: u32,
    pub(crate) total_shared: u32,
    pub(crate) number: u64,
}

/// `threadIdx` of a thread's number in its block.
pub(crate) fn thread_index(block: [u32; 3], thread: u32) -> [u32; 3] {
    [thread % block[0], thread / block[0] % block[1], thread / (block[0] * block[1])]
}

impl Warp {
    pub(crate) fn new(code: &Code, number: usize) -> Warp {
        Warp {
            number,
            rows: vec![[0; LANES]; code.rows],
            defined: vec![0; code.rows],
            groups: Vec::new(),
            present: 0,
            exited: 0,
            local: vec![0xcd; code.local_size * LANES],
            local_defined: Defined::none(code.local_size * LANES),
            pending: Pending::default(),
            fenced: false,
            spins: 0,
            ticks: 0,
        }
    }

    /// As a block begins.
    pub(crate) fn start(&mut self, code: &Code, place: &Place) {
        let threads = (place.block[0] * place.block[1] * place.block[2]) as usize;
        let here = (threads - self.number * LANES).min(LANES);
        self.present = u32::MAX >> (LANES - here);
        self.exited = 0;
        self.groups.clear();
        self.groups.push(Group { pc: 0, mask: self.present, stack: Vec::new(), wait: None, age: 0 });
        self.defined.fill(0);
        if code.local_size > 0 {
            self.local_defined = Defined::none(code.local_size * LANES);
        }
        self.pending = Pending::default();
        (self.fenced, self.spins, self.ticks) = (false, 0, 0);
        for &(row, value) in &code.constants {
            self.rows[row] = [value; LANES];
            self.defined[row] = u32::MAX;
        }
        for &(row, special) in &code.specials {
            self.defined[row] = u32::MAX;
            for lane in 0..LANES {
                let thread = thread_index(place.block, (self.number * LANES + lane) as u32);
                self.rows[row][lane] = special_value(special, place, thread, self.number, lane);
            }
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.groups.is_empty()
    }

    /// The group that runs next: the deepest call first, then the lowest instruction; with `by_age` the one that waits longest.
    pub(crate) fn choose(&mut self, by_age: bool) -> Option<usize> {
        let runnable = self.groups.iter().enumerate().filter(|(_, g)| g.wait.is_none());
        let (index, _) = match by_age {
            true => runnable.min_by_key(|(_, g)| g.age)?,
            false => runnable.min_by_key(|(_, g)| (std::cmp::Reverse(g.stack.len()), g.pc))?,
        };
        self.ticks += 1;
        self.groups[index].age = self.ticks;
        Some(index)
    }

    /// Where the running group must stop to look at the others: the next place above it where one stands.
    pub(crate) fn next_stop(&self, running: usize) -> usize {
        let pc = self.groups[running].pc;
        let others = self.groups.iter().enumerate().filter(|&(i, g)| i != running && g.pc > pc);
        others.map(|(_, g)| g.pc).min().unwrap_or(usize::MAX)
    }

    /// Merges groups that stand at the same place with the `running` one; its new number is returned. What waited tries again, with more lanes.
    pub(crate) fn merge(&mut self, mut running: usize) -> usize {
        let mut i = 0;
        while i < self.groups.len() {
            let (a, b) = (&self.groups[running], &self.groups[i]);
            if i != running && a.pc == b.pc && a.stack == b.stack {
                let mask = b.mask;
                self.groups[running].mask |= mask;
                self.groups.swap_remove(i);
                if running == self.groups.len() {
                    running = i;
                }
                // What was swapped here is looked at, too.
                continue;
            }
            i += 1;
        }
        running
    }

    /// Lanes of a group go elsewhere, or the whole group does.
    pub(crate) fn split(&mut self, running: usize, mask: u32, pc: usize) {
        let group = &mut self.groups[running];
        if group.mask == mask {
            group.pc = pc;
            return;
        }
        group.mask &= !mask;
        let new = Group { pc, mask, stack: group.stack.clone(), wait: None, age: group.age };
        self.groups.push(new);
    }

    /// Lanes are done.
    pub(crate) fn exit(&mut self, running: usize, mask: u32) {
        self.exited |= mask;
        self.groups[running].mask &= !mask;
        if self.groups[running].mask == 0 {
            self.groups.swap_remove(running);
        }
    }

    /// The lanes of `mask` where a row does not hold a value.
    pub(crate) fn undefined(&self, row: Reg, mask: u32) -> u32 {
        mask & !self.defined[row]
    }

    /// The lanes of `mask` where a predicate holds.
    pub(crate) fn holds(&self, row: Reg, negated: bool, mask: u32) -> u32 {
        let values = &self.rows[row];
        let bits = (0..LANES).fold(0, |bits, lane| bits | ((values[lane] & 1) as u32) << lane);
        (if negated { !bits } else { bits }) & mask
    }

    pub(crate) fn set_defined(&mut self, row: Reg, mask: u32, defined: u32) {
        self.defined[row] = self.defined[row] & !mask | defined & mask;
    }

    /// The value that all lanes of a mask have in common.
    pub(crate) fn uniform(&self, row: Reg, mask: u32) -> Option<u64> {
        let mut values = lanes(mask).map(|lane| self.rows[row][lane]);
        let first = values.next()?;
        values.all(|value| value == first).then_some(first)
    }
}

fn special_value(special: Special, place: &Place, thread: [u32; 3], warp: usize, lane: usize) -> u64 {
    let threads = place.block[0] * place.block[1] * place.block[2];
    match special {
        Special::Tid(axis) => thread[axis].into(),
        Special::Ntid(axis) => place.block[axis].into(),
        Special::Ctaid(axis) => place.index[axis].into(),
        Special::Nctaid(axis) => place.grid[axis].into(),
        Special::Lane => lane as u64,
        Special::Warp => warp as u64,
        Special::Warps => u64::from(threads).div_ceil(LANES as u64),
        Special::Sm => u64::from(place.linear % place.multiprocessors),
        Special::Sms => place.multiprocessors.into(),
        Special::Grid => place.number,
        Special::LaneMask(relation) => {
            let below = (1u64 << lane) - 1;
            let equal = 1u64 << lane;
            match relation {
                Relation::Equal => equal,
                Relation::Less => below,
                Relation::LessEqual => below | equal,
                Relation::Greater => !(below | equal) & 0xffff_ffff,
                Relation::GreaterEqual => !below & 0xffff_ffff,
            }
        }
        Special::DynamicShared => place.dynamic_shared.into(),
        Special::TotalShared => place.total_shared.into(),
        Special::Clock => 0,
    }
}
