//! Arenas: memory for the intermediates of a run.
//!
//! A run leases an arena from the first command it records until the last one is submitted, not until the device is done: the queue runs
//! submissions in order, so the next run may record over the same arena at once. Only runs that are recorded at the same time, or one
//! that waits for the device between its submissions, hold arenas of their own. All executables of a device share the arenas.

use crate::pool::{Allocation, Pool, Use};
use crate::sync::lock;
use hadal_device::{DeviceError, MemoryUse};
use std::sync::{Arc, Mutex};

/// The arenas of a device that no run holds.
#[derive(Debug, Default)]
pub(crate) struct Arenas {
    free: Mutex<Vec<Allocation>>,
}

/// An arena that one run holds.
#[derive(Debug)]
pub(crate) struct Lease {
    allocation: Option<Allocation>,
    arenas: Arc<Arenas>,
}

impl Arenas {
    /// An arena of at least `bytes` bytes: the smallest free one that fits, so that equal runs get the same arena again.
    pub(crate) fn lease(self: &Arc<Self>, pool: &Arc<Pool>, bytes: u64) -> Result<Lease, DeviceError> {
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
    pub(crate) fn clear(&self) {
        let free = std::mem::take(&mut *lock(&self.free));
        drop(free);
    }
}

impl Lease {
    /// The memory; `None` only while the lease ends.
    pub(crate) fn allocation(&self) -> Option<&Allocation> {
        self.allocation.as_ref()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(allocation) = self.allocation.take() {
            lock(&self.arenas.free).push(allocation);
        }
    }
}
