//! What lies behind a [`hadal_device::Buffer`] of this backend.

use crate::pool::Allocation;
use hadal_device::{Buffer, Storage};
use hadal_graph::DType;
use std::any::Any;
use std::sync::Arc;

/// Device memory and how the elements lie in it.
#[derive(Debug)]
pub(crate) struct Memory {
    /// The memory.
    pub(crate) allocation: Allocation,
    /// Whether small elements are packed as in frozen parameters (see [`hadal_shaders::Storage`]).
    pub(crate) packed: bool,
}

impl Storage for Memory {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn device_bytes(&self) -> u64 {
        self.allocation.bytes()
    }
}

impl Memory {
    /// A buffer of `elements` elements over this memory.
    pub(crate) fn into_buffer(self, dtype: DType, elements: usize) -> Buffer {
        Buffer::new(dtype, elements, Arc::new(self))
    }
}
