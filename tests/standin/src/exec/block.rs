//! A block: its warps in turn, its shared memory, its barriers.

use super::LANES;
use super::launch::Launch;
use super::race::Accesses;
use super::step::Context;
use super::warp::{Wait, Warp};
use crate::compile::code::{Op, Reduction, lanes};
use crate::memory::Defined;
use crate::report::{Fault, Finding, FindingKind};
use std::collections::HashSet;

/// What the warps of a block share.
pub(crate) struct BlockState {
    pub(crate) index: [u32; 3],
    pub(crate) linear: u32,
    pub(crate) shared: Vec<u8>,
    pub(crate) shared_defined: Defined,
    pub(crate) shared_accesses: Accesses,
    /// For each warp the ticks of all that it has seen.
    pub(crate) clocks: Vec<Vec<u32>>,
    /// Other blocks whose writes are visible here.
    pub(crate) seen: HashSet<u32>,
    /// Threads that arrived at each barrier without waiting, and the warps they belong to.
    pub(crate) arrived: [(usize, u32); BARRIERS],
}

pub(crate) const BARRIERS: usize = 16;

/// A block under way.
pub(crate) struct Block {
    warps: Vec<Warp>,
    state: BlockState,
}

/// Instructions that a warp runs before the next one has its turn.
const SHARE: u64 = 1 << 14;

impl Block {
    pub(crate) fn new(launch: &Launch<'_>) -> Block {
        let [x, y, z] = launch.place.block;
        let warps = ((x * y * z) as usize).div_ceil(LANES);
        let bytes = launch.code.shared_dynamic + launch.place.dynamic_shared as usize;
        Block {
            warps: (0..warps).map(|number| Warp::new(launch.code, number)).collect(),
            state: BlockState {
                index: [0; 3],
                linear: 0,
                shared: vec![0xcd; bytes],
                shared_defined: Defined::none(bytes),
                shared_accesses: Accesses::new(bytes),
                clocks: Vec::new(),
                seen: HashSet::new(),
                arrived: [(0, 0); BARRIERS],
            },
        }
    }

    pub(crate) fn start(&mut self, launch: &mut Launch<'_>, linear: u32) {
        let state = &mut self.state;
        state.linear = linear;
        state.index = launch.block_index(linear);
        launch.place.index = state.index;
        launch.place.linear = linear;
        state.shared.fill(0xcd);
        state.shared_defined = Defined::none(state.shared.len());
        state.shared_accesses.reset();
        let count = self.warps.len();
        state.clocks = (0..count).map(|w| (0..count).map(|other| u32::from(w == other)).collect()).collect();
        state.seen.clear();
        state.arrived = [(0, 0); BARRIERS];
        for warp in &mut self.warps {
            warp.start(launch.code, &launch.place);
        }
    }

    /// Runs until the block is done (`true`) or its share is used up.
    pub(crate) fn run(&mut self, launch: &mut Launch<'_>, share: u64) -> Result<bool, Finding> {
        let start = launch.executed;
        loop {
            let before = launch.executed;
            for i in 0..self.warps.len() {
                let warp = &mut self.warps[i];
                if warp.is_done() {
                    continue;
                }
                let mut left = SHARE;
                Context { warp, block: &mut self.state, launch }.run(&mut left)?;
                if self.warps[i].groups.iter().all(|g| g.wait.is_some()) {
                    self.check_waiting(launch, i)?;
                }
            }
            if self.warps.iter().all(Warp::is_done) {
                return Ok(true);
            }
            let mut released = false;
            for id in 0..BARRIERS {
                released |= self.release(launch, id)?;
            }
            if !released && launch.executed == before {
                return Err(self.stuck(launch));
            }
            if launch.executed - start > share {
                return Ok(false);
            }
        }
    }

    /// A warp of which no lane can run by itself.
    fn check_waiting(&self, launch: &Launch<'_>, number: usize) -> Result<(), Finding> {
        let warp = &self.warps[number];
        let Some(first) = warp.groups.first() else {
            return Ok(());
        };
        let place = |mask: u32| (number * LANES) as u32 + mask.trailing_zeros();
        if let Some(group) = warp.groups.iter().find(|g| g.wait == Some(Wait::Members)) {
            let other = warp.groups.iter().find(|g| g.pc != group.pc);
            let rest = match other {
                Some(other) => format!("lanes {:#010x} wait {}", other.mask, self.line_at(launch, other.pc)),
                None => format!("lanes {:#010x} have ended", warp.exited),
            };
            let message = format!("lanes {:#010x} wait here for others that do not come: {rest}", group.mask);
            let fault = Fault::new(FindingKind::DivergentBarrier, message);
            return Err(launch.finding(self.state.index, place(group.mask), group.pc, fault));
        }
        let aligned = warp.groups.iter().any(|g| matches!(g.wait, Some(Wait::Barrier { aligned: true, .. })));
        if aligned && warp.groups.len() > 1 {
            let other = &warp.groups[1];
            let message = format!(
                "lanes {:#010x} wait here, lanes {:#010x} of the same warp {}",
                first.mask,
                other.mask,
                self.line_at(launch, other.pc)
            );
            let fault = Fault::new(FindingKind::DivergentBarrier, message);
            return Err(launch.finding(self.state.index, place(first.mask), first.pc, fault));
        }
        if aligned && warp.exited != 0 {
            return Err(self.ended_before(launch, number));
        }
        Ok(())
    }

    fn line_at(&self, launch: &Launch<'_>, pc: usize) -> String {
        let line = launch.code.instructions[pc].line;
        format!("at PTX line {line} `{}`", launch.source(line))
    }

