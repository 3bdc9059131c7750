//! Device memory.

use crate::{MaybeSend, MaybeSync};
use hadal_graph::DType;
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// What a backend stores behind a [`Buffer`]. Dropping it gives the memory back to the backend's pool.
pub trait Storage: MaybeSend + MaybeSync + 'static {
    /// For the backend to find its own type again.
    fn as_any(&self) -> &dyn Any;
    /// Bytes held on the device, which may be more than the canonical size.
    fn device_bytes(&self) -> u64;
}

/// A contiguous tensor in a device's memory, shared by handle. How elements are laid out is the backend's own affair.
#[derive(Clone)]
pub struct Buffer {
    dtype: DType,
    elements: usize,
    storage: Arc<dyn Storage>,
}

impl Buffer {
    /// Wraps a backend's storage.
    pub fn new(dtype: DType, elements: usize, storage: Arc<dyn Storage>) -> Buffer {
        Buffer { dtype, elements, storage }
    }

    /// The same memory read as another tensor: what two values that share storage are to each other.
    pub fn reinterpret(&self, dtype: DType, elements: usize) -> Buffer {
        Buffer { dtype, elements, storage: self.storage.clone() }
    }

    /// Element type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.elements
    }

    /// Bytes in the canonical layout.
    pub fn bytes(&self) -> usize {
        self.elements * self.dtype.size()
    }

    /// The backend's storage.
    pub fn storage(&self) -> &dyn Storage {
        &*self.storage
    }

    /// The backend's storage as its own type, if it is one.
    pub fn downcast<T: Storage>(&self) -> Option<&T> {
        self.storage.as_any().downcast_ref()
    }

    /// Whether both are the same memory.
    pub fn is_same(&self, other: &Buffer) -> bool {
        Arc::ptr_eq(&self.storage, &other.storage)
    }

    /// Whether this handle is the only one: nobody else can see a write to the memory.
    pub fn is_unique(&self) -> bool {
        Arc::strong_count(&self.storage) == 1
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} × {})", self.elements, self.dtype)
    }
}
