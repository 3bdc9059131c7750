//! [`Executable`] for a prepared program.

use crate::Counts;
use crate::context::Context;
use crate::frame;
use crate::gpu::{Gpu, Recorder};
use crate::plan::{Part, Plan};
use crate::prepared::{Prepared, Uploads};
use crate::stream::{self, WritePart};
use crate::sync::lock;
use hadal_device::{
    Arguments, DeviceError, DeviceFuture, Executable, ExecutableStats, PlanReport, Results, StepClock,
    StepTime, WeightStream, Weights,
};
use hadal_graph::Bindings;
use hadal_graph::program::Program;
use std::sync::{Arc, Mutex};

/// A prepared program on a GPU.
pub struct PreparedExecutable<G: Gpu> {
    prepared: Prepared<G>,
    stats: Mutex<ExecutableStats>,
}

impl<G: Gpu> PreparedExecutable<G> {
    /// Makes `program` ready on the device behind `context`. Errors: as [`hadal_device::Backend::prepare`].
    pub async fn prepare(
        context: Arc<Context<G>>,
        program: Arc<Program>,
        weights: &Weights,
    ) -> Result<PreparedExecutable<G>, DeviceError> {
        context.gpu.check()?;
        let mut uploads = Uploads::new();
        let prepared = Prepared::new(context, program, weights, &mut uploads).await?;
        Ok(PreparedExecutable { prepared, stats: Mutex::default() })
    }

    /// As [`PreparedExecutable::prepare`], with weights that arrive meanwhile. Errors: as [`hadal_device::Backend::prepare_streamed`].
    pub async fn prepare_streamed(
        context: Arc<Context<G>>,
        program: Arc<Program>,
        stream: &mut dyn WeightStream,
    ) -> Result<PreparedExecutable<G>, DeviceError>
    where
        G: WritePart,
    {
        context.gpu.check()?;
        let mut uploads = stream::fill(&context, &program, stream).await?;
        let prepared = Prepared::new(context, program, &Weights::new(), &mut uploads).await?;
        Ok(PreparedExecutable { prepared, stats: Mutex::default() })
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
        context.gpu.check()?;
        let mut recorder = G::recorder(context, false);
        let results = frame::run(&self.prepared, arguments, &mut recorder).await?;
        recorder.submit()?;
        self.count(*recorder.counts());
        Ok(results)
    }

    async fn run_timed(&self, arguments: Arguments) -> Result<(Results, Vec<StepTime>), DeviceError> {
        let context = &self.prepared.context;
        context.gpu.check()?;
        if context.gpu.clock().is_none() {
            return Err(DeviceError::Argument(format!("{} takes no timestamps", context.name())));
        }
        let mut recorder = G::recorder(context, true);
        let results = frame::run(&self.prepared, arguments, &mut recorder).await?;
        let times = recorder.times().await?;
        self.count(*recorder.counts());
        Ok((results, times))
    }
}

impl<G: Gpu> Executable for PreparedExecutable<G> {
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
        self.prepared.context.gpu.clock()
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

impl<G: Gpu> std::fmt::Debug for PreparedExecutable<G> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Executable").field("program", &self.prepared.program.name).finish_non_exhaustive()
    }
}
