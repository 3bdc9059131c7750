//! What everything that lives on one device shares.

use crate::arena::Arenas;
use crate::faults::Faults;
use crate::gpu::Gpu;
use crate::memory::Memory;
use crate::pool::Pool;
use crate::{Use, device_name};
use hadal_device::{Buffer, DeviceError, DeviceInfo, Rejection, Tuner};
use hadal_graph::{DType, Target};
use hadal_shaders::{Capabilities, Storage};
use std::sync::Arc;

/// An open device.
pub struct Context<G: Gpu> {
    /// The interface to it.
    pub gpu: Arc<G>,
    /// What it is.
    pub info: DeviceInfo,
    /// What passes may plan for.
    pub target: Target,
    /// What kernels may use.
    pub capabilities: Capabilities,
    /// Its memory.
    pub pool: Arc<Pool<G>>,
    /// Memory for intermediates.
    pub arenas: Arc<Arenas<G>>,
    /// Indices out of range.
    pub faults: Faults,
    /// Present if kernels of hot steps are chosen by measuring.
    pub tuner: Option<Tuner>,
    /// What is known of kernels that programs brought in the device's own language.
    pub brought: Tuner,
}

impl<G: Gpu> Context<G> {
    /// The device behind `gpu`. `largest` is the size in bytes of the largest allocation that it can make.
    pub fn new(
        gpu: Arc<G>,
        info: DeviceInfo,
        target: Target,
        capabilities: Capabilities,
        largest: u64,
        tuner: Option<Tuner>,
    ) -> Context<G> {
        Context {
            pool: Arc::new(Pool::new(gpu.clone(), info.clone(), largest)),
            arenas: Arc::new(Arenas::default()),
            faults: Faults::default(),
            gpu,
            info,
            target,
            capabilities,
            tuner,
            brought: Tuner::default(),
        }
    }

    /// The device as errors name it.
    pub fn name(&self) -> String {
        device_name(&self.info)
    }

    /// How values of `dtype` lie in memory; `packed` for frozen ones. Errors: `Unsupported` for what the device cannot hold.
    pub fn stored(&self, op: &str, dtype: DType, packed: bool) -> Result<Storage, DeviceError> {
        Storage::of(dtype, packed, &self.capabilities).ok_or_else(|| DeviceError::Unsupported {
            backend: self.info.backend.clone(),
            op: op.into(),
            dtype,
        })
    }

    /// A buffer with unspecified contents.
    pub fn allocate(&self, dtype: DType, elements: usize, packed: bool) -> Result<Buffer, DeviceError> {
        let stored = self.stored("allocate", dtype, packed)?;
        let allocation = self.pool.allocate(Use::Tensor, stored.bytes(dtype, elements as u64))?;
        Ok(Memory { allocation, packed }.into_buffer(dtype, elements))
    }

    /// The memory behind `buffer`. Errors: `Argument` when it lives on another device.
    pub fn memory<'b>(&self, buffer: &'b Buffer) -> Result<&'b Memory<G>, DeviceError> {
        match buffer.downcast::<Memory<G>>() {
            Some(memory) if memory.allocation.belongs_to(&self.pool) => Ok(memory),
            _ => {
                Err(DeviceError::Argument(format!("{buffer:?} lives on another device than {}", self.name())))
            }
        }
    }

    /// The memory behind `dst`, and how `tensor` lies there. Errors: `Argument` when it is another kind of tensor or of another device.
    pub fn destination<'b>(
        &self,
        dst: &'b Buffer,
        tensor: &hadal_graph::HostTensor,
    ) -> Result<(&'b Memory<G>, Storage), DeviceError> {
        let memory = self.memory(dst)?;
        let dtype = tensor.dtype();
        if dst.dtype() != dtype || dst.elements() != tensor.elements() {
            return Err(DeviceError::Argument(format!(
                "a {dtype} tensor of {} elements was written to {dst:?}",
                tensor.elements()
            )));
        }
        Ok((memory, self.stored("write", dtype, memory.packed)?))
    }

    /// Kernels that were compared with the reference and will not be used.
    pub fn rejections(&self) -> Vec<Rejection> {
        let tuned = self.tuner.as_ref().map(Tuner::rejections).unwrap_or_default();
        tuned.into_iter().chain(self.brought.rejections()).collect()
    }

    /// Gives memory that nobody uses back to the driver.
    pub fn empty_cache(&self) {
        self.arenas.clear();
        self.pool.empty();
    }
}

impl<G: Gpu> std::fmt::Debug for Context<G> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("info", &self.info).finish_non_exhaustive()
    }
}
