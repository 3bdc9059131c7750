//! Device timestamps around dispatches.

use crate::gpu::{Context, Wgpu};
use crate::record::Recorder;
use hadal_device::{DeviceError, StepTime};
use hadal_launch::{Cost, Dispatch, Use};
use std::sync::Arc;

/// Timestamps of a number of passes, each of which is one dispatch.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    sets: Vec<wgpu::QuerySet>,
    passes: Vec<(Arc<str>, &'static str, Cost)>,
}

impl Clock {
    /// Passes that one query set serves: WebGPU allows 4096 queries in a set.
    const PASSES: usize = 2048;

    /// The query set of the next pass and the index of its first timestamp; the second one follows.
    pub(crate) fn next(&mut self, device: &wgpu::Device, dispatch: &Dispatch<Wgpu>) -> (wgpu::QuerySet, u32) {
        let within = self.passes.len() % Clock::PASSES;
        if within == 0 {
            self.sets.push(device.create_query_set(&wgpu::QuerySetDescriptor {
                label: None,
                ty: wgpu::QueryType::Timestamp,
                count: Clock::PASSES as u32 * 2,
            }));
        }
        self.passes.push((dispatch.op.clone(), dispatch.variant, dispatch.cost.clone()));
        let set = self.sets[self.sets.len() - 1].clone();
        (set, within as u32 * 2)
    }

    /// Submits what `recorder` holds and reads the times of all dispatches, in order. Errors: those of [`Recorder::read_back`].
    pub(crate) async fn read(
        self,
        context: &Context,
        recorder: &mut Recorder,
    ) -> Result<Vec<StepTime>, DeviceError> {
        let period = f64::from(context.gpu.queue.get_timestamp_period());
        let mut times = Vec::with_capacity(self.passes.len());
        let mut first = None;
        for (set, passes) in self.sets.iter().zip(self.passes.chunks(Clock::PASSES)) {
            let bytes = passes.len() as u64 * 16;
            let resolved = context.pool.allocate(Use::Queries, bytes)?;
            recorder.commands().resolve_query_set(set, 0..passes.len() as u32 * 2, resolved.block(), 0);
            let stamps: Vec<u64> =
                recorder.read_back(resolved.block(), 0, bytes, bytemuck::pod_collect_to_vec).await?;
            for ((op, variant, cost), pair) in passes.iter().zip(stamps.chunks_exact(2)) {
                let origin = *first.get_or_insert(pair[0]);
                let since = |from: u64, to: u64| (to.saturating_sub(from) as f64 * period) as u64;
                times.push(StepTime {
                    label: op.to_string(),
                    kernel: variant.to_string(),
                    location: cost.location.clone(),
                    start: since(origin, pair[0]),
                    nanoseconds: since(pair[0], pair[1]),
                    bytes: cost.bytes,
                    flops: cost.flops,
                });
            }
        }
        Ok(times)
    }
}
