//! The loop: instructions of one group of lanes, until it must wait or others have their turn.

use super::LANES;
use super::access::{Region, Touch};
use super::block::{BARRIERS, BlockState};
use super::launch::Launch;
use super::warp::{Wait, Warp};
use crate::compile::code::{Access, Address, Barrier, Code, Inst, Op, Reg, lanes};
use crate::compile::lies_in;
use crate::ptx::Space;
use crate::report::{Fault, Finding, FindingKind};

/// A warp with all it may touch.
pub(crate) struct Context<'w, 'l> {
    pub(crate) warp: &'w mut Warp,
    pub(crate) block: &'w mut BlockState,
    pub(crate) launch: &'w mut Launch<'l>,
}

/// What comes after an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    Next,
    /// The groups have changed.
    Choose,
}

/// A fault of one lane.
pub(crate) type Stop = (usize, Fault);

/// Jumps backwards before others must be let.
const SPINS: u32 = 64;
/// Instructions that a group runs which was chosen by its age.
const TURN: u64 = 1 << 10;

impl<'l> Context<'_, 'l> {
    /// Runs until no group can, or `left` instructions are used up.
    pub(crate) fn run(&mut self, left: &mut u64) -> Result<(), Finding> {
        while *left > 0 {
            let by_age = self.warp.spins >= SPINS;
            if by_age {
                self.warp.spins = 0;
            }
            let Some(group) = self.warp.choose(by_age) else {
                return Ok(());
            };
            let group = self.warp.merge(group);
            let turn = if by_age { (*left).min(TURN) } else { *left };
            let used = self.run_group(group, turn)?;
            *left -= used;
            self.launch.executed += used;
            let warp = self.warp.number * LANES;
            let pc = self.warp.groups.first().map_or(0, |g| g.pc);
            self.launch
                .check_limit()
                .map_err(|f| self.launch.finding(self.block.index, warp as u32, pc, f))?;
        }
        Ok(())
    }

    /// Instructions used; at least one, so that waiting in a circle comes to an end.
    fn run_group(&mut self, group: usize, turn: u64) -> Result<u64, Finding> {
        let code: &'l Code = self.launch.code;
        let stop = self.warp.next_stop(group);
        let mut used = 0;
        loop {
            let pc = self.warp.groups[group].pc;
            if pc >= stop || used >= turn {
                return Ok(used);
            }
            used += 1;
            let inst = &code.instructions[pc];
            match self.step(group, pc, inst) {
                Ok(Flow::Next) => self.warp.groups[group].pc = pc + 1,
                Ok(Flow::Choose) => return Ok(used),
                Err((lane, fault)) => {
                    let thread = (self.warp.number * LANES + lane) as u32;
                    return Err(self.launch.finding(self.block.index, thread, pc, fault));
                }
            }
        }
    }

    fn step(&mut self, group: usize, pc: usize, inst: &'l Inst) -> Result<Flow, Stop> {
        let whole = self.warp.groups[group].mask;
        let mask = match inst.guard {
            None => whole,
            Some((row, negated)) => {
                self.must_be_defined(row, whole, "the condition of this instruction")?;
                self.warp.holds(row, negated, whole)
            }
        };
        if mask == 0 {
            return Ok(Flow::Next);
        }
        match &inst.op {
            Op::Copy { d, a } => {
                let value = self.warp.rows[*a];
                let row = &mut self.warp.rows[*d];
                if mask == u32::MAX {
                    *row = value;
                } else {
                    lanes(mask).for_each(|i| row[i] = value[i]);
                }
                self.define(*d, mask, self.warp.defined[*a]);
            }
            Op::Map1 { f, d, a } => {
                let value = self.warp.rows[*a];
                f(&mut self.warp.rows[*d], &value, mask);
                self.define(*d, mask, self.warp.defined[*a]);
            }
            Op::Map2 { f, d, a, b } => {
                let (x, y) = (self.warp.rows[*a], self.warp.rows[*b]);
                f(&mut self.warp.rows[*d], &x, &y, mask);
                self.define(*d, mask, self.warp.defined[*a] & self.warp.defined[*b]);
            }
            Op::Map3 { f, d, a, b, c } => {
                let (x, y, z) = (self.warp.rows[*a], self.warp.rows[*b], self.warp.rows[*c]);
                f(&mut self.warp.rows[*d], &x, &y, &z, mask);
                self.define(*d, mask, self.warp.defined[*a] & self.warp.defined[*b] & self.warp.defined[*c]);
            }
            Op::General { f, d, s } => {
                for i in lanes(mask) {
                    let [x, y] = f(s.map(|row| self.warp.rows[row][i]));
                    self.warp.rows[d[0]][i] = x;
                    self.warp.rows[d[1]][i] = y;
                }
                let defined = s.iter().fold(u32::MAX, |all, &row| all & self.warp.defined[row]);
                self.define(d[0], mask, defined);
                self.define(d[1], mask, defined);
            }
            Op::Select { d, a, b, p } => {
                let (x, y) = (self.warp.rows[*a], self.warp.rows[*b]);
                let chosen = self.warp.holds(*p, false, u32::MAX);
                let row = &mut self.warp.rows[*d];
                lanes(mask).for_each(|i| row[i] = if chosen >> i & 1 == 1 { x[i] } else { y[i] });
                let defined = &self.warp.defined;
                let defined = defined[*p] & (chosen & defined[*a] | !chosen & defined[*b]);
                self.define(*d, mask, defined);
            }
            Op::Clock { d } => {
                let now = self.launch.executed;
                lanes(mask).for_each(|i| self.warp.rows[*d][i] = now);
                self.define(*d, mask, mask);
            }
            Op::ActiveMask { d } => {
                lanes(mask).for_each(|i| self.warp.rows[*d][i] = mask.into());
                self.define(*d, mask, mask);
            }
            Op::Nothing => {}
            Op::Fence => self.warp.fenced = true,
            Op::IsSpace { d, a, space } => {
                for i in lanes(mask) {
                    self.warp.rows[*d][i] = u64::from(lies_in(self.warp.rows[*a][i], *space));
                }
                self.define(*d, mask, self.warp.defined[*a]);
            }
            Op::Load(access) => self.load(pc, access, mask)?,
            Op::Store(access) => self.store(pc, access, mask)?,
            Op::Move { to, from, bytes } => self.move_local(*to, *from, *bytes, mask),
            Op::Atomic(atomic) => self.atomic(pc, atomic, mask)?,
            Op::AsyncCopy { to, from, bytes, source_bytes } => {
                self.asynchronous_copy(pc, (*to, *from), *bytes, *source_bytes, mask)?;
            }
            Op::AsyncCommit => self.warp.pending.commit(mask),
            Op::AsyncWait { left } => self.asynchronous_wait(pc, *left, mask)?,
            Op::Print { format, arguments, result } => self.print(mask, *format, *arguments, *result)?,
            Op::Assert { parameters } => return Err(self.assertion(mask, *parameters)),
            Op::Trap => {
                let fault = Fault::new(FindingKind::Trap, "the kernel traps");
                return Err((mask.trailing_zeros() as usize, fault));
            }
            Op::Matrix(matrix) => {
                if let Some(flow) = self.gather_all(group, pc, mask)? {
                    return Ok(flow);
                }
                self.matrix(pc, matrix)?;
            }
            // What follows moves groups: lanes that do not take part go on by themselves.
            op => {
                if mask != whole {
                    self.warp.split(group, whole & !mask, pc + 1);
                }
                return self.control(group, pc, op, mask);
            }
        }
        Ok(Flow::Next)
    }

    fn control(&mut self, group: usize, pc: usize, op: &'l Op, mask: u32) -> Result<Flow, Stop> {
        match op {
            Op::Jump { target } => {
                self.warp.groups[group].pc = *target;
                self.warp.spins += u32::from(*target <= pc && self.warp.groups.len() > 1);
            }
            Op::Call { target } => {
                self.warp.groups[group].stack.push(pc + 1);
                self.warp.groups[group].pc = *target;
            }
            Op::Return => {
                let group = &mut self.warp.groups[group];
                // Functions are reached by calls alone, so there is a place to return to.
                group.pc = group.stack.pop().unwrap_or(pc);
            }
            Op::Exit => {
                self.asynchronous_wait(pc, 0, mask)?;
                self.warp.exit(group, mask);
                for group in &mut self.warp.groups {
                    // Fewer lanes are waited for now.
                    group.wait = group.wait.filter(|wait| *wait != Wait::Members);
                }
            }
            Op::Barrier(barrier) => self.barrier(group, pc, barrier, mask)?,
            Op::Collective { members, op } => {
                return self.collective(group, pc, *members, op, mask);
            }
            _ => {
                let fault = Fault::new(FindingKind::Unsupported, "an instruction that is not control flow");
                return Err((mask.trailing_zeros() as usize, fault));
            }
        }
        Ok(Flow::Choose)
    }

    fn barrier(&mut self, group: usize, pc: usize, barrier: &Barrier, mask: u32) -> Result<(), Stop> {
        let lane = mask.trailing_zeros() as usize;
        let fail = |kind, message: &str| Err((lane, Fault::new(kind, message)));
        self.must_be_defined(barrier.id, mask, "the number of this barrier")?;
        let Some(id) = self.warp.uniform(barrier.id, mask).filter(|&id| id < BARRIERS as u64) else {
            return fail(FindingKind::DivergentBarrier, "lanes name different barriers, or one above 15");
        };
        let count = match barrier.count {
            None => None,
            Some(row) => match self.warp.uniform(row, mask) {
                Some(count) if count > 0 && count % LANES as u64 == 0 => Some(count as usize),
                _ => {
                    return fail(
                        FindingKind::DivergentBarrier,
                        "a barrier's count is a multiple of 32, the same for all",
                    );
                }
            },
        };
        if let Some((_, predicate, ..)) = barrier.reduce {
            self.must_be_defined(predicate, mask, "the predicate of this barrier")?;
        }
        let id = id as usize;
        if barrier.waits {
            self.warp.groups[group].wait = Some(Wait::Barrier { id, count, aligned: barrier.aligned });
        } else {
            let (come, warps) = &mut self.block.arrived[id];
            *come += if barrier.aligned { LANES } else { mask.count_ones() as usize };
            *warps |= 1 << self.warp.number;
            self.warp.groups[group].pc = pc + 1;
        }
        Ok(())
    }

    /// Results of the lanes of `mask`.
    pub(crate) fn define(&mut self, row: Reg, mask: u32, defined: u32) {
        self.warp.set_defined(row, mask, defined);
    }

    pub(crate) fn must_be_defined(&self, row: Reg, mask: u32, what: &str) -> Result<(), Stop> {
        let missing = self.warp.undefined(row, mask);
        if missing == 0 || !self.launch.limits.undefined {
            return Ok(());
        }
        let register = &self.launch.code.row_names[row];
        let message = format!("{what} is `{register}`, which holds no defined value");
        Err((missing.trailing_zeros() as usize, Fault::new(FindingKind::Uninitialised, message)))
    }

    pub(crate) fn address(&self, address: Address, lane: usize) -> u64 {
        self.warp.rows[address.base][lane].wrapping_add(address.offset)
    }

    fn load(&mut self, pc: usize, access: &Access, mask: u32) -> Result<(), Stop> {
        self.must_be_defined(access.address.base, mask, "the address")?;
        if access.address.space == Space::Param {
            return self.load_parameter(access, mask);
        }
        let (bytes, count) = (access.bytes, access.rows.len());
        let length = bytes * count;
        let mut undefined = [0; 64];
        for lane in lanes(mask) {
            let address = self.address(access.address, lane);
            let mut buffer = [0u8; 64];
            let touch = Touch { lane, pc, writes: false, order: access.order };
            let found = self.load_lane(access.address.space, address, bytes, touch, &mut buffer[..length]);
            let missing = found.map_err(|fault| (lane, fault))?;
            for (i, &row) in access.rows.iter().enumerate() {
                undefined[i] |= u32::from(missing >> i & 1 == 1) << lane;
                self.warp.rows[row][lane] = element(&buffer[i * bytes..], bytes, access.sign_to);
            }
        }
        for (&row, undefined) in access.rows.iter().zip(undefined) {
            self.define(row, mask, mask & !undefined);
        }
        Ok(())
    }

    /// Which elements of `bytes` bytes are undefined: the first is the lowest bit.
    fn load_lane(
        &mut self,
        space: Space,
        address: u64,
        bytes: usize,
        touch: Touch,
        buffer: &mut [u8],
    ) -> Result<u64, Fault> {
        let length = buffer.len();
        let region = self.resolve(touch.lane, space, address, length, length.next_power_of_two())?;
        if touch.order.strong {
            self.synchronise(region, address, touch.order.acquire | touch.order.strong, false);
        }
        let missing = match self.read(region, buffer) {
            Ok(true) => 0,
            Ok(false) => u64::MAX,
            // A vector that begins in what was written may end behind it: those elements must not be used.
            Err(fault) => self.undefined_tail(region, bytes, length / bytes).ok_or(fault)?,
        };
        self.note(region, length, touch, false)?;
        Ok(missing)
    }

    /// Which elements of a vector in global memory are undefined; `None` if the first one is.
    fn undefined_tail(&self, region: Region, bytes: usize, count: usize) -> Option<u64> {
        let Region::Global(index, at) = region else { return None };
        let defined = &self.launch.memory.at(index).defined;
        let missing = (0..count).filter(|i| defined.first_missing(at + i * bytes, bytes).is_some());
        let missing = missing.fold(0u64, |all, i| all | 1 << i);
        (missing & 1 == 0).then_some(missing)
    }

    /// Parameters are the same for all lanes, mostly at the same address.
    fn load_parameter(&mut self, access: &Access, mask: u32) -> Result<(), Stop> {
        let length = access.bytes * access.rows.len();
        for lane in lanes(mask) {
            let address = self.address(access.address, lane);
            let region = self.resolve(lane, Space::Param, address, length, access.bytes);
            let region = region.map_err(|fault| (lane, fault))?;
            let Region::Param(at) = region else { continue };
            for (i, &row) in access.rows.iter().enumerate() {
                let from = &self.launch.params[at + i * access.bytes..];
                self.warp.rows[row][lane] = element(from, access.bytes, access.sign_to);
            }
        }
        for &row in &access.rows {
            self.define(row, mask, mask);
        }
        Ok(())
    }

    fn store(&mut self, pc: usize, access: &Access, mask: u32) -> Result<(), Stop> {
        self.must_be_defined(access.address.base, mask, "the address")?;
        let (bytes, count) = (access.bytes, access.rows.len());
        let length = bytes * count;
        let mut defined = u32::MAX;
        for &row in &access.rows {
            defined &= self.warp.defined[row];
        }
        for lane in lanes(mask) {
            let address = self.address(access.address, lane);
            let mut buffer = [0u8; 64];
            for (i, &row) in access.rows.iter().enumerate() {
                let value = self.warp.rows[row][lane].to_le_bytes();
                buffer[i * bytes..(i + 1) * bytes].copy_from_slice(&value[..bytes]);
            }
            let touch = Touch { lane, pc, writes: true, order: access.order };
            let known = defined >> lane & 1 == 1;
            let stored = self.store_lane(access.address.space, address, &buffer[..length], touch, known);
            stored.map_err(|fault| (lane, fault))?;
            if !known && count > 1 {
                self.define_elements(access, lane, &buffer).map_err(|fault| (lane, fault))?;
            }
        }
        if !access.order.strong && access.address.space != Space::Local {
            self.warp.fenced = false;
        }
        Ok(())
    }

    /// Elements of a vector that was stored whole as undefined, although they are defined.
    #[cold]
    fn define_elements(&mut self, access: &Access, lane: usize, buffer: &[u8]) -> Result<(), Fault> {
        let bytes = access.bytes;
        for (i, &row) in access.rows.iter().enumerate() {
            if self.warp.defined[row] >> lane & 1 == 1 {
                let address = self.address(access.address, lane) + (i * bytes) as u64;
                let region = self.resolve(lane, access.address.space, address, bytes, 1)?;
                self.write(region, &buffer[i * bytes..(i + 1) * bytes], true)?;
            }
        }
        Ok(())
    }

    pub(crate) fn store_lane(
        &mut self,
        space: Space,
        address: u64,
        bytes: &[u8],
        touch: Touch,
        defined: bool,
    ) -> Result<(), Fault> {
        let length = bytes.len();
        let region = self.resolve(touch.lane, space, address, length, length.next_power_of_two())?;
        if touch.order.strong {
            self.synchronise(region, address, false, touch.order.release | self.warp.fenced);
        }
        let same = match region {
            Region::Shared(at) => self.block.shared[at..at + length] == *bytes,
            Region::Global(index, at) => self.launch.memory.at(index).bytes[at..at + length] == *bytes,
            _ => false,
        };
        self.note(region, length, touch, same)?;
        self.write(region, bytes, defined)
    }

    fn move_local(&mut self, to: usize, from: usize, bytes: usize, mask: u32) {
        let size = self.launch.code.local_size;
        for lane in lanes(mask) {
            let (to, from) = (lane * size + to, lane * size + from);
            self.warp.local.copy_within(from..from + bytes, to);
            for i in 0..bytes {
                match self.warp.local_defined.first_missing(from + i, 1) {
                    None => self.warp.local_defined.set(to + i, 1),
                    Some(_) => self.warp.local_defined.clear(to + i, 1),
                }
            }
        }
    }
}

/// A register's value out of memory.
fn element(bytes: &[u8], length: usize, sign_to: Option<u32>) -> u64 {
    let value = match length {
        1 => bytes[0].into(),
        2 => u16::from_le_bytes([bytes[0], bytes[1]]).into(),
        4 => u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]).into(),
        _ => {
            let mut word = [0; 8];
            word[..length].copy_from_slice(&bytes[..length]);
            u64::from_le_bytes(word)
        }
    };
    match sign_to {
        Some(bits) => {
            let extended = crate::numeric::integer::signed(value, 8 * length as u32) as u64;
            extended & crate::numeric::integer::mask(bits)
        }
        None => value,
    }
}
