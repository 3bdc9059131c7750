//! Arenas: memory for the intermediates of a run.
//!
//! A run leases an arena from the first command it records until the last one is submitted, not until the device is done: the queue runs
//! submissions in order, so the next run may record over the same arena at once. Only runs that are recorded at the same time, or one
//! that waits for the device between its submissions, hold arenas of their own. All executables of a device share the arenas.

use crate::gpu::{Gpu, Use};
use crate::pool::{Allocation, Pool};
use crate::sync::lock;
use hadal_device::{DeviceError, MemoryUse};
use std::sync::{Arc, Mutex};

/// The arenas of a device that no run holds.
pub struct Arenas<G: Gpu> {
    free: Mutex<Vec<Allocation<G>>>,
}

/// An arena that one run holds.
pub struct Lease<G: Gpu> {
    allocation: Option<Allocation<G>>,
    arenas: Arc<Arenas<G>>,
}

impl<G: Gpu> Arenas<G> {
    /// An arena of at least `bytes` bytes: the smallest free one that fits, so that equal runs get the same arena again.
    pub fn lease(self: &Arc<Self>, pool: &Arc<Pool<G>>, bytes: u64) -> Result<Lease<G>, DeviceError> {
        let mut free = lock(&self.free);
        let fitting = (0..free.len())
            .filter(|&i| free[i].bytes() >= bytes)
            .min_by_key(|&i| (free[i].bytes(), free[i].id()));
        let allocation = match fitting {
            Some(index) => free.swap_remove(index),
            None => {
                // Too small for this run, so most likely for the ones to come.
                let largest = (0..free.len()).max_by_key(|&i| free[i].bytes());
                drop(largest.map(|i| free.swap_remove(i)));
                drop(free);
                pool.allocate_for(Use::Tensor, bytes, MemoryUse::Plan)?
            }
        };
        Ok(Lease { allocation: Some(allocation), arenas: self.clone() })
    }

    /// Gives arenas that no run holds back to the pool.
    pub fn clear(&self) {
        let free = std::mem::take(&mut *lock(&self.free));
        drop(free);
    }
}

impl<G: Gpu> Lease<G> {
    /// The memory; `None` only while the lease ends.
    pub fn allocation(&self) -> Option<&Allocation<G>> {
        self.allocation.as_ref()
    }
}

impl<G: Gpu> Default for Arenas<G> {
    fn default() -> Arenas<G> {
        Arenas { free: Mutex::default() }
    }
}

impl<G: Gpu> Drop for Lease<G> {
    fn drop(&mut self) {
        if let Some(allocation) = self.allocation.take() {
            lock(&self.arenas.free).push(allocation);
        }
    }
}
