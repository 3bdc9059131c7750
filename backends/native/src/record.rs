//! The work of a run: launches go to the device's stream as they come.

use crate::driver::{LaunchArguments, Timer};
use crate::gpu::{Context, Native};
use crate::transfer;
use hadal_device::{Buffer, DeviceError, DeviceFuture, StepTime};
use hadal_launch::{Allocation, Cost, Counts, Dispatch, Instance, Lease};
use hadal_simt::Parameter;
use std::sync::Arc;

/// Hands work on at once; so nothing has to be kept until it is submitted.
pub(crate) struct Recorder {
    context: Arc<Context>,
    counts: Counts,
    /// Work since the last submission.
    pending: bool,
    clock: Option<Clock>,
    /// Those of the last launch, whose memory serves the next.
    arguments: LaunchArguments,
}

/// Marks before and after each launch.
#[derive(Default)]
struct Clock {
    timer: Option<Box<dyn Timer>>,
    launches: Vec<(Arc<str>, &'static str, Cost)>,
}

impl Recorder {
    /// A recorder without work.
    pub(crate) fn new(context: Arc<Context>, timed: bool) -> Recorder {
        let (counts, arguments) = (Counts::default(), LaunchArguments::default());
        Recorder { context, counts, pending: false, clock: timed.then(Clock::default), arguments }
    }

    /// Queues a mark where times are taken.
    fn mark(&mut self, op: &str) -> Result<(), DeviceError> {
        let gpu = &self.context.gpu;
        let Some(clock) = &mut self.clock else { return Ok(()) };
        let timer = match &mut clock.timer {
            Some(timer) => timer,
            None => clock.timer.insert(gpu.driver.timer().map_err(|failure| gpu.failure(op, failure))?),
        };
        timer.mark().map_err(|failure| gpu.failure(op, failure))
    }

    fn read_times(&mut self) -> Result<Vec<StepTime>, DeviceError> {
        let Some(Clock { timer: Some(mut timer), launches }) = self.clock.take() else {
            return Ok(Vec::new());
        };
        let gpu = &self.context.gpu;
        let stamps = timer.read().map_err(|failure| gpu.failure("profile", failure))?;
        let times = launches.into_iter().zip(stamps.chunks_exact(2));
        Ok(times
            .map(|((op, variant, cost), pair)| StepTime {
                label: op.to_string(),
                kernel: variant.to_string(),
                location: cost.location,
                start: pair[0],
                nanoseconds: pair[1].saturating_sub(pair[0]),
                bytes: cost.bytes,
                flops: cost.flops,
            })
            .collect())
    }
}

impl hadal_launch::Recorder<Native> for Recorder {
    fn counts(&mut self) -> &mut Counts {
        &mut self.counts
    }

    fn keep(&mut self, _: Vec<Buffer>) {}

    fn keep_arena(&mut self, _: &Arc<Lease<Native>>) {}

    fn keep_instance(&mut self, _: &Arc<Instance<Native>>) {}

    fn dispatch(
        &mut self,
        instance: &Instance<Native>,
        dispatch: &Dispatch<Native>,
        memory: &[&Allocation<Native>],
    ) -> Result<(), DeviceError> {
        gather(&mut self.arguments, &self.context, instance, dispatch, memory)?;
        self.mark(&dispatch.op)?;
        let gpu = &self.context.gpu;
        let [x, y] = dispatch.groups;
        let kernel = &dispatch.kernel;
        let launched = kernel.kernel.launch([x, y, 1], kernel.threads, &self.arguments);
        let launched = launched.and_then(|()| if gpu.blocking { gpu.driver.synchronize() } else { Ok(()) });
        launched.map_err(|failure| gpu.failure(&dispatch.op, failure))?;
        self.counts.dispatches += 1;
        self.pending = true;
        if dispatch.faults {
            self.context.faults.expect();
        }
        self.mark(&dispatch.op)?;
        if let Some(clock) = &mut self.clock {
            clock.launches.push((dispatch.op.clone(), dispatch.variant, dispatch.cost.clone()));
        }
        Ok(())
    }

    fn copy(
        &mut self,
        from: &Allocation<Native>,
        to: &Allocation<Native>,
        bytes: u64,
    ) -> Result<(), DeviceError> {
        if bytes == 0 {
            return Ok(());
        }
        self.pending = true;
        let gpu = &self.context.gpu;
        gpu.driver.copy(*from.block(), *to.block(), bytes).map_err(|failure| gpu.failure("copy", failure))
    }

    fn submit(&mut self) -> Result<(), DeviceError> {
        self.counts.submits += u64::from(std::mem::take(&mut self.pending));
        Ok(())
    }

    fn read_flag<'a>(&'a mut self, memory: &'a Allocation<Native>) -> DeviceFuture<'a, bool> {
        Box::pin(async move {
            self.submit()?;
            let any = |word: &[u8]| word.iter().any(|&byte| byte != 0);
            transfer::download(&self.context, "read", *memory.block(), 4, any)
        })
    }

    fn times(&mut self) -> DeviceFuture<'_, Vec<StepTime>> {
        Box::pin(async move {
            self.submit()?;
            self.read_times()
        })
    }
}

/// The parameters of a launch: addresses and sizes of what its bindings cover.
fn gather(
    arguments: &mut LaunchArguments,
    context: &Context,
    instance: &Instance<Native>,
    dispatch: &Dispatch<Native>,
    memory: &[&Allocation<Native>],
) -> Result<(), DeviceError> {
    let (offset, bytes) = dispatch.parameters;
    let uniforms = instance.uniforms.as_ref().map(|uniforms| (uniforms.block() + offset, bytes));
    let word = (context.gpu.word, hadal_launch::Faults::BYTES);
    let refused = |reason: String| DeviceError::Kernel {
        device: context.name(),
        op: dispatch.op.to_string(),
        reason: format!("`{}` {reason}", dispatch.variant),
    };
    // Storage in its order, then the parameters' buffer, then the word for faults.
    let at = |group: u32, binding: u32| {
        let number = binding as usize;
        let covered = match number.checked_sub(dispatch.slots.len()) {
            None => dispatch.slots[number..]
                .iter()
                .zip(memory.get(number..).unwrap_or_default())
                .next()
                .map(|(slot, memory)| (memory.block() + slot.offset, slot.bytes)),
            Some(further) => uniforms.into_iter().chain([word]).nth(further),
        };
        let nothing = || refused(format!("has nothing to bind at group {group}, binding {binding}"));
        covered.filter(|_| group == 0).ok_or_else(nothing)
    };
    arguments.clear();
    for parameter in &dispatch.kernel.parameters {
        match parameter {
            Parameter::Buffer { group, binding, .. } => arguments.word(at(*group, *binding)?.0),
            Parameter::Lengths { buffers } => {
                for &(group, binding) in buffers {
                    arguments.word(at(group, binding)?.1);
                }
            }
            Parameter::Immediates { bytes } => {
                return Err(refused(format!("wants {bytes} bytes of immediates, which nobody has")));
            }
        }
        arguments.end();
    }
    Ok(())
}
