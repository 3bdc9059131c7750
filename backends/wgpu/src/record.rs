//! Recording commands and handing them to the queue.

use crate::clock::Clock;
use crate::gpu::{Context, Wgpu};
use crate::pipeline::bind;
use crate::scope::check_now;
use crate::signal;
use hadal_device::{Buffer, DeviceError, DeviceFuture, StepTime};
use hadal_launch::{Allocation, Counts, Dispatch, Faults, Gpu, Instance, Lease, Use};
use std::sync::Arc;

/// Gathers the commands of a run until they are submitted together. Consecutive dispatches share a compute pass; wgpu inserts the barriers.
pub(crate) struct Recorder {
    context: Arc<Context>,
    pass: Option<wgpu::ComputePass<'static>>,
    encoder: Option<wgpu::CommandEncoder>,
    kept_buffers: Vec<Buffer>,
    kept_arenas: Vec<Arc<Lease<Wgpu>>>,
    kept_instances: Vec<Arc<Instance<Wgpu>>>,
    faults: bool,
    counts: Counts,
    /// Where each dispatch gets a pass of its own with a start and an end time.
    clock: Option<Clock>,
}

impl Recorder {
    /// A recorder without commands.
    pub(crate) fn new(context: Arc<Context>, clock: Option<Clock>) -> Recorder {
        Recorder {
            context,
            pass: None,
            encoder: None,
            kept_buffers: Vec::new(),
            kept_arenas: Vec::new(),
            kept_instances: Vec::new(),
            faults: false,
            counts: Counts::default(),
            clock,
        }
    }

    /// The encoder, outside any pass.
    pub(crate) fn commands(&mut self) -> &mut wgpu::CommandEncoder {
        self.pass = None;
        open(&mut self.encoder, &self.context.gpu.device)
    }

    /// Submits what was recorded. Errors: `Kernel`, `OutOfMemory`, `Lost`.
    fn submit_recorded(&mut self) -> Result<Option<wgpu::SubmissionIndex>, DeviceError> {
        self.pass = None;
        let Some(encoder) = self.encoder.take() else { return Ok(None) };
        let context = self.context.clone();
        let (index, error) = check_now(&context.gpu.device, || context.gpu.queue.submit([encoder.finish()]));
        self.counts.submits += 1;
        self.kept_buffers.clear();
        self.kept_arenas.clear();
        self.kept_instances.clear();
        if std::mem::take(&mut self.faults) {
            context.faults.expect();
        }
        context.gpu.check()?;
        if let Some(error) = error {
            return Err(context.gpu.failure("a submission", error));
        }
        context.gpu.submitted(index.clone());
        Ok(Some(index))
    }

    /// Submits what was recorded and a read-back of `bytes` bytes (a multiple of 4) at `offset` of `buffer`, and gives the bytes to `use_bytes`.
    ///
    /// Errors: those of [`Recorder::submit_recorded`], and `IndexOutOfRange` when a kernel reported one since the last read-back.
    pub(crate) async fn read_back<T>(
        &mut self,
        buffer: &wgpu::Buffer,
        offset: u64,
        bytes: u64,
        use_bytes: impl FnOnce(&[u8]) -> T,
    ) -> Result<T, DeviceError> {
        let context = self.context.clone();
        let staging = context.pool.allocate(Use::Staging, Faults::BYTES + bytes)?;
        if bytes > 0 {
            self.commands().copy_buffer_to_buffer(buffer, offset, staging.block(), Faults::BYTES, bytes);
        }
        let faults = self.faults | context.faults.take_expected();
        self.faults = false;
        if faults {
            let word = &context.gpu.word;
            self.commands().copy_buffer_to_buffer(word, 0, staging.block(), 0, Faults::BYTES);
            self.commands().clear_buffer(word, 0, None);
        }
        self.commands();
        let Some(index) = self.submit_recorded()? else {
            return Err(DeviceError::Argument("nothing was recorded".into()));
        };
        let range = ..Faults::BYTES + bytes.next_multiple_of(8);
        let (sender, receiver) = signal::channel();
        staging.block().map_async(wgpu::MapMode::Read, range, move |result| sender.send(result.is_ok()));
        #[cfg(not(target_arch = "wasm32"))]
        let receiver = {
            let context = context.clone();
            receiver.driven_by(move || context.gpu.wait(Some(index)))
        };
        #[cfg(target_arch = "wasm32")]
        drop(index);
        let mapped = receiver.await;
        if mapped != Some(true) {
            context.gpu.check()?;
            let reason = "the device did not answer".to_string();
            context.gpu.health.lose(reason.clone());
            return Err(DeviceError::Lost { device: context.name(), reason });
        }
        let view = staging.block().get_mapped_range(range).map_err(|error| DeviceError::Kernel {
            device: context.name(),
            op: "read".into(),
            reason: error.to_string(),
        })?;
        let code = u32::from_le_bytes([view[0], view[1], view[2], view[3]]);
        let start = Faults::BYTES as usize;
        let result = use_bytes(&view[start..start + bytes as usize]);
        drop(view);
        staging.block().unmap();
        context.gpu.check()?;
        match context.faults.error(&context.name(), code).filter(|_| faults) {
            Some(error) => Err(error),
            None => Ok(result),
        }
    }
}

