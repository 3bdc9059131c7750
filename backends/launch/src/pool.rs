//! Pooled device memory and its accounting.
//!
//! Buffers are rounded up to size classes, four to a power of two, so that a dropped one serves the next request of about its size. One that
//! comes back may still be in use by work that was submitted earlier; that is harmless, because the queue runs submissions in order and
//! whoever takes the buffer next submits later. For the same reason nobody may drop a buffer between recording a command that uses it and
//! submitting that command: a [`crate::Recorder`] holds on to what it recorded.

use crate::device_name;
use crate::gpu::{Gpu, Refusal, Use};
use crate::sync::lock;
use hadal_device::{DeviceError, DeviceInfo, MemoryObserver, MemoryStats};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// All buffers of one device.
pub struct Pool<G: Gpu> {
    gpu: Arc<G>,
    info: DeviceInfo,
    largest: u64,
    next_id: AtomicU64,
    state: Mutex<State<G>>,
}

struct State<G: Gpu> {
    free: BTreeMap<(Use, u64), Vec<Block<G>>>,
    stats: MemoryStats,
    observer: Option<Arc<dyn MemoryObserver>>,
}

struct Block<G: Gpu> {
    memory: G::Block,
    id: u64,
    usage: Use,
    class: u64,
}

/// A buffer that goes back to its pool when it is dropped.
pub struct Allocation<G: Gpu> {
    block: Block<G>,
    pool: Arc<Pool<G>>,
}

impl<G: Gpu> Allocation<G> {
    /// The memory, which is at least as large as was asked for.
    pub fn block(&self) -> &G::Block {
        &self.block.memory
    }

    /// A number that no other buffer of the device ever has.
    pub fn id(&self) -> u64 {
        self.block.id
    }

    /// Bytes held.
    pub fn bytes(&self) -> u64 {
        self.block.class
    }

    /// Whether this memory belongs to `pool`.
    pub fn belongs_to(&self, pool: &Arc<Pool<G>>) -> bool {
        Arc::ptr_eq(&self.pool, pool)
    }
}

impl<G: Gpu> Drop for Allocation<G> {
    fn drop(&mut self) {
        let mut state = lock(&self.pool.state);
        if let Some(observer) = &state.observer {
            observer.freed(self.block.id, self.block.class);
        }
        state.stats.in_use -= self.block.class;
        state.stats.buffers -= 1;
        state.stats.cached += self.block.class;
        let Block { memory, id, usage, class } = &self.block;
        let block = Block { memory: memory.clone(), id: *id, usage: *usage, class: *class };
        state.free.entry((*usage, *class)).or_default().push(block);
    }
}

impl<G: Gpu> std::fmt::Debug for Allocation<G> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Allocation(#{}, {} bytes)", self.block.id, self.block.class)
    }
}

impl<G: Gpu> Pool<G> {
    /// A pool without memory. `largest` is the size of the largest buffer that the device can make.
    pub(crate) fn new(gpu: Arc<G>, info: DeviceInfo, largest: u64) -> Pool<G> {
        let state = State { free: BTreeMap::new(), stats: MemoryStats::default(), observer: None };
        Pool { gpu, info, largest, next_id: AtomicU64::new(1), state: Mutex::new(state) }
    }

    /// Memory of at least `bytes` bytes with unspecified contents. Errors: `OutOfMemory`, `Lost`.
    pub fn allocate(self: &Arc<Self>, usage: Use, bytes: u64) -> Result<Allocation<G>, DeviceError> {
        self.allocate_for(usage, bytes, usage.purpose())
    }

    /// Like [`Pool::allocate`], for memory that serves another purpose than its use says.
    pub fn allocate_for(
        self: &Arc<Self>,
        usage: Use,
        bytes: u64,
        purpose: hadal_device::MemoryUse,
    ) -> Result<Allocation<G>, DeviceError> {
        let allocation = self.obtain(usage, bytes)?;
        if let Some(observer) = &lock(&self.state).observer {
            observer.allocated(allocation.block.id, allocation.block.class, purpose);
        }
        Ok(allocation)
    }

