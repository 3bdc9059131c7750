//! What stands behind a [`Buffer`]: a block of memory, or a view of one that a running step lends to the body of a loop.
//!
//! # Who may touch the bytes
//!
//! Bytes are shared mutable memory behind `Arc`s, so access follows rules instead of types:
//! - a run *reads* inputs and unchanged variables under the read half of [`CpuStorage::lock`];
//! - a run *writes* only to storage whose single handle it owns (fresh results, and variables that are unique), which nobody else can reach;
//! - [`Backend::write`](hadal_device::Backend::write) writes under the write half of the lock, [`Backend::read`](hadal_device::Backend::read) reads under the read half.

use crate::memory::{Block, Memory};
use hadal_device::{Buffer, DeviceError, Storage};
use hadal_graph::DType;
use std::any::Any;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

enum Held {
    Block(Block),
    /// Memory of a value of the enclosing program.
    View {
        ptr: *mut u8,
        bytes: usize,
        writable: bool,
    },
}

/// The storage of the CPU's buffers.
pub(crate) struct CpuStorage {
    held: Held,
    lock: RwLock<()>,
}

// SAFETY: blocks may move between threads; a view is made, used and dropped while the step that lends it waits. Access to the bytes follows
// the rules above.
unsafe impl Send for CpuStorage {}
// SAFETY: as above.
unsafe impl Sync for CpuStorage {}

impl CpuStorage {
    /// A new buffer. Errors: `OutOfMemory`; `Dim` when the size does not fit.
    pub(crate) fn allocate(
        memory: &Arc<Memory>,
        dtype: DType,
        elements: usize,
    ) -> Result<Buffer, DeviceError> {
        let bytes = elements.saturating_mul(dtype.size());
        let held = Held::Block(memory.allocate(bytes, true)?);
        Ok(Buffer::new(dtype, elements, Arc::new(CpuStorage { held, lock: RwLock::new(()) })))
    }

    /// A buffer over memory that belongs to somebody else.
    ///
    /// Safety: the memory holds `elements` elements and outlives every handle; nobody else writes to it meanwhile, and nobody else reads it if
    /// `writable`.
    pub(crate) unsafe fn view(ptr: *mut u8, dtype: DType, elements: usize, writable: bool) -> Buffer {
        let held = Held::View { ptr, bytes: elements * dtype.size(), writable };
        Buffer::new(dtype, elements, Arc::new(CpuStorage { held, lock: RwLock::new(()) }))
    }

    /// The storage of one of this backend's buffers, which holds at least the buffer's bytes.
    ///
    /// Errors: `Argument` for a buffer of another backend, or one that was reinterpreted beyond its memory.
    pub(crate) fn of(buffer: &Buffer) -> Result<&CpuStorage, DeviceError> {
        let storage = buffer.downcast::<CpuStorage>().ok_or_else(|| {
            DeviceError::Argument(
                "the buffer belongs to another device: read it back and upload it to this one".into(),
            )
        })?;
        let bytes = buffer.elements().checked_mul(buffer.dtype().size());
        if bytes.is_none_or(|bytes| bytes as u64 > storage.device_bytes()) {
            return Err(DeviceError::Argument(format!(
                "a buffer of {} × {} is larger than its memory of {} bytes",
                buffer.elements(),
                buffer.dtype(),
                storage.device_bytes()
            )));
        }
        Ok(storage)
    }

    /// The first byte.
    pub(crate) fn ptr(&self) -> *mut u8 {
        match &self.held {
            Held::Block(block) => block.ptr(),
            Held::View { ptr, .. } => *ptr,
        }
    }

    /// Whether a run that owns the only handle may write.
    pub(crate) fn is_writable(&self) -> bool {
        match &self.held {
            Held::Block(_) => true,
            Held::View { writable, .. } => *writable,
        }
    }

    /// Keeps writers away.
    pub(crate) fn reading(&self) -> RwLockReadGuard<'_, ()> {
        self.lock.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps everybody else away.
    pub(crate) fn writing(&self) -> RwLockWriteGuard<'_, ()> {
        self.lock.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Storage for CpuStorage {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn device_bytes(&self) -> u64 {
        match &self.held {
            Held::Block(block) => block.capacity() as u64,
            Held::View { bytes, .. } => *bytes as u64,
        }
    }
}

/// Copies the canonical bytes of a tensor; a boolean is 0 or 1 afterwards whatever it was.
///
/// Safety: both sides hold `bytes` bytes and are apart; the rules above hold for `to`.
pub(crate) unsafe fn copy_bytes(from: *const u8, to: *mut u8, bytes: usize, dtype: DType) {
    // SAFETY: the caller's promise.
    unsafe {
        std::ptr::copy_nonoverlapping(from, to, bytes);
        if dtype == DType::Bool {
            std::slice::from_raw_parts_mut(to, bytes).iter_mut().for_each(|b| *b = (*b != 0) as u8);
        }
    }
}
