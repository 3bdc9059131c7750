//! Memory: 64-byte aligned blocks, counted, limited and pooled.
//!
//! Every byte that the backend holds of its own goes through [`Memory`], so its counters are the truth. Fresh blocks are zeroed lazily by
//! the system (`calloc`), pooled ones were zeroed once, so memory is always initialised.

use hadal_device::{DeviceError, MemoryObserver, MemoryStats, MemoryUse};
use std::alloc::Layout;
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Alignment of every block.
pub(crate) const ALIGNMENT: usize = 64;

/// Free blocks above this many bytes (or a quarter of the peak, if that is more) go back to the system.
const CACHE_FLOOR: u64 = 64 << 20;

/// The counters and the pool of one device.
pub(crate) struct Memory {
    device: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stats: MemoryStats,
    free: BTreeMap<usize, Vec<Raw>>,
    observer: Option<Arc<dyn MemoryObserver>>,
}

/// A block as the system gave it.
struct Raw {
    base: NonNull<u8>,
    layout: Layout,
}

// SAFETY: a `Raw` is the only owner of its memory.
unsafe impl Send for Raw {}

impl Drop for Raw {
    fn drop(&mut self) {
        // SAFETY: `base` was allocated with exactly this layout and nobody else frees it.
        unsafe { std::alloc::dealloc(self.base.as_ptr(), self.layout) }
    }
}

