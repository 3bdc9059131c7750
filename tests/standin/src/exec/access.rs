//! One lane's access to memory, with every check.

use super::race::{Accesses, Observer, Record};
use super::step::Context;
use super::{LANES, warp};
use crate::compile::code::{Code, Order, Span};
use crate::memory::{GLOBAL_BASE, LOCAL_WINDOW, PARAM_WINDOW, SHARED_WINDOW, WINDOW};
use crate::ptx::Space;
use crate::report::{Fault, FindingKind};

/// Where an address leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Region {
    Shared(usize),
    /// Offset in the memory of the whole warp.
    Local(usize),
    Param(usize),
    /// The allocation and the offset in it.
    Global(usize, usize),
}

/// What is done at an address, and by whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Touch {
    pub(crate) lane: usize,
    pub(crate) pc: usize,
    pub(crate) writes: bool,
    pub(crate) order: Order,
}

#[cold]
fn misaligned(address: u64, bytes: usize) -> Fault {
    Fault::new(FindingKind::Misaligned, format!("{address:#x} is no multiple of {bytes}"))
}

#[cold]
fn unwritten(byte: usize, what: &str) -> Fault {
    Fault::new(FindingKind::Uninitialised, format!("byte {byte} of {what} was never written"))
}

/// Whether a variable holds a range, or what is wrong.
#[inline(always)]
fn inside(spans: &[Span], at: u64, length: usize, what: &str) -> Result<(), Fault> {
    let end = at.saturating_add(length as u64);
    match spans.iter().any(|s| at >= s.start as u64 && end <= (s.start + s.size) as u64) {
        true => Ok(()),
        false => Err(outside(spans, at, length, what)),
    }
}

#[cold]
fn outside(spans: &[Span], at: u64, length: usize, what: &str) -> Fault {
    let nearest = spans.iter().rev().find(|s| s.start as u64 <= at);
    let place = match nearest {
        Some(s) => {
            format!(
                "{length} bytes at byte {} of `{}`, which has {} bytes",
                at - s.start as u64,
                s.name,
                s.size
            )
        }
        None => format!("{length} bytes at {at:#x} of {what} memory, where no variable lies"),
    };
    Fault::new(FindingKind::OutOfBounds, place)
}

impl Context<'_, '_> {
    /// The place of `length` bytes whose address must be a multiple of `alignment`.
    // Inlined, as are the next two: a region that goes through memory costs more than the access itself.
    #[inline(always)]
    pub(crate) fn resolve(
        &mut self,
        lane: usize,
        space: Space,
        address: u64,
        length: usize,
        alignment: usize,
    ) -> Result<Region, Fault> {
        if !address.is_multiple_of(alignment as u64) {
            return Err(misaligned(address, alignment));
        }
        let within = |base: u64| (base..base + WINDOW).contains(&address);
        let (space, at) = match space {
            Space::Generic if address >= GLOBAL_BASE => (Space::Global, address),
            Space::Generic if within(SHARED_WINDOW) => (Space::Shared, address - SHARED_WINDOW),
            Space::Generic if within(LOCAL_WINDOW) => (Space::Local, address - LOCAL_WINDOW),
            Space::Generic if within(PARAM_WINDOW) => (Space::Param, address - PARAM_WINDOW),
            Space::Generic => (Space::Global, address),
            other => (other, address),
        };
        let code: &Code = self.launch.code;
        match space {
            Space::Global | Space::Const | Space::Generic => {
                let (index, offset) = self.launch.memory.find(at, length, self.launch.guess)?;
                self.launch.guess = index;
                Ok(Region::Global(index, offset))
            }
            Space::Shared => {
                let dynamic = code.shared_dynamic as u64;
                if at < dynamic {
                    inside(&code.shared, at, length, "shared")?;
                } else if at.saturating_add(length as u64) > self.block.shared.len() as u64 {
                    return Err(self.outside_dynamic(at, length));
                }
                Ok(Region::Shared(at as usize))
            }
            Space::Local => {
                inside(&code.local, at, length, "local")?;
                Ok(Region::Local(lane * code.local_size + at as usize))
            }
            Space::Param => {
                if at.saturating_add(length as u64) > self.launch.params.len() as u64 {
                    return Err(Fault::new(
                        FindingKind::OutOfBounds,
                        format!(
                            "{length} bytes at byte {at} of parameters, which have {}",
                            self.launch.params.len()
                        ),
                    ));
                }
                Ok(Region::Param(at as usize))
            }
        }
    }

    /// The bytes of a place; `false` where they are undefined and that is no finding yet.
    #[inline(always)]
    pub(crate) fn read(&self, region: Region, out: &mut [u8]) -> Result<bool, Fault> {
        let length = out.len();
        match region {
            Region::Shared(at) => {
                out.copy_from_slice(&self.block.shared[at..at + length]);
                if self.launch.limits.undefined
                    && let Some(byte) = self.block.shared_defined.first_missing(at, length)
                {
                    return Err(unwritten(byte, &self.name_shared(byte)));
                }
                Ok(true)
            }
            Region::Local(at) => {
                out.copy_from_slice(&self.warp.local[at..at + length]);
                Ok(self.warp.local_defined.first_missing(at, length).is_none())
            }
            Region::Param(at) => {
                out.copy_from_slice(&self.launch.params[at..at + length]);
                Ok(true)
            }
            Region::Global(index, at) => {
                let allocation = self.launch.memory.at(index);
                out.copy_from_slice(&allocation.bytes[at..at + length]);
                if self.launch.limits.undefined
                    && let Some(byte) = allocation.defined.first_missing(at, length)
                {
                    return Err(unwritten(byte, &allocation.describe()));
                }
                Ok(true)
            }
        }
    }

