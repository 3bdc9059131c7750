//! One launch: its blocks in order, those that wait laid aside.

use super::block::Block;
use super::race::Accesses;
use super::warp::Place;
use crate::compile::code::Code;
use crate::memory::GlobalMemory;
use crate::report::{Fault, Finding, FindingKind};
use std::collections::{HashMap, HashSet};

/// What a device bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Blocks that are on the device at once.
    pub(crate) resident: usize,
    /// Instructions of warps until a launch counts as hanging.
    pub(crate) instructions: u64,
    /// Whether reading what nobody wrote is a finding.
    pub(crate) undefined: bool,
    /// Whether races are looked for.
    pub(crate) races: bool,
    /// Whether writes of the same value to global memory race.
    pub(crate) equal_writes: bool,
}

/// What an atomic after a fence lets others see.
#[derive(Debug, Default)]
pub(crate) struct Released {
    /// By block: ticks of its warps.
    pub(crate) clocks: HashMap<u32, Vec<u32>>,
    pub(crate) blocks: HashSet<u32>,
}

/// A launch under way.
pub(crate) struct Launch<'a> {
    pub(crate) code: &'a Code,
    pub(crate) memory: &'a mut GlobalMemory,
    pub(crate) params: &'a [u8],
    pub(crate) place: Place,
    pub(crate) limits: Limits,
    /// Accesses to global memory, by allocation.
    pub(crate) accesses: Vec<Option<Accesses>>,
    /// Atomics that released something: by block (or `u32::MAX` for global memory) and address.
    pub(crate) released: HashMap<(u32, u64), Released>,
    /// What `printf` printed.
    pub(crate) printed: String,
    /// Instructions of warps so far.
    pub(crate) executed: u64,
    /// The allocation that was used last.
    pub(crate) guess: usize,
}

/// Instructions that a block runs before others have their turn.
const SHARE: u64 = 1 << 20;

impl<'a> Launch<'a> {
    pub(crate) fn new(
        code: &'a Code,
        memory: &'a mut GlobalMemory,
        params: &'a [u8],
        place: Place,
        limits: Limits,
    ) -> Launch<'a> {
        Launch {
            code,
            memory,
            params,
            place,
            limits,
            accesses: Vec::new(),
            released: HashMap::new(),
            printed: String::new(),
            executed: 0,
            guess: 0,
        }
    }

    /// Runs every block, or stops at the first finding.
    pub(crate) fn run(&mut self) -> Result<(), Finding> {
        let [x, y, z] = self.place.grid;
        let total = u64::from(x) * u64::from(y) * u64::from(z);
        let mut next = 0u64;
        let mut resident: Vec<Block> = Vec::new();
        let mut spare: Vec<Block> = Vec::new();
        loop {
            if next < total && resident.len() < self.limits.resident {
                let mut block = spare.pop().unwrap_or_else(|| Block::new(self));
                block.start(self, next as u32);
                next += 1;
                if block.run(self, SHARE)? {
                    spare.push(block);
                } else {
                    resident.push(block);
                }
                continue;
            }
            if resident.is_empty() {
                return Ok(());
            }
            let mut i = 0;
            while i < resident.len() {
                if resident[i].run(self, SHARE)? {
                    spare.push(resident.swap_remove(i));
                } else {
                    i += 1;
                }
            }
        }
    }

    /// A finding at an instruction.
    pub(crate) fn finding(&self, block: [u32; 3], thread: u32, pc: usize, fault: Fault) -> Finding {
        let line = self.code.instructions.get(pc).map_or(0, |instruction| instruction.line);
        Finding {
            kind: fault.kind,
            kernel: self.code.name.clone(),
            block,
            thread: super::warp::thread_index(self.place.block, thread),
            line,
            source_line: self.source(line).to_owned(),
            message: fault.message,
        }
    }

    pub(crate) fn source(&self, line: u32) -> &str {
        self.code.lines.get((line as usize).wrapping_sub(1)).map_or("", |text| text.trim())
    }

    /// `blockIdx` of a block's number.
    pub(crate) fn block_index(&self, linear: u32) -> [u32; 3] {
        let [x, y, _] = self.place.grid;
        [linear % x, linear / x % y, linear / (x * y)]
    }

    pub(crate) fn check_limit(&self) -> Result<(), Fault> {
        match self.executed > self.limits.instructions {
            true => Err(Fault::new(
                FindingKind::Hang,
                format!("the launch has run {} instructions of warps, which is the limit", self.executed),
            )),
            false => Ok(()),
        }
    }
}
