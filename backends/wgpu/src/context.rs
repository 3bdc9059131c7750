//! What everything that lives on one device shares.

use crate::arena::Arenas;
use crate::faults::Faults;
use crate::health::{self, Health};
use crate::memory::Memory;
use crate::pipeline::Pipelines;
use crate::pool::{Pool, Use};
use crate::sync::lock;
use hadal_device::{Buffer, DeviceError, DeviceInfo, Tuner};
use hadal_graph::{DType, Target};
use hadal_shaders::{Capabilities, Storage};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// Submissions that may be under way before the next one waits for the oldest: a loop that never reads back must not queue without end.
const MAX_IN_FLIGHT: usize = 64;

/// An open device.
pub(crate) struct Context {
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    pub(crate) info: DeviceInfo,
    pub(crate) target: Target,
    pub(crate) capabilities: Capabilities,
    pub(crate) features: wgpu::Features,
    pub(crate) limits: wgpu::Limits,
    pub(crate) health: Arc<Health>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) arenas: Arc<Arenas>,
    pub(crate) pipelines: Pipelines,
    pub(crate) faults: Faults,
    pub(crate) in_flight: Mutex<VecDeque<wgpu::SubmissionIndex>>,
    /// Present if kernels of hot steps are chosen by measuring.
    pub(crate) tuner: Option<Tuner>,
}

impl Context {
    /// Alignment of offsets into uniform buffers.
    pub(crate) fn uniform_alignment(&self) -> u64 {
        u64::from(self.limits.min_uniform_buffer_offset_alignment)
    }

    /// The device as errors name it.
    pub(crate) fn name(&self) -> String {
        health::name(&self.info)
    }

    /// How values of `dtype` lie in memory; `packed` for frozen ones. Errors: `Unsupported` for what the device cannot hold.
    pub(crate) fn stored(&self, op: &str, dtype: DType, packed: bool) -> Result<Storage, DeviceError> {
        Storage::of(dtype, packed, &self.capabilities).ok_or_else(|| DeviceError::Unsupported {
            backend: "wgpu".into(),
            op: op.into(),
            dtype,
        })
    }

    /// A buffer with unspecified contents.
    pub(crate) fn allocate(
        &self,
        dtype: DType,
        elements: usize,
        packed: bool,
    ) -> Result<Buffer, DeviceError> {
        let stored = self.stored("allocate", dtype, packed)?;
        let allocation = self.pool.allocate(Use::Tensor, stored.bytes(dtype, elements as u64))?;
        Ok(Memory { allocation, packed }.into_buffer(dtype, elements))
    }

    /// The memory behind `buffer`. Errors: `Argument` when it lives on another device.
    pub(crate) fn memory<'b>(&self, buffer: &'b Buffer) -> Result<&'b Memory, DeviceError> {
        match buffer.downcast::<Memory>() {
            Some(memory) if memory.allocation.belongs_to(&self.pool) => Ok(memory),
            _ => {
                Err(DeviceError::Argument(format!("{buffer:?} lives on another device than {}", self.name())))
            }
        }
    }

    /// What an error that wgpu reported for `op` means.
    pub(crate) fn failure(&self, op: &str, error: wgpu::Error) -> DeviceError {
        if let Err(lost) = self.health.alive(&self.info) {
            return lost;
        }
        match error {
            wgpu::Error::OutOfMemory { .. } => DeviceError::OutOfMemory {
                device: self.name(),
                requested: 0,
                in_use: self.pool.stats().in_use,
                limit: String::new(),
                largest: Vec::new(),
            },
            other => DeviceError::Kernel { device: self.name(), op: op.into(), reason: other.to_string() },
        }
    }

    /// Remembers a submission; waits for an old one when too many are under way.
    pub(crate) fn submitted(&self, index: wgpu::SubmissionIndex) {
        let mut in_flight = lock(&self.in_flight);
        in_flight.push_back(index);
        let oldest = if in_flight.len() > MAX_IN_FLIGHT { in_flight.pop_front() } else { None };
        drop(in_flight);
        #[cfg(not(target_arch = "wasm32"))]
        if oldest.is_some() {
            self.wait(oldest);
        }
        #[cfg(target_arch = "wasm32")]
        drop(oldest);
    }

    /// Blocks until the submission, or without one everything submitted, is done. `false` when the driver failed meanwhile.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn wait(&self, submission_index: Option<wgpu::SubmissionIndex>) -> bool {
        wait(&self.device, &self.health, wgpu::PollType::Wait { submission_index, timeout: None })
    }
}

/// Makes the device progress. wgpu panics when the driver loses the device while it waits; that becomes a loss like any other.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn wait(device: &wgpu::Device, health: &Health, poll: wgpu::PollType) -> bool {
    let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| device.poll(poll)));
    if polled.is_err() {
        health.lose("the driver failed while the device was waited for".into());
    }
    polled.is_ok()
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("info", &self.info).finish_non_exhaustive()
    }
}
