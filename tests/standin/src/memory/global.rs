//! The allocation table. Addresses are never given out twice, and wide gaps lie between allocations: an address that is wrong hits nothing.

use super::{Defined, GLOBAL_BASE};
use crate::report::{Fault, FindingKind};

/// A piece of device memory, live or given back.
#[derive(Debug)]
pub(crate) struct Allocation {
    pub(crate) base: u64,
    pub(crate) size: usize,
    pub(crate) bytes: Vec<u8>,
    pub(crate) defined: Defined,
    pub(crate) freed: bool,
    pub(crate) read_only: bool,
    /// What a message calls it.
    pub(crate) label: String,
    /// Belongs to a module, not to the program: no leak.
    pub(crate) is_module: bool,
    /// The count of the allocations before it, for messages.
    pub(crate) number: u64,
}

/// All device memory.
#[derive(Debug)]
pub(crate) struct GlobalMemory {
    /// By rising base.
    allocations: Vec<Allocation>,
    next: u64,
    count: u64,
    /// What a device has in all.
    pub(crate) capacity: usize,
    used: usize,
}

/// Bases are multiples of this and of no higher power of two, so that code that counts on more is found out.
const ALIGNMENT: u64 = 512;
const GRANULE: u64 = 1 << 20;

impl GlobalMemory {
    pub(crate) fn new(capacity: usize) -> GlobalMemory {
        GlobalMemory { allocations: Vec::new(), next: GLOBAL_BASE + ALIGNMENT, count: 0, capacity, used: 0 }
    }

    /// Undefined bytes; `None` where the device has no more.
    pub(crate) fn allocate(&mut self, size: usize, label: impl Into<String>) -> Option<u64> {
        if size > self.capacity.saturating_sub(self.used) {
            return None;
        }
        let base = self.next;
        self.next += (size as u64 + GRANULE).next_multiple_of(GRANULE);
        self.used += size;
        self.count += 1;
        self.allocations.push(Allocation {
            base,
            size,
            bytes: vec![0xcd; size],
            defined: Defined::none(size),
            freed: false,
            read_only: false,
            label: label.into(),
            is_module: false,
            number: self.count,
        });
        Some(base)
    }

    /// Gives memory back; the address must be what `allocate` returned.
    pub(crate) fn free(&mut self, base: u64) -> Result<(), Fault> {
        let found = self.position(base).filter(|&i| self.allocations[i].base == base);
        let Some(index) = found else {
            let message = format!("{base:#x} was given back, which no allocation begins with");
            return Err(Fault::new(FindingKind::OutOfBounds, message));
        };
        let allocation = &mut self.allocations[index];
        if allocation.freed {
            return Err(Fault::new(
                FindingKind::UseAfterFree,
                format!("{} was given back twice", allocation.describe()),
            ));
        }
        allocation.freed = true;
        allocation.bytes = Vec::new();
        self.used -= allocation.size;
        Ok(())
    }

    /// Gives back everything that is live.
    pub(crate) fn free_all(&mut self) {
        for allocation in self.allocations.iter_mut().filter(|a| !a.freed) {
            allocation.freed = true;
            allocation.bytes = Vec::new();
        }
        self.used = 0;
    }

    /// An allocation that belongs to a module.
    pub(crate) fn mark_module(&mut self, base: u64, read_only: bool) {
        if let Some(index) = self.position(base) {
            self.allocations[index].is_module = true;
            self.allocations[index].read_only = read_only;
        }
    }

    /// Bytes that are neither taken nor reserved.
    pub(crate) fn available(&self) -> usize {
        self.capacity.saturating_sub(self.used)
    }

    /// Live allocations that a program made.
    pub(crate) fn live(&self) -> impl Iterator<Item = &Allocation> {
        self.allocations.iter().filter(|a| !a.freed && !a.is_module)
    }

    pub(crate) fn at(&self, index: usize) -> &Allocation {
        &self.allocations[index]
    }

    pub(crate) fn at_mut(&mut self, index: usize) -> &mut Allocation {
        &mut self.allocations[index]
    }

    /// The last allocation that begins at or before an address.
    fn position(&self, address: u64) -> Option<usize> {
        self.allocations.partition_point(|a| a.base <= address).checked_sub(1)
    }

