//! [`Gpu`] for wgpu: what else the device needs beside its handle.

use crate::clock::Clock;
use crate::health::Health;
use crate::pipeline::{BindGroups, Pipeline, Pipelines};
use crate::record::Recorder;
use crate::scope::check_now;
use crate::transfer;
use hadal_device::{Buffer, DeviceError, DeviceFuture, DeviceInfo, StepClock};
use hadal_graph::HostTensor;
use hadal_launch::{Allocation, Gpu, Refusal, Use, WritePart, device_name, lock};
use hadal_shaders::Launch;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// Submissions that may be under way before the next one waits for the oldest: a loop that never reads back must not queue without end.
const MAX_IN_FLIGHT: usize = 64;

/// An open device, and what everything that lives on it shares.
pub(crate) type Context = hadal_launch::Context<Wgpu>;

/// A WebGPU device.
pub(crate) struct Wgpu {
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    pub(crate) info: DeviceInfo,
    pub(crate) features: wgpu::Features,
    pub(crate) limits: wgpu::Limits,
    pub(crate) health: Arc<Health>,
    pub(crate) pipelines: Pipelines,
    /// The word that kernels report faults in.
    pub(crate) word: wgpu::Buffer,
    pub(crate) in_flight: Mutex<VecDeque<wgpu::SubmissionIndex>>,
}

impl Wgpu {
    /// What an error that wgpu reported for `op` means.
    pub(crate) fn failure(&self, op: &str, error: wgpu::Error) -> DeviceError {
        if let Err(lost) = self.health.alive(&self.info) {
            return lost;
        }
        match error {
            wgpu::Error::OutOfMemory { .. } => DeviceError::OutOfMemory {
                device: device_name(&self.info),
                requested: 0,
                in_use: 0,
                limit: String::new(),
                largest: Vec::new(),
            },
            other => DeviceError::Kernel {
                device: device_name(&self.info),
                op: op.into(),
                reason: other.to_string(),
            },
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

impl Gpu for Wgpu {
    type Block = wgpu::Buffer;
    type Kernel = Pipeline;
    type Bound = BindGroups;
    type Recorder = Recorder;

    fn create(&self, usage: Use, bytes: u64) -> Result<wgpu::Buffer, Refusal> {
        let descriptor = wgpu::BufferDescriptor {
            label: None,
            size: bytes,
            usage: usages(usage),
            mapped_at_creation: false,
        };
        let (buffer, error) = check_now(&self.device, || self.device.create_buffer(&descriptor));
        match error {
            None => Ok(buffer),
            Some(wgpu::Error::OutOfMemory { .. }) => Err(Refusal::OutOfMemory),
            Some(other) => Err(Refusal::Other(self.failure("allocation", other))),
        }
    }

    fn destroy(&self, buffer: wgpu::Buffer) {
        // Bind groups that are remembered elsewhere would keep the memory alive; destroying does not wait for them.
        buffer.destroy();
    }

    fn alive(&self) -> Result<(), DeviceError> {
        self.health.alive(&self.info)
    }

    fn check(&self) -> Result<(), DeviceError> {
        self.health.check(&self.info)
    }

    fn uniform_alignment(&self) -> u64 {
        u64::from(self.limits.min_uniform_buffer_offset_alignment)
    }

    fn compile<'a>(context: &'a Context, launch: &'a Launch, op: &'a str) -> DeviceFuture<'a, Arc<Pipeline>> {
        Box::pin(context.gpu.pipelines.get(&context.gpu, launch, op))
    }

    fn write_parameters(
        context: &Context,
        memory: &Allocation<Wgpu>,
        bytes: &[u8],
    ) -> Result<(), DeviceError> {
        let gpu = &context.gpu;
        let (_, error) = check_now(&gpu.device, || gpu.queue.write_buffer(memory.block(), 0, bytes));
        match error {
            Some(error) => Err(gpu.failure("kernel parameters", error)),
            None => Ok(()),
        }
    }

    fn write(context: &Context, dst: &Buffer, tensor: &HostTensor) -> Result<(), DeviceError> {
        transfer::write(context, dst, tensor)
    }

    fn read<'a>(context: &'a Arc<Context>, src: &'a Buffer) -> DeviceFuture<'a, Vec<u8>> {
        Box::pin(transfer::read(context, src))
    }

    fn synchronize(context: &Arc<Context>) -> DeviceFuture<'_, ()> {
        Box::pin(transfer::synchronize(context))
    }

    fn clock(&self) -> Option<StepClock> {
        self.features.contains(wgpu::Features::TIMESTAMP_QUERY).then_some(StepClock::Device)
    }

    fn recorder(context: &Arc<Context>, timed: bool) -> Recorder {
        Recorder::new(context.clone(), timed.then(Clock::default))
    }
}

impl WritePart for Wgpu {
    fn write_part(context: &Context, dst: &Buffer, first: usize, bytes: &[u8]) -> Result<(), DeviceError> {
        transfer::write_part(context, dst, first, bytes)
    }
}

fn usages(usage: Use) -> wgpu::BufferUsages {
    use wgpu::BufferUsages as U;
    match usage {
        Use::Tensor => U::STORAGE | U::COPY_SRC | U::COPY_DST,
        Use::Uniform => U::UNIFORM | U::COPY_DST,
        Use::Staging => U::MAP_READ | U::COPY_DST,
        Use::Queries => U::QUERY_RESOLVE | U::COPY_SRC,
    }
}
