//! [`Executable`] for a prepared program.

use crate::clock::Clock;
use crate::context::Context;
use crate::frame;
use crate::plan::{Part, Plan};
use crate::prepared::{Prepared, Uploads};
use crate::record::{Counts, Recorder};
use crate::sync::lock;
use hadal_device::{
    Arguments, DeviceError, DeviceFuture, Executable, ExecutableStats, PlanReport, Results, StepClock,
    StepTime, Weights,
};
use hadal_graph::Bindings;
use hadal_graph::program::Program;
use std::sync::{Arc, Mutex};

/// A prepared program on a WebGPU device.
#[derive(Debug)]
pub(crate) struct WgpuExecutable {
    prepared: Prepared,
    stats: Mutex<ExecutableStats>,
}

impl WgpuExecutable {
    pub(crate) async fn prepare(
        context: Arc<Context>,
        program: Arc<Program>,
        weights: &Weights,
    ) -> Result<WgpuExecutable, DeviceError> {
        context.health.check(&context.info)?;
        let mut uploads = Uploads::new();
        let prepared = Prepared::new(context, program, weights, &mut uploads).await?;
        Ok(WgpuExecutable { prepared, stats: Mutex::default() })
    }

    fn count(&self, counts: Counts) {
        let mut stats = lock(&self.stats);
        stats.runs += 1;
        stats.submits += counts.submits;
        stats.dispatches += counts.dispatches;
        stats.host_steps += counts.host_steps;
    }

    async fn run(&self, arguments: Arguments) -> Result<Results, DeviceError> {
        let context = &self.prepared.context;
        context.health.check(&context.info)?;
        let mut recorder = Recorder::new(context.clone());
        let results = frame::run(&self.prepared, arguments, &mut recorder).await?;
        recorder.submit()?;
        self.count(recorder.counts);
        Ok(results)
    }

    async fn run_timed(&self, arguments: Arguments) -> Result<(Results, Vec<StepTime>), DeviceError> {
        let context = &self.prepared.context;
        context.health.check(&context.info)?;
        if !context.features.contains(wgpu::Features::TIMESTAMP_QUERY) {
            return Err(DeviceError::Argument(format!("{} takes no timestamps", context.name())));
        }
        let mut recorder = Recorder::new(context.clone());
        recorder.clock = Some(Clock::default());
        let results = frame::run(&self.prepared, arguments, &mut recorder).await?;
        let clock = recorder.clock.take().unwrap_or_default();
        let times = clock.read(context, &mut recorder).await?;
        self.count(recorder.counts);
        Ok((results, times))
    }
}

impl Executable for WgpuExecutable {
    fn program(&self) -> &Arc<Program> {
        &self.prepared.program
    }

    fn run<'a>(&'a self, arguments: Arguments) -> DeviceFuture<'a, Results> {
        Box::pin(self.run(arguments))
    }

    fn stats(&self) -> ExecutableStats {
        *lock(&self.stats)
    }

    fn clock(&self) -> Option<StepClock> {
        let timestamps = self.prepared.context.features.contains(wgpu::Features::TIMESTAMP_QUERY);
        timestamps.then_some(StepClock::Device)
    }

    fn profile<'a>(&'a self, arguments: Arguments) -> DeviceFuture<'a, (Results, Vec<StepTime>)> {
        Box::pin(self.run_timed(arguments))
    }

    fn plan(&self, bindings: &Bindings) -> Result<PlanReport, DeviceError> {
        let Prepared { context, program, .. } = &self.prepared;
        let plan = Plan::new(context, program, Part::Run, bindings, None)?;
        Ok(PlanReport {
            steps: plan.report(program, Part::Run, bindings)?,
            arena_bytes: plan.arena_bytes,
            peak_live_bytes: plan.peak_live_bytes,
            weight_bytes: self.prepared.frozen_bytes(),
        })
    }
}