    #[inline(always)]
    pub(crate) fn write(&mut self, region: Region, bytes: &[u8], defined: bool) -> Result<(), Fault> {
        let length = bytes.len();
        let (memory, states, at) = match region {
            Region::Shared(at) => (&mut self.block.shared, &mut self.block.shared_defined, at),
            Region::Local(at) => (&mut self.warp.local, &mut self.warp.local_defined, at),
            Region::Param(_) => {
                return Err(Fault::new(FindingKind::OutOfBounds, "kernel parameters cannot be written"));
            }
            Region::Global(index, at) => {
                let allocation = self.launch.memory.at_mut(index);
                if allocation.read_only {
                    let message = format!("{} is constant and cannot be written", allocation.label);
                    return Err(Fault::new(FindingKind::OutOfBounds, message));
                }
                (&mut allocation.bytes, &mut allocation.defined, at)
            }
        };
        memory[at..at + length].copy_from_slice(bytes);
        match defined {
            true => states.set(at, length),
            false => states.clear(at, length),
        }
        Ok(())
    }

    /// Notes an access where others might be in no order with it. `same`: it writes what is there already.
    pub(crate) fn note(
        &mut self,
        region: Region,
        length: usize,
        touch: Touch,
        same: bool,
    ) -> Result<(), Fault> {
        if !self.launch.limits.races {
            return Ok(());
        }
        let warp = self.warp.number;
        let thread = warp * LANES + touch.lane;
        let clock = self.block.clocks[warp][warp];
        let now = Record::new(self.block.linear, thread, touch.order.strong, clock, touch.pc);
        let observer = Observer { warp, seen: &self.block.clocks[warp], blocks: &self.block.seen };
        let (found, at) = match region {
            Region::Shared(at) => {
                (self.block.shared_accesses.note(at, length, touch.writes, now, &observer), at)
            }
            Region::Global(index, at) => {
                let allocation = self.launch.memory.at(index);
                if allocation.read_only {
                    return Ok(());
                }
                if self.launch.accesses.len() <= index {
                    self.launch.accesses.resize_with(index + 1, || None);
                }
                let accesses =
                    self.launch.accesses[index].get_or_insert_with(|| Accesses::new(allocation.size));
                (accesses.note(at, length, touch.writes, now, &observer), at)
            }
            Region::Local(_) | Region::Param(_) => return Ok(()),
        };
        match found {
            // Two writers of the same value leave the same value.
            Some((_, true)) if touch.writes && same && !self.equal_writes_race(region) => Ok(()),
            Some((earlier, wrote)) => Err(self.race(region, at, length, touch, (earlier, wrote))),
            None => Ok(()),
        }
    }

    fn equal_writes_race(&self, region: Region) -> bool {
        self.launch.limits.equal_writes && matches!(region, Region::Global(..))
    }

    #[cold]
    fn race(&self, region: Region, at: usize, length: usize, touch: Touch, earlier: (Record, bool)) -> Fault {
        let (earlier, wrote) = earlier;
        let verb = |writes| if writes { "writes" } else { "reads" };
        let place = match region {
            Region::Global(index, _) => self.launch.memory.at(index).describe(),
            _ => self.name_shared(at),
        };
        let thread = warp::thread_index(self.launch.place.block, earlier.thread());
        let block = self.launch.block_index(earlier.block());
        let line = self.launch.code.instructions[earlier.instruction()].line;
        Fault::new(
            FindingKind::Race,
            format!(
                "it {} {length} bytes at byte {at} of {place}, which thread {thread:?} of block {block:?} {} at PTX line \
                 {line} `{}`, in no order",
                verb(touch.writes),
                verb(wrote),
                self.launch.source(line)
            ),
        )
    }

    #[cold]
    fn outside_dynamic(&self, at: u64, length: usize) -> Fault {
        let dynamic = self.launch.code.shared_dynamic as u64;
        let (byte, size) = (at - dynamic, self.block.shared.len() as u64 - dynamic);
        let message =
            format!("{length} bytes at byte {byte} of dynamic shared memory, which has {size} bytes");
        Fault::new(FindingKind::OutOfBounds, message)
    }

    #[cold]
    fn name_shared(&self, at: usize) -> String {
        let spans = &self.launch.code.shared;
        match spans.iter().find(|s| (s.start..s.start + s.size).contains(&at)) {
            Some(span) => format!("shared memory (`{}` begins at {})", span.name, span.start),
            None => format!("shared memory (its dynamic part begins at {})", self.launch.code.shared_dynamic),
        }
    }
}
