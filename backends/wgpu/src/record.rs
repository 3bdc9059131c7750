//! Recording commands and handing them to the queue.

use crate::arena::Lease;
use crate::clock::Clock;
use crate::context::Context;
use crate::faults::Faults;
use crate::instance::{Dispatch, Instance};
use crate::pool::Use;
use crate::scope::check_now;
use crate::signal;
use hadal_device::{Buffer, DeviceError};
use std::sync::Arc;

/// What a recorder did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) submits: u64,
    pub(crate) dispatches: u64,
    pub(crate) host_steps: u64,
}

/// Gathers the commands of a run until they are submitted together. Consecutive dispatches share a compute pass; wgpu inserts the barriers.
pub(crate) struct Recorder {
    context: Arc<Context>,
    pass: Option<wgpu::ComputePass<'static>>,
    encoder: Option<wgpu::CommandEncoder>,
    kept_buffers: Vec<Buffer>,
    kept_arenas: Vec<Arc<Lease>>,
    kept_instances: Vec<Arc<Instance>>,
    faults: bool,
    pub(crate) counts: Counts,
    /// Where each dispatch gets a pass of its own with a start and an end time.
    pub(crate) clock: Option<Clock>,
}

impl Recorder {
    /// A recorder without commands.
    pub(crate) fn new(context: Arc<Context>) -> Recorder {
        Recorder {
            context,
            pass: None,
            encoder: None,
            kept_buffers: Vec::new(),
            kept_arenas: Vec::new(),
            kept_instances: Vec::new(),
            faults: false,
            counts: Counts::default(),
            clock: None,
        }
    }

    /// Holds on to what recorded commands use until they are submitted (see [`crate::pool`]).
    pub(crate) fn keep(&mut self, buffers: impl IntoIterator<Item = Buffer>) {
        self.kept_buffers.extend(buffers);
    }

    /// Holds on to an arena until the recorded commands are submitted.
    pub(crate) fn keep_arena(&mut self, arena: &Arc<Lease>) {
        if !self.kept_arenas.last().is_some_and(|last| Arc::ptr_eq(last, arena)) {
            self.kept_arenas.push(arena.clone());
        }
    }

    /// Holds on to the kernel parameters of an instance until the recorded commands are submitted.
    pub(crate) fn keep_instance(&mut self, instance: &Arc<Instance>) {
        if !self.kept_instances.last().is_some_and(|last| Arc::ptr_eq(last, instance)) {
            self.kept_instances.push(instance.clone());
        }
    }

