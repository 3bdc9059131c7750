//! `cp.async`. The bytes are read at once, and arrive in shared memory when they are waited for: until then their place counts as never written.

use super::access::{Region, Touch};
use super::step::{Context, Stop};
use crate::compile::code::{Address, Order, Reg, lanes};
use crate::report::Fault;

/// A copy under way.
#[derive(Clone, Debug)]
struct Copy {
    lane: usize,
    to: Region,
    bytes: Vec<u8>,
    pc: usize,
    /// Commits of its lane that came after it.
    age: Option<usize>,
}

/// Copies under way of a warp's lanes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pending {
    copies: Vec<Copy>,
}

impl Pending {
    /// `cp.async.commit_group`: what is uncommitted becomes the youngest group.
    pub(crate) fn commit(&mut self, mask: u32) {
        for copy in self.copies.iter_mut().filter(|copy| mask >> copy.lane & 1 == 1) {
            copy.age = Some(copy.age.map_or(0, |age| age + 1));
        }
    }
}

impl Context<'_, '_> {
    pub(crate) fn asynchronous_copy(
        &mut self,
        pc: usize,
        (to, from): (Address, Address),
        bytes: usize,
        source_bytes: Option<Reg>,
        mask: u32,
    ) -> Result<(), Stop> {
        self.must_be_defined(to.base, mask, "the address")?;
        self.must_be_defined(from.base, mask, "the address")?;
        for lane in lanes(mask) {
            let wanted = source_bytes.map_or(bytes, |row| (self.warp.rows[row][lane] as usize).min(bytes));
            let copy = self.start_copy(pc, (to, from), bytes, wanted, lane).map_err(|fault| (lane, fault))?;
            self.warp.pending.copies.push(copy);
        }
        Ok(())
    }

    fn start_copy(
        &mut self,
        pc: usize,
        (to, from): (Address, Address),
        bytes: usize,
        wanted: usize,
        lane: usize,
    ) -> Result<Copy, Fault> {
        let mut data = vec![0; bytes];
        if wanted > 0 {
            let address = self.address(from, lane);
            let region = self.resolve(lane, from.space, address, wanted, bytes)?;
            self.read(region, &mut data[..wanted])?;
            self.note(region, wanted, Touch { lane, pc, writes: false, order: Order::default() }, false)?;
        }
        let address = self.address(to, lane);
        let region = self.resolve(lane, to.space, address, bytes, bytes)?;
        self.note(region, bytes, Touch { lane, pc, writes: true, order: Order::default() }, false)?;
        if let Region::Shared(at) = region {
            self.block.shared_defined.clear(at, bytes);
        }
        Ok(Copy { lane, to: region, bytes: data, pc, age: None })
    }

    /// `cp.async.wait_group`: all but the `left` youngest groups arrive.
    pub(crate) fn asynchronous_wait(&mut self, _pc: usize, left: usize, mask: u32) -> Result<(), Stop> {
        if self.warp.pending.copies.is_empty() {
            return Ok(());
        }
        let copies = std::mem::take(&mut self.warp.pending.copies);
        let arrives = |copy: &Copy| mask >> copy.lane & 1 == 1 && copy.age.is_some_and(|age| age >= left);
        let (done, rest): (Vec<_>, Vec<_>) = copies.into_iter().partition(arrives);
        self.warp.pending.copies = rest;
        for copy in done {
            let touch = Touch { lane: copy.lane, pc: copy.pc, writes: true, order: Order::default() };
            let arrived = self.note(copy.to, copy.bytes.len(), touch, false);
            arrived
                .and_then(|()| self.write(copy.to, &copy.bytes, true))
                .map_err(|fault| (copy.lane, fault))?;
        }
        Ok(())
    }
}