impl Memory {
    pub(crate) fn new(device: &str) -> Arc<Memory> {
        Arc::new(Memory { device: device.into(), state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The counters stay consistent even if a holder of the lock panicked: each update is a few additions.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A block of at least `bytes` bytes. Errors: `OutOfMemory`.
    pub(crate) fn allocate(self: &Arc<Self>, bytes: usize, is_buffer: bool) -> Result<Block, DeviceError> {
        let capacity = size_class(bytes).ok_or_else(|| self.refused(bytes as u64, &self.state().stats))?;
        let mut state = self.state();
        // A free block may be up to a quarter larger than asked for.
        let fits =
            state.free.range(capacity..=capacity.saturating_add(capacity / 4)).next().map(|(&size, _)| size);
        let pooled = fits.and_then(|size| {
            let list = state.free.get_mut(&size)?;
            let raw = list.pop();
            if list.is_empty() {
                state.free.remove(&size);
            }
            raw.map(|raw| (size, raw))
        });
        let wanted = pooled.as_ref().map_or(capacity, |(size, _)| *size);
        if let Some((size, _)) = &pooled {
            state.stats.cached -= *size as u64;
        }
        let limit = state.stats.limit.unwrap_or(u64::MAX);
        if state.stats.in_use + state.stats.cached + wanted as u64 > limit {
            state.free.clear();
            state.stats.cached = 0;
        }
        if state.stats.in_use + wanted as u64 > limit {
            return Err(self.refused(bytes as u64, &state.stats));
        }
        let (wanted, raw) = match pooled {
            Some(found) => found,
            None => {
                let raw = Raw::new(wanted).or_else(|| {
                    state.free.clear();
                    state.stats.cached = 0;
                    Raw::new(wanted)
                });
                (wanted, raw.ok_or_else(|| self.refused(bytes as u64, &state.stats))?)
            }
        };
        state.stats.in_use += wanted as u64;
        state.stats.peak = state.stats.peak.max(state.stats.in_use);
        state.stats.buffers += is_buffer as u64;
        // SAFETY: `Raw::new` allocated `ALIGNMENT` bytes more than the capacity, so the aligned pointer is inside.
        let ptr = unsafe { raw.base.add(raw.base.align_offset(ALIGNMENT)) };
        if let Some(observer) = &state.observer {
            let purpose = if is_buffer { MemoryUse::Tensor } else { MemoryUse::Plan };
            observer.allocated(block_number(&raw), wanted as u64, purpose);
        }
        Ok(Block { ptr, capacity: wanted, raw: Some(raw), memory: self.clone(), is_buffer })
    }

    fn refused(&self, requested: u64, stats: &MemoryStats) -> DeviceError {
        DeviceError::OutOfMemory {
            device: self.device.clone(),
            requested,
            in_use: stats.in_use,
            limit: stats.limit.map_or(String::new(), |l| format!(" (limit {l})")),
            largest: Vec::new(),
        }
    }

    fn release(&self, raw: Raw, capacity: usize, is_buffer: bool) {
        let mut state = self.state();
        if let Some(observer) = &state.observer {
            observer.freed(block_number(&raw), capacity as u64);
        }
        state.stats.in_use -= capacity as u64;
        state.stats.buffers -= is_buffer as u64;
        let most = CACHE_FLOOR.max(state.stats.peak / 4);
        let limit = state.stats.limit.unwrap_or(u64::MAX);
        let after = state.stats.cached + capacity as u64;
        if after <= most && state.stats.in_use + after <= limit {
            state.stats.cached = after;
            state.free.entry(capacity).or_default().push(raw);
        }
    }

    pub(crate) fn stats(&self) -> MemoryStats {
        self.state().stats
    }

    pub(crate) fn observe(&self, observer: Option<Arc<dyn MemoryObserver>>) -> MemoryStats {
        let mut state = self.state();
        let (stats, former) = (state.stats, std::mem::replace(&mut state.observer, observer));
        drop(state);
        drop(former);
        stats
    }

    pub(crate) fn set_limit(&self, limit: Option<u64>) {
        self.state().stats.limit = limit;
    }

    pub(crate) fn empty_cache(&self) {
        let mut state = self.state();
        state.stats.cached = 0;
        let free = std::mem::take(&mut state.free);
        drop(state);
        drop(free);
    }
}

impl Raw {
    fn new(capacity: usize) -> Option<Raw> {
        // Alignment 16 lets the allocator use `calloc`, whose large blocks cost nothing until they are touched.
        let layout = Layout::from_size_align(capacity.checked_add(ALIGNMENT)?, 16).ok()?;
        // SAFETY: the size is not zero.
        let base = unsafe { std::alloc::alloc_zeroed(layout) };
        NonNull::new(base).map(|base| Raw { base, layout })
    }
}

/// A number that no other block has while this one lives.
fn block_number(raw: &Raw) -> u64 {
    raw.base.as_ptr().addr() as u64
}

/// Rounds up so that freed blocks fit later requests: at most an eighth is wasted.
fn size_class(bytes: usize) -> Option<usize> {
    let bytes = bytes.max(1).checked_next_multiple_of(ALIGNMENT)?;
    let step = (bytes.checked_next_power_of_two()? / 16).max(ALIGNMENT);
    bytes.checked_next_multiple_of(step)
}

/// An aligned piece of memory that goes back to the pool when dropped. What it holds is shared mutable state: who may touch it is said
/// where it is used.
pub(crate) struct Block {
    ptr: NonNull<u8>,
    capacity: usize,
    raw: Option<Raw>,
    memory: Arc<Memory>,
    is_buffer: bool,
}

// SAFETY: a block is plain memory that any thread may free; access to the contents is synchronised by its users (see `storage`).
unsafe impl Send for Block {}
// SAFETY: as above; `&Block` only gives out the address.
unsafe impl Sync for Block {}

impl Block {
    /// The first byte.
    pub(crate) fn ptr(&self) -> *mut u8 {
        self.ptr.as_ptr()
    }

    /// Usable bytes.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if let Some(raw) = self.raw.take() {
            self.memory.release(raw, self.capacity, self.is_buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_limits_and_pools() {
        let memory = Memory::new("cpu:0");
        let a = memory.allocate(1000, true).unwrap();
        assert_eq!(a.ptr() as usize % ALIGNMENT, 0);
        assert!(a.capacity() >= 1000);
        let held = memory.stats().in_use;
        drop(a);
        assert_eq!((memory.stats().in_use, memory.stats().cached, memory.stats().buffers), (0, held, 0));
        let b = memory.allocate(990, true).unwrap();
        assert_eq!(
            (memory.stats().in_use, memory.stats().cached),
            (held, 0),
            "the pooled block is used again"
        );
        memory.set_limit(Some(2 * held));
        assert!(matches!(memory.allocate(4000, true), Err(DeviceError::OutOfMemory { .. })));
        drop(b);
        memory.empty_cache();
        assert_eq!(memory.stats().cached, 0);
        assert!(memory.allocate(usize::MAX - 3, false).is_err());
    }
}