    /// The allocation that holds `[address, address + length)`, and the offset in it. `guess` is tried first.
    #[inline(always)]
    pub(crate) fn find(&self, address: u64, length: usize, guess: usize) -> Result<(usize, usize), Fault> {
        if let Some(a) = self.allocations.get(guess) {
            let offset = address.wrapping_sub(a.base);
            if !a.freed && offset.saturating_add(length as u64) <= a.size as u64 {
                return Ok((guess, offset as usize));
            }
        }
        self.search(address, length)
    }

    fn search(&self, address: u64, length: usize) -> Result<(usize, usize), Fault> {
        let Some(index) = self.position(address) else {
            let message = match address {
                0 => "the null pointer".to_owned(),
                _ => format!("{length} bytes at {address:#x}, where nothing was ever allocated"),
            };
            return Err(Fault::new(FindingKind::OutOfBounds, message));
        };
        let a = &self.allocations[index];
        let offset = address - a.base;
        let inside = offset.saturating_add(length as u64) <= a.size as u64;
        match (inside, a.freed) {
            (true, false) => Ok((index, offset as usize)),
            (true, true) => {
                Err(Fault::new(FindingKind::UseAfterFree, format!("byte {offset} of {}", a.describe())))
            }
            (false, _) => {
                let before =
                    self.allocations.get(index + 1).filter(|next| next.base - address <= GRANULE / 2);
                let place = match before {
                    Some(next) => format!("{} bytes before {}", next.base - address, next.describe()),
                    None => {
                        format!("{length} bytes at byte {offset} of {}", a.describe())
                    }
                };
                Err(Fault::new(FindingKind::OutOfBounds, place))
            }
        }
    }

    /// A range that the host names; it may be large, and must lie in one allocation.
    pub(crate) fn read(&self, address: u64, length: usize) -> Result<&[u8], Fault> {
        let (index, offset) = self.find(address, length, usize::MAX)?;
        Ok(&self.allocations[index].bytes[offset..offset + length])
    }

    pub(crate) fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), Fault> {
        let (index, offset) = self.find(address, bytes.len(), usize::MAX)?;
        let a = &mut self.allocations[index];
        a.bytes[offset..offset + bytes.len()].copy_from_slice(bytes);
        a.defined.set(offset, bytes.len());
        Ok(())
    }

    /// What a host reads must have been written.
    pub(crate) fn first_missing(&self, address: u64, length: usize) -> Option<(usize, String)> {
        let (index, offset) = self.find(address, length, usize::MAX).ok()?;
        let a = &self.allocations[index];
        a.defined.first_missing(offset, length).map(|byte| (byte, a.describe()))
    }

    pub(crate) fn copy(&mut self, to: u64, from: u64, length: usize) -> Result<(), Fault> {
        let (source, at) = self.find(from, length, usize::MAX)?;
        let (target, to_at) = self.find(to, length, usize::MAX)?;
        let bytes = self.allocations[source].bytes[at..at + length].to_vec();
        let defined = self.allocations[source].defined.clone();
        let target = &mut self.allocations[target];
        target.bytes[to_at..to_at + length].copy_from_slice(&bytes);
        target.defined.copy_from(to_at, &defined, at, length);
        Ok(())
    }
}

impl Allocation {
    pub(crate) fn describe(&self) -> String {
        let state = if self.freed { ", given back" } else { "" };
        format!("{} #{} ({} bytes{state})", self.label, self.number, self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_beside_and_behind() {
        let mut memory = GlobalMemory::new(1 << 20);
        let a = memory.allocate(100, "buffer").expect("room");
        let b = memory.allocate(100, "buffer").expect("room");
        assert!(memory.find(a + 96, 4, 0).is_ok());
        assert_eq!(memory.find(a + 97, 4, 0).map_err(|f| f.kind), Err(FindingKind::OutOfBounds));
        let before = memory.find(b - 4, 4, 0).expect_err("before the second");
        assert_eq!(before.message, "4 bytes before buffer #2 (100 bytes)");
        memory.free(a).expect("first time");
        assert_eq!(memory.find(a, 4, 0).map_err(|f| f.kind), Err(FindingKind::UseAfterFree));
        assert_eq!(memory.free(a).map_err(|f| f.kind), Err(FindingKind::UseAfterFree));
        assert_eq!(memory.live().count(), 1);
        assert!(memory.allocate(1 << 20, "too large").is_none());
    }
}