    /// Threads wait at a barrier for some that have ended.
    fn ended_before(&self, launch: &Launch<'_>, number: usize) -> Finding {
        let group = &self.warps[number].groups[0];
        let ended = self.warps.iter().find(|w| w.exited != 0);
        let thread = ended.map_or(0, |w| (w.number * LANES) as u32 + w.exited.trailing_zeros());
        let ended = super::warp::thread_index(launch.place.block, thread);
        let message = format!("threads wait here, but thread {ended:?} has ended before");
        let fault = Fault::new(FindingKind::DivergentBarrier, message);
        let thread = (number * LANES) as u32 + group.mask.trailing_zeros();
        launch.finding(self.state.index, thread, group.pc, fault)
    }

    /// Lets the threads at a barrier go where all of them have come.
    fn release(&mut self, launch: &Launch<'_>, id: usize) -> Result<bool, Finding> {
        let mut waiting = Vec::new();
        let mut wanted: Option<usize> = None;
        let (mut come, mut warps) = self.state.arrived[id];
        for (w, warp) in self.warps.iter().enumerate() {
            for (g, group) in warp.groups.iter().enumerate() {
                if let Some(Wait::Barrier { id: at, count, aligned }) = group.wait
                    && at == id
                {
                    waiting.push((w, g));
                    wanted = wanted.or(count);
                    // Of an aligned barrier a warp's missing lanes count as come.
                    come += if aligned { LANES } else { group.mask.count_ones() as usize };
                    warps |= 1 << w;
                }
            }
        }
        let Some(&(first, group)) = waiting.first() else {
            return Ok(false);
        };
        match wanted {
            Some(count) if come < count => return Ok(false),
            Some(_) => {}
            None => {
                let all_wait = self.warps.iter().all(|warp| {
                    let here = |wait| matches!(wait, Some(Wait::Barrier { id: at, .. }) if at == id);
                    warp.groups.iter().all(|g| here(g.wait))
                });
                if !all_wait {
                    return Ok(false);
                }
                let pc = self.warps[first].groups[group].pc;
                let aligned =
                    matches!(self.warps[first].groups[group].wait, Some(Wait::Barrier { aligned: true, .. }));
                if self.warps.iter().any(|w| w.exited != 0) && aligned {
                    return Err(self.ended_before(launch, first));
                }
                if let Some(&(w, g)) = waiting.iter().find(|&&(w, g)| self.warps[w].groups[g].pc != pc)
                    && aligned
                {
                    let other = &self.warps[w].groups[g];
                    let message = format!("some threads wait here, others {}", self.line_at(launch, pc));
                    let fault = Fault::new(FindingKind::DivergentBarrier, message);
                    let thread = (w * LANES) as u32 + other.mask.trailing_zeros();
                    return Err(launch.finding(self.state.index, thread, other.pc, fault));
                }
            }
        }
        self.state.arrived[id] = (0, 0);
        self.reduce(launch, &waiting);
        for &(w, g) in &waiting {
            let group = &mut self.warps[w].groups[g];
            group.wait = None;
            group.pc += 1;
        }
        self.state.join(warps);
        Ok(true)
    }

    /// The result of `bar.red` for everybody.
    fn reduce(&mut self, launch: &Launch<'_>, waiting: &[(usize, usize)]) {
        let barrier = |w: usize, g: usize, warps: &[Warp]| {
            let group = &warps[w].groups[g];
            match &launch.code.instructions[group.pc].op {
                Op::Barrier(barrier) => barrier.reduce.map(|reduce| (group.mask, reduce)),
                _ => None,
            }
        };
        let (mut count, mut total) = (0, 0);
        for &(w, g) in waiting {
            if let Some((mask, (_, predicate, negated, _))) = barrier(w, g, &self.warps) {
                count += self.warps[w].holds(predicate, negated, mask).count_ones();
                total += mask.count_ones();
            }
        }
        for &(w, g) in waiting {
            if let Some((mask, (of, _, _, dest))) = barrier(w, g, &self.warps) {
                let value = match of {
                    Reduction::And => u64::from(count == total),
                    Reduction::Or => u64::from(count > 0),
                    _ => count.into(),
                };
                lanes(mask).for_each(|lane| self.warps[w].rows[dest][lane] = value);
                self.warps[w].set_defined(dest, mask, mask);
            }
        }
    }

    /// Nobody can run.
    fn stuck(&self, launch: &Launch<'_>) -> Finding {
        let waits = |warp: &&Warp| !warp.is_done();
        let Some(warp) = self.warps.iter().find(waits) else {
            let fault = Fault::new(FindingKind::Hang, "no thread can run");
            return launch.finding(self.state.index, 0, 0, fault);
        };
        let group = &warp.groups[0];
        let others = self.warps.iter().filter(|w| w.number != warp.number);
        let other = others.flat_map(|w| &w.groups).find(|g| g.pc != group.pc);
        let rest = match other {
            Some(other) => format!("others wait {}", self.line_at(launch, other.pc)),
            None => "the others have ended".to_owned(),
        };
        let fault = Fault::new(
            FindingKind::DivergentBarrier,
            format!("threads wait here for others that do not come: {rest}"),
        );
        let thread = (warp.number * LANES) as u32 + group.mask.trailing_zeros();
        launch.finding(self.state.index, thread, group.pc, fault)
    }
}

impl BlockState {
    /// What the named warps have seen becomes what each of them has seen; a new tick begins.
    fn join(&mut self, warps: u32) {
        let members: Vec<usize> = lanes(warps).filter(|&w| w < self.clocks.len()).collect();
        let mut joined = vec![0; self.clocks.len()];
        for &w in &members {
            for (all, one) in joined.iter_mut().zip(&self.clocks[w]) {
                *all = (*all).max(*one);
            }
        }
        for &w in &members {
            self.clocks[w].copy_from_slice(&joined);
            self.clocks[w][w] += 1;
        }
    }
}