impl hadal_launch::Recorder<Wgpu> for Recorder {
    fn counts(&mut self) -> &mut Counts {
        &mut self.counts
    }

    fn keep(&mut self, buffers: Vec<Buffer>) {
        self.kept_buffers.extend(buffers);
    }

    fn keep_arena(&mut self, arena: &Arc<Lease<Wgpu>>) {
        if !self.kept_arenas.last().is_some_and(|last| Arc::ptr_eq(last, arena)) {
            self.kept_arenas.push(arena.clone());
        }
    }

    fn keep_instance(&mut self, instance: &Arc<Instance<Wgpu>>) {
        if !self.kept_instances.last().is_some_and(|last| Arc::ptr_eq(last, instance)) {
            self.kept_instances.push(instance.clone());
        }
    }

    fn dispatch(
        &mut self,
        instance: &Instance<Wgpu>,
        dispatch: &Dispatch<Wgpu>,
        memory: &[&Allocation<Wgpu>],
    ) -> Result<(), DeviceError> {
        let bindings = bind(&self.context.gpu, instance, dispatch, memory)?;
        self.faults |= dispatch.faults;
        self.counts.dispatches += 1;
        let device = &self.context.gpu.device;
        let times = self.clock.as_mut().map(|clock| clock.next(device, dispatch));
        if times.is_some() {
            self.pass = None;
        }
        let encoder = open(&mut self.encoder, device);
        let pass = self.pass.get_or_insert_with(|| {
            let timestamp_writes = times.as_ref().map(|(set, start)| wgpu::ComputePassTimestampWrites {
                query_set: set,
                beginning_of_pass_write_index: Some(*start),
                end_of_pass_write_index: Some(*start + 1),
            });
            let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes };
            encoder.begin_compute_pass(&descriptor).forget_lifetime()
        });
        pass.set_pipeline(&dispatch.kernel.pipeline);
        pass.set_bind_group(0, &bindings, &[]);
        pass.dispatch_workgroups(dispatch.groups[0], dispatch.groups[1], 1);
        Ok(())
    }

    fn copy(
        &mut self,
        from: &Allocation<Wgpu>,
        to: &Allocation<Wgpu>,
        bytes: u64,
    ) -> Result<(), DeviceError> {
        if bytes > 0 {
            self.commands().copy_buffer_to_buffer(from.block(), 0, to.block(), 0, bytes);
        }
        Ok(())
    }

    fn submit(&mut self) -> Result<(), DeviceError> {
        self.submit_recorded().map(|_| ())
    }

    fn read_flag<'a>(&'a mut self, memory: &'a Allocation<Wgpu>) -> DeviceFuture<'a, bool> {
        Box::pin(self.read_back(memory.block(), 0, 4, |word| word.iter().any(|&byte| byte != 0)))
    }

    fn times(&mut self) -> DeviceFuture<'_, Vec<StepTime>> {
        Box::pin(async move {
            let context = self.context.clone();
            match self.clock.take() {
                Some(clock) => clock.read(&context, self).await,
                None => Ok(Vec::new()),
            }
        })
    }
}

fn open<'e>(
    encoder: &'e mut Option<wgpu::CommandEncoder>,
    device: &wgpu::Device,
) -> &'e mut wgpu::CommandEncoder {
    encoder
        .get_or_insert_with(|| device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: None }))
}