    /// Records one launch.
    pub(crate) fn dispatch(&mut self, dispatch: &Dispatch, bindings: &wgpu::BindGroup) {
        self.faults |= dispatch.faults;
        self.counts.dispatches += 1;
        let times = self.clock.as_mut().map(|clock| clock.next(&self.context.device, dispatch));
        if times.is_some() {
            self.pass = None;
        }
        let encoder = open(&mut self.encoder, &self.context.device);
        let pass = self.pass.get_or_insert_with(|| {
            let timestamp_writes = times.as_ref().map(|(set, start)| wgpu::ComputePassTimestampWrites {
                query_set: set,
                beginning_of_pass_write_index: Some(*start),
                end_of_pass_write_index: Some(*start + 1),
            });
            let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes };
            encoder.begin_compute_pass(&descriptor).forget_lifetime()
        });
        pass.set_pipeline(&dispatch.pipeline.pipeline);
        pass.set_bind_group(0, bindings, &[]);
        pass.dispatch_workgroups(dispatch.groups[0], dispatch.groups[1], 1);
    }

    /// Records a copy of `bytes` bytes, a multiple of 4, from one buffer to another.
    pub(crate) fn copy(&mut self, from: (&wgpu::Buffer, u64), to: (&wgpu::Buffer, u64), bytes: u64) {
        if bytes > 0 {
            self.commands().copy_buffer_to_buffer(from.0, from.1, to.0, to.1, bytes);
        }
    }

    /// The encoder, outside any pass.
    pub(crate) fn commands(&mut self) -> &mut wgpu::CommandEncoder {
        self.pass = None;
        open(&mut self.encoder, &self.context.device)
    }

    /// Submits what was recorded. Errors: `Kernel`, `OutOfMemory`, `Lost`.
    pub(crate) fn submit(&mut self) -> Result<Option<wgpu::SubmissionIndex>, DeviceError> {
        self.pass = None;
        let Some(encoder) = self.encoder.take() else { return Ok(None) };
        let context = self.context.clone();
        let (index, error) = check_now(&context.device, || context.queue.submit([encoder.finish()]));
        self.counts.submits += 1;
        self.kept_buffers.clear();
        self.kept_arenas.clear();
        self.kept_instances.clear();
        if std::mem::take(&mut self.faults) {
            context.faults.expect();
        }
        context.health.check(&context.info)?;
        if let Some(error) = error {
            return Err(context.failure("a submission", error));
        }
        context.submitted(index.clone());
        Ok(Some(index))
    }

    /// Submits what was recorded and a read-back of `bytes` bytes (a multiple of 4) at `offset` of `buffer`, and gives the bytes to `use_bytes`.
    ///
    /// Errors: those of [`Recorder::submit`], and `IndexOutOfRange` when a kernel reported one since the last read-back.
    pub(crate) async fn read_back<T>(
        &mut self,
        buffer: &wgpu::Buffer,
        offset: u64,
        bytes: u64,
        use_bytes: impl FnOnce(&[u8]) -> T,
    ) -> Result<T, DeviceError> {
        let context = self.context.clone();
        let staging = context.pool.allocate(Use::Staging, Faults::BYTES + bytes)?;
        self.copy((buffer, offset), (staging.buffer(), Faults::BYTES), bytes);
        let faults = self.faults | context.faults.take_expected();
        self.faults = false;
        if faults {
            let word = &context.faults.word;
            self.copy((word, 0), (staging.buffer(), 0), Faults::BYTES);
            self.commands().clear_buffer(word, 0, None);
        }
        self.commands();
        let Some(index) = self.submit()? else {
            return Err(DeviceError::Argument("nothing was recorded".into()));
        };
        let range = ..Faults::BYTES + bytes.next_multiple_of(8);
        let (sender, receiver) = signal::channel();
        staging.buffer().map_async(wgpu::MapMode::Read, range, move |result| sender.send(result.is_ok()));
        #[cfg(not(target_arch = "wasm32"))]
        let receiver = {
            let context = context.clone();
            receiver.driven_by(move || context.wait(Some(index)))
        };
        #[cfg(target_arch = "wasm32")]
        drop(index);
        let mapped = receiver.await;
        if mapped != Some(true) {
            context.health.check(&context.info)?;
            let reason = "the device did not answer".to_string();
            context.health.lose(reason.clone());
            return Err(DeviceError::Lost { device: context.name(), reason });
        }
        let view = staging.buffer().get_mapped_range(range).map_err(|error| DeviceError::Kernel {
            device: context.name(),
            op: "read".into(),
            reason: error.to_string(),
        })?;
        let code = u32::from_le_bytes([view[0], view[1], view[2], view[3]]);
        let start = Faults::BYTES as usize;
        let result = use_bytes(&view[start..start + bytes as usize]);
        drop(view);
        staging.buffer().unmap();
        context.health.check(&context.info)?;
        match context.faults.op(code).filter(|_| faults) {
            Some(op) => Err(DeviceError::IndexOutOfRange { op }),
            None => Ok(result),
        }
    }
}

fn open<'e>(
    encoder: &'e mut Option<wgpu::CommandEncoder>,
    device: &wgpu::Device,
) -> &'e mut wgpu::CommandEncoder {
    encoder
        .get_or_insert_with(|| device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: None }))
}
