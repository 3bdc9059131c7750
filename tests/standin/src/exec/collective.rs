//! Shuffles, votes, matches, reductions of a warp.

use super::step::{Context, Flow, Stop};
use super::warp::Wait;
use crate::compile::code::{Collective, Reduction, Reg, Row, Shuffle, Vote, lanes};
use crate::report::{Fault, FindingKind};

impl Context<'_, '_> {
    /// Runs the operation for every set of lanes that is complete; the others wait.
    pub(crate) fn collective(
        &mut self,
        group: usize,
        pc: usize,
        members: Reg,
        op: &Collective,
        mask: u32,
    ) -> Result<Flow, Stop> {
        self.must_be_defined(members, mask, "the mask of members")?;
        let living = self.warp.present & !self.warp.exited;
        let named = |warp: &super::warp::Warp, lane: usize| warp.rows[members][lane] as u32;
        let mut ready = 0;
        for lane in lanes(mask) {
            let set = named(self.warp, lane);
            if set >> lane & 1 == 0 {
                let message = format!("lane {lane} is not in its own mask of members, {set:#010x}");
                return Err((lane, Fault::new(FindingKind::DivergentBarrier, message)));
            }
            ready |= u32::from(set & living & !mask == 0) << lane;
        }
        if ready == 0 {
            self.warp.groups[group].wait = Some(Wait::Members);
            return Ok(Flow::Choose);
        }
        let waiting = mask & !ready;
        if waiting != 0 {
            self.warp.split(group, waiting, pc);
            if let Some(last) = self.warp.groups.last_mut() {
                last.wait = Some(Wait::Members);
            }
        }
        let mut left = ready;
        while left != 0 {
            let set = named(self.warp, left.trailing_zeros() as usize);
            let together = lanes(left).filter(|&l| named(self.warp, l) == set).fold(0, |m, l| m | 1 << l);
            self.together(op, together);
            left &= !together;
        }
        if matches!(op, Collective::Sync) {
            let number = self.warp.number;
            self.block.clocks[number][number] += 1;
        }
        self.warp.groups[group].pc = pc + 1;
        Ok(Flow::Choose)
    }

    /// Waits for every lane of a whole warp; `None` when all are here.
    pub(crate) fn gather_all(&mut self, group: usize, _pc: usize, mask: u32) -> Result<Option<Flow>, Stop> {
        if mask == u32::MAX {
            return Ok(None);
        }
        let whole = self.warp.groups[group].mask;
        if self.warp.present != u32::MAX || self.warp.exited != 0 || mask != whole {
            let message = format!("all 32 lanes must come here; those that do are {mask:#010x}");
            return Err((mask.trailing_zeros() as usize, Fault::new(FindingKind::DivergentBarrier, message)));
        }
        self.warp.groups[group].wait = Some(Wait::Members);
        Ok(Some(Flow::Choose))
    }

    fn together(&mut self, op: &Collective, mask: u32) {
        match op {
            Collective::Sync => {}
            Collective::Shuffle { mode, dest, valid, value, lane, clamp } => {
                self.shuffle(*mode, (*dest, *valid), (*value, *lane, *clamp), mask);
            }
            Collective::Vote { mode, dest, value, negated } => {
                let yes = self.warp.holds(*value, *negated, mask);
                let result = match mode {
                    Vote::All => u64::from(yes == mask),
                    Vote::Any => u64::from(yes != 0),
                    Vote::Uniform => u64::from(yes == mask || yes == 0),
                    Vote::Ballot => yes.into(),
                };
                let defined = if self.warp.undefined(*value, mask) == 0 { mask } else { 0 };
                self.spread(*dest, mask, result, defined);
            }
            Collective::MatchAny { dest, value } => {
                let values = self.warp.rows[*value];
                for lane in lanes(mask) {
                    let equal = lanes(mask).filter(|&other| values[other] == values[lane]);
                    self.warp.rows[*dest][lane] = equal.fold(0, |m, other| m | 1u64 << other);
                }
                let defined = if self.warp.undefined(*value, mask) == 0 { mask } else { 0 };
                self.define(*dest, mask, defined);
            }
            Collective::MatchAll { dest, all, value } => {
                let same = self.warp.uniform(*value, mask).is_some();
                let defined = if self.warp.undefined(*value, mask) == 0 { mask } else { 0 };
                self.spread(*dest, mask, if same { mask.into() } else { 0 }, defined);
                if let Some(all) = all {
                    self.spread(*all, mask, same.into(), defined);
                }
            }
            Collective::Redux { of, signed, dest, value } => {
                let values = self.warp.rows[*value];
                let result =
                    lanes(mask).map(|lane| values[lane] as u32).reduce(|a, b| reduce(*of, *signed, a, b));
                let defined = if self.warp.undefined(*value, mask) == 0 { mask } else { 0 };
                self.spread(*dest, mask, result.unwrap_or_default().into(), defined);
            }
            Collective::Elect { lane, dest } => {
                let leader = mask.trailing_zeros() as usize;
                self.spread(*lane, mask, leader as u64, mask);
                self.spread(*dest, mask, 0, mask);
                self.warp.rows[*dest][leader] = 1;
            }
        }
    }

