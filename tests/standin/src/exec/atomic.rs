//! Atomics, and the order that they bring together with fences.

use super::access::{Region, Touch};
use super::step::{Context, Stop};
use crate::compile::code::{Atomic, lanes};
use crate::report::Fault;

impl Context<'_, '_> {
    pub(crate) fn atomic(&mut self, pc: usize, atomic: &Atomic, mask: u32) -> Result<(), Stop> {
        self.must_be_defined(atomic.address.base, mask, "the address")?;
        self.must_be_defined(atomic.value, mask, "the operand of this atomic")?;
        if let Some(compare) = atomic.compare {
            self.must_be_defined(compare, mask, "the operand of this atomic")?;
        }
        for lane in lanes(mask) {
            let old = self.atomic_lane(pc, atomic, lane).map_err(|fault| (lane, fault))?;
            if let Some(dest) = atomic.dest {
                self.warp.rows[dest][lane] = old;
            }
        }
        if let Some(dest) = atomic.dest {
            self.define(dest, mask, mask);
        }
        Ok(())
    }

    fn atomic_lane(&mut self, pc: usize, atomic: &Atomic, lane: usize) -> Result<u64, Fault> {
        let address = self.address(atomic.address, lane);
        let bytes = atomic.bytes;
        let region = self.resolve(lane, atomic.address.space, address, bytes, bytes)?;
        self.synchronise(region, address, true, atomic.order.release | self.warp.fenced);
        let mut word = [0; 8];
        self.read(region, &mut word[..bytes])?;
        let old = u64::from_le_bytes(word);
        self.note(region, bytes, Touch { lane, pc, writes: true, order: atomic.order }, false)?;
        let value = self.warp.rows[atomic.value][lane];
        let replaced = match atomic.compare {
            Some(compare) if self.warp.rows[compare][lane] != old => old,
            _ => (atomic.combine)(old, value),
        };
        self.write(region, &replaced.to_le_bytes()[..bytes], true)?;
        Ok(old)
    }

    /// An access that others synchronise with: what was released here is seen from now on, and what this warp has seen is released.
    pub(crate) fn synchronise(&mut self, region: Region, address: u64, acquires: bool, releases: bool) {
        let key = match region {
            Region::Shared(at) => (self.block.linear, at as u64),
            Region::Global(..) => (u32::MAX, address),
            Region::Local(_) | Region::Param(_) => return,
        };
        let (warp, block) = (self.warp.number, self.block.linear);
        if acquires && let Some(released) = self.launch.released.get(&key) {
            self.block.seen.extend(&released.blocks);
            if let Some(clocks) = released.clocks.get(&block) {
                // A warp's own ticks count for its other lanes: what was released lies before them.
                for (mine, theirs) in self.block.clocks[warp].iter_mut().zip(clocks) {
                    *mine = (*mine).max(*theirs);
                }
            }
        }
        if releases {
            let released = self.launch.released.entry(key).or_default();
            released.blocks.extend(&self.block.seen);
            released.blocks.insert(block);
            let clocks = released.clocks.entry(block).or_insert_with(|| vec![0; self.block.clocks.len()]);
            for (all, mine) in clocks.iter_mut().zip(&self.block.clocks[warp]) {
                *all = (*all).max(*mine);
            }
            self.block.clocks[warp][warp] += 1;
        }
    }
}