    fn obtain(self: &Arc<Self>, usage: Use, bytes: u64) -> Result<Allocation<G>, DeviceError> {
        self.gpu.alive()?;
        if bytes > self.largest {
            let limit = format!(" (the largest buffer of this device is {} bytes)", self.largest);
            return Err(self.out_of_memory(bytes, limit));
        }
        let class = size_class(bytes).min(self.largest);
        if let Some(block) = self.take(usage, class)? {
            return Ok(Allocation { block, pool: self.clone() });
        }
        let mut outcome = self.create(usage, class);
        if let Err(Refusal::OutOfMemory) = &outcome {
            self.empty();
            outcome = self.create(usage, class);
        }
        match outcome {
            Ok(block) => Ok(Allocation { block, pool: self.clone() }),
            Err(error) => {
                let mut state = lock(&self.state);
                state.stats.in_use -= class;
                state.stats.buffers -= 1;
                drop(state);
                self.gpu.alive()?;
                Err(match error {
                    Refusal::OutOfMemory => self.out_of_memory(bytes, String::new()),
                    Refusal::Other(error) => error,
                })
            }
        }
    }

    /// Bytes of the largest buffer that the device can make.
    pub fn largest(&self) -> u64 {
        self.largest
    }

    /// Memory counters.
    pub fn stats(&self) -> MemoryStats {
        lock(&self.state).stats
    }

    /// Tells `observer` of every block from now on. Returns the counters at that moment.
    pub fn observe(&self, observer: Option<Arc<dyn MemoryObserver>>) -> MemoryStats {
        let mut state = lock(&self.state);
        let (stats, former) = (state.stats, std::mem::replace(&mut state.observer, observer));
        drop(state);
        drop(former);
        stats
    }

    /// Refuses allocations that would bring the memory in use above `limit` bytes.
    pub fn set_limit(&self, limit: Option<u64>) {
        lock(&self.state).stats.limit = limit;
    }

    /// Gives unused memory back to the driver.
    pub fn empty(&self) {
        let mut state = lock(&self.state);
        state.stats.cached = 0;
        let free = std::mem::take(&mut state.free);
        drop(state);
        free.into_values().flatten().for_each(|block| self.gpu.destroy(block.memory));
    }

    /// Counts `class` bytes as in use and takes a free block of that class if there is one.
    fn take(&self, usage: Use, class: u64) -> Result<Option<Block<G>>, DeviceError> {
        let mut state = lock(&self.state);
        let State { free, stats, .. } = &mut *state;
        if let Some(limit) = stats.limit
            && stats.in_use.saturating_add(class) > limit
        {
            let limit = format!(" (limit {limit})");
            drop(state);
            return Err(self.out_of_memory(class, limit));
        }
        stats.in_use += class;
        stats.peak = stats.peak.max(stats.in_use);
        stats.buffers += 1;
        let block = free.get_mut(&(usage, class)).and_then(Vec::pop);
        if block.is_some() {
            stats.cached -= class;
        }
        Ok(block)
    }

    fn create(&self, usage: Use, class: u64) -> Result<Block<G>, Refusal> {
        let memory = self.gpu.create(usage, class)?;
        Ok(Block { memory, id: self.next_id.fetch_add(1, Ordering::Relaxed), usage, class })
    }

    fn out_of_memory(&self, requested: u64, limit: String) -> DeviceError {
        let in_use = lock(&self.state).stats.in_use;
        let device = device_name(&self.info);
        DeviceError::OutOfMemory { device, requested, in_use, limit, largest: Vec::new() }
    }
}

impl<G: Gpu> Drop for Pool<G> {
    fn drop(&mut self) {
        self.empty();
    }
}

impl<G: Gpu> std::fmt::Debug for Pool<G> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// `bytes` rounded up to one of four sizes to a power of two, and to at least 256.
fn size_class(bytes: u64) -> u64 {
    if bytes <= 256 {
        return 256;
    }
    let quarter = (1u64 << bytes.ilog2()) / 4;
    bytes.next_multiple_of(quarter.max(256))
}

#[cfg(test)]
mod tests {
    use super::size_class;

    #[test]
    fn classes_waste_at_most_a_quarter() {
        for bytes in (1..5_000_000u64).step_by(997) {
            let class = size_class(bytes);
            assert!(class >= bytes && class.is_multiple_of(4) && size_class(class) == class, "{bytes}");
            assert!(class <= (bytes + bytes / 4).max(bytes + 256), "{bytes} {class}");
        }
    }
}