    fn spread(&mut self, dest: Reg, mask: u32, value: u64, defined: u32) {
        lanes(mask).for_each(|lane| self.warp.rows[dest][lane] = value);
        self.define(dest, mask, defined);
    }

    fn shuffle(
        &mut self,
        mode: Shuffle,
        (dest, valid): (Reg, Option<Reg>),
        (value, lane, clamp): (Reg, Reg, Reg),
        mask: u32,
    ) {
        let rows = &self.warp.rows;
        let (values, amounts, clamps) = (rows[value], rows[lane], rows[clamp]);
        let known = self.warp.defined[value];
        let arguments = self.warp.defined[lane] & self.warp.defined[clamp];
        let mut result: Row = values;
        let (mut inside_mask, mut defined) = (0u64, 0);
        for me in lanes(mask) {
            let (from, inside) = source_lane(mode, me as i32, amounts[me] as i32, clamps[me] as i32);
            let from = if inside { from as usize } else { me };
            result[me] = values[from];
            // A lane that does not take part hands out nothing.
            let arrives = mask >> from & 1 == 1 && known >> from & 1 == 1;
            defined |= u32::from(arrives) << me;
            inside_mask |= u64::from(inside) << me;
        }
        lanes(mask).for_each(|me| self.warp.rows[dest][me] = result[me]);
        self.define(dest, mask, defined & arguments);
        if let Some(valid) = valid {
            lanes(mask).for_each(|me| self.warp.rows[valid][me] = inside_mask >> me & 1);
            self.define(valid, mask, arguments);
        }
    }
}

/// The lane that a shuffle reads, and whether it lies inside the lane's segment.
fn source_lane(mode: Shuffle, me: i32, amount: i32, clamp: i32) -> (i32, bool) {
    let (segment, bound, amount) = (clamp >> 8 & 0x1f, clamp & 0x1f, amount & 0x1f);
    let last = me & segment | bound & !segment;
    match mode {
        Shuffle::Up => (me - amount, me - amount >= last),
        Shuffle::Down => (me + amount, me + amount <= last),
        Shuffle::Butterfly => (me ^ amount, me ^ amount <= last),
        Shuffle::Index => {
            let from = me & segment | amount & !segment;
            (from, from <= last)
        }
    }
}

fn reduce(of: Reduction, signed: bool, a: u32, b: u32) -> u32 {
    match of {
        Reduction::Add | Reduction::Popc => a.wrapping_add(b),
        Reduction::And => a & b,
        Reduction::Or => a | b,
        Reduction::Xor => a ^ b,
        Reduction::Min if signed => (a as i32).min(b as i32) as u32,
        Reduction::Max if signed => (a as i32).max(b as i32) as u32,
        Reduction::Min => a.min(b),
        Reduction::Max => a.max(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_of_shuffles() {
        // `__shfl_up_sync(…, 1, 8)`: the clamp is (32 - 8) << 8.
        assert_eq!(source_lane(Shuffle::Up, 8, 1, 0x1800), (7, false));
        assert_eq!(source_lane(Shuffle::Up, 9, 1, 0x1800), (8, true));
        assert_eq!(source_lane(Shuffle::Down, 7, 1, 0x181f), (8, false));
        assert_eq!(source_lane(Shuffle::Down, 6, 1, 0x181f), (7, true));
        assert_eq!(source_lane(Shuffle::Butterfly, 5, 16, 0x1f), (21, true));
        assert_eq!(source_lane(Shuffle::Index, 12, 3, 0x181f), (11, true));
    }
}
