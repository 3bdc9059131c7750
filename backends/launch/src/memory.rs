//! What lies behind a [`hadal_device::Buffer`] of a GPU.

use crate::gpu::Gpu;
use crate::pool::Allocation;
use hadal_device::{Buffer, Storage};
use hadal_graph::DType;
use std::any::Any;
use std::sync::Arc;

/// Device memory and how the elements lie in it.
pub struct Memory<G: Gpu> {
    /// The memory.
    pub allocation: Allocation<G>,
    /// Whether small elements are packed as in frozen parameters (see [`hadal_shaders::Storage`]).
    pub packed: bool,
}

impl<G: Gpu> Storage for Memory<G> {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn device_bytes(&self) -> u64 {
        self.allocation.bytes()
    }
}

impl<G: Gpu> Memory<G> {
    /// A buffer of `elements` elements over this memory.
    pub fn into_buffer(self, dtype: DType, elements: usize) -> Buffer {
        Buffer::new(dtype, elements, Arc::new(self))
    }
}
