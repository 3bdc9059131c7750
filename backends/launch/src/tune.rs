//! Tuning: hot steps run each of their kernels on scratch copies, and the fastest that agrees with the reference serves the shape class.
//!
//! A kernel that a program brought in the device's own language is compared in the same way, on any device: without tuning it is used if it agrees, and with tuning if it is
//! also the fastest. Otherwise the kernel from WGSL runs.

use crate::brought;
use crate::context::Context;
use crate::frame;
use crate::gpu::{Gpu, Recorder};
use crate::instance::Instance;
use crate::plan::Part;
use crate::prepared::{Prepared, Uploads};
use hadal_device::{Buffer, DeviceError, DeviceFuture, StepClock, StepTime, Tuner, Verdict, Weights};
use hadal_graph::program::split::{Sample, sample};
use hadal_graph::program::{Kernel, Program, Role, Step, Value, ValueId};
use hadal_graph::reference::interpret_program;
use hadal_graph::{Bindings, DType, HostTensor, Scalar};
use hadal_shaders::{Candidate, candidates};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Coordinates of a sample along each axis: more than any kernel computes in one thread, so edges of tiles are among them.
const SAMPLE_TILE: u64 = 12;

/// Runs of each kernel, of which the fastest counts.
const TIMED_RUNS: usize = 3;

/// Elements of the values of a step beyond which it is not tuned: the copies would not pay.
const MAX_ELEMENTS: usize = 1 << 26;

/// Tunes what is not tuned yet of the hot steps of `part`, where the device was opened with tuning, and judges kernels that the program brought.
///
/// Errors: `Mismatch` when no kernel of a step agrees with the reference; `Lost`.
pub(crate) async fn tune<G: Gpu>(
    context: &Arc<Context<G>>,
    program: &Program,
    part: Part,
    bindings: &Bindings,
) -> Result<(), DeviceError> {
    if part.steps(program).iter().all(|step| judge(context, step).is_none()) {
        return Ok(());
    }
    // What is wrong with a program at these sizes is for its instance to say; no step of it is tried.
    if program.validate_at(bindings).is_err() {
        return Ok(());
    }
    for step in part.steps(program) {
        let Some(tuner) = judge(context, step) else { continue };
        // What is wrong with a step is for planning to say.
        let Ok(found) = candidates(program, step, bindings, &context.capabilities) else { continue };
        let key = key(context, step, bindings, &found);
        if found.len() < 2 || tuner.chosen(&key).is_some() {
            continue;
        }
        let brought = match &step.kernel {
            Kernel::Custom(kernel) => Some(kernel),
            _ => None,
        };
        if brought.is_some() && found[1..].iter().all(|c| tuner.is_rejected(&key, c.variant)) {
            continue;
        }
        let outcome = match Trial::new(context, program, step, bindings).await {
            Ok(Some(trial)) => {
                let all = trial.candidates();
                let first = usize::from(brought.is_some() && context.tuner.is_none()).min(all.len());
                choose(&trial, tuner, &key, &all[first..]).await.map(|_| ())
            }
            Ok(None) => {
                if let Some(reason) = brought.and_then(|kernel| brought::unjudged(kernel, bindings)) {
                    found[1..].iter().for_each(|c| tuner.reject(&key, c.variant, reason.clone()));
                }
                Ok(())
            }
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) | Err(DeviceError::OutOfMemory { .. }) => {}
            // The kernel from WGSL is left.
            Err(DeviceError::Mismatch { .. }) if brought.is_some() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The position of the tuned kernel for `step` among `candidates`: the first where nothing is tuned.
pub(crate) fn chosen<G: Gpu>(
    context: &Context<G>,
    step: &Step,
    bindings: &Bindings,
    candidates: &[Candidate],
) -> usize {
    let Some(tuner) = judge(context, step) else { return 0 };
    let chosen = tuner.chosen(&key(context, step, bindings, candidates));
    chosen.and_then(|name| candidates.iter().position(|c| c.variant == name)).unwrap_or(0)
}

/// Who chooses among the kernels of a step; `None` where the first one is taken.
fn judge<'c, G: Gpu>(context: &'c Context<G>, step: &Step) -> Option<&'c Tuner> {
    match &step.kernel {
        Kernel::Contract(_) | Kernel::Reduce(_) => context.tuner.as_ref(),
        Kernel::Custom(kernel) if !kernel.op.sources.is_empty() => Some(&context.brought),
        _ => None,
    }
}

/// The device and the shape class: the texts of the kernels, and of each of their sizes its magnitude and whether it is a multiple of 64.
pub fn key<G: Gpu>(
    context: &Context<G>,
    step: &Step,
    bindings: &Bindings,
    candidates: &[Candidate],
) -> String {
    let mut hasher = DefaultHasher::new();
    let mut label = &step.label;
    if let Kernel::Custom(kernel) = &step.kernel {
        label = &kernel.op.name;
        // What it is compared with.
        kernel.op.host.hash(&mut hasher);
    }
    for launch in candidates.iter().flat_map(|c| &c.launches) {
        launch.source.hash(&mut hasher);
        for size in launch.params.iter().filter_map(|dim| dim.eval(bindings).ok()) {
            (size.unsigned_abs().max(1).ilog2(), size % 64 == 0).hash(&mut hasher);
        }
    }
    format!("{label} on {}, class {:016x}", context.name(), hasher.finish())
}

/// The position of the best of `candidates`. Errors: `Mismatch` when none agrees with the reference; `Lost`.
pub async fn choose<G: Gpu>(
    trial: &Trial<G>,
    tuner: &Tuner,
    key: &str,
    candidates: &[Candidate],
) -> Result<usize, DeviceError> {
    let names: Vec<&str> = candidates.iter().map(|c| c.variant).collect();
    let check =
        |position: usize| -> DeviceFuture<'_, Verdict> { Box::pin(trial.check(&candidates[position])) };
    let measure =
        |position: usize| -> DeviceFuture<'_, u64> { Box::pin(trial.measure(&candidates[position])) };
    tuner.choose(key, &names, check, measure).await
}

/// A step alone in a program, with data and expected results.
pub struct Trial<G: Gpu> {
    prepared: Prepared<G>,
    bindings: Bindings,
    /// What the step reads, but for frozen values, and what its results hold before.
    given: Vec<(ValueId, HostTensor)>,
    /// For each sample, the values of all results; only the sampled elements are computed.
    expected: Vec<(Sample, Vec<HostTensor>)>,
}

impl<G: Gpu> Trial<G> {
    /// `None` where the reference cannot judge the step. Errors: those of preparing and running it.
    pub async fn new(
        context: &Arc<Context<G>>,
        program: &Program,
        step: &Step,
        bindings: &Bindings,
    ) -> Result<Option<Trial<G>>, DeviceError> {
        let mut leaves = BTreeMap::new();
        let mut elements = 0usize;
        for (number, &id) in step.reads.iter().enumerate() {
            let Value { dtype, shape, .. } = &program.values[id];
            let extents = shape.eval(bindings)?;
            elements = extents.iter().product::<usize>().saturating_add(elements);
            if elements > MAX_ELEMENTS {
                return Ok(None);
            }
            leaves.insert(leaf_name(number), random(*dtype, extents, number as u64));
        }
        let mut expected = Vec::new();
        if let Kernel::Custom(kernel) = &step.kernel {
            expected.extend(brought::expected(step, kernel, bindings, &leaves)?);
        } else {
            let Ok(samples) = sample(program, step, bindings, SAMPLE_TILE) else { return Ok(None) };
            for part in samples {
                let reference = isolate(program, &part.step, true);
                match interpret_program(&reference, bindings, &leaves) {
                    Ok(results) => expected.push((part, results.outputs)),
                    Err(_) => return Ok(None),
                }
            }
        }
        if expected.is_empty() {
            return Ok(None);
        }
        let alone = Arc::new(isolate(program, step, false));
        let given = alone.values.iter().filter(|(_, v)| v.alias.is_none());
        let given = given.filter_map(|(id, v)| match v.role {
            Role::Parameter(_) => None,
            _ => leaves.get(&v.name).map(|tensor| (id, tensor.clone())),
        });
        // Results start as garbage: memory that an earlier candidate filled must not speak for this one.
        let mut given: Vec<(ValueId, HostTensor)> = given.collect();
        for &id in &alone.steps[0].writes {
            let Value { dtype, shape, alias, .. } = &alone.values[id];
            if alias.is_none() {
                given.push((id, HostTensor::full(*dtype, shape.eval(bindings)?, garbage(*dtype))));
            }
        }
        let weights: Weights = leaves;
        let prepared = Prepared::assemble(context.clone(), alone, &weights, &mut Uploads::new()).await?;
        Ok(Some(Trial { prepared, bindings: bindings.clone(), given, expected }))
    }

    /// The kernels that the step alone can run.
    pub fn candidates(&self) -> Vec<Candidate> {
        let Prepared { context, program, .. } = &self.prepared;
        candidates(program, &program.steps[0], &self.bindings, &context.capabilities).unwrap_or_default()
    }

    /// Runs a candidate on fresh copies; its results, and the times of its launches if `timed`.
    async fn run(
        &self,
        candidate: &Candidate,
        timed: bool,
    ) -> Result<(Vec<Buffer>, Vec<StepTime>), DeviceError> {
        let Prepared { context, program, .. } = &self.prepared;
        let instance = Instance::build(context, program, Part::Run, &self.bindings, Some(candidate)).await?;
        let mut values = Vec::with_capacity(self.given.len());
        for (id, tensor) in &self.given {
            let buffer = context.allocate(tensor.dtype(), tensor.elements(), false)?;
            G::write(context, &buffer, tensor)?;
            values.push((*id, buffer));
        }
        let mut recorder = G::recorder(context, timed);
        let (instance, values) = (Arc::new(instance), values.into_iter());
        let results =
            frame::run_with(&self.prepared, instance, &self.bindings, values, &mut recorder).await?;
        let times = if timed { recorder.times().await? } else { Vec::new() };
        recorder.submit()?;
        Ok((results.outputs, times))
    }

    async fn check(&self, candidate: &Candidate) -> Result<Verdict, DeviceError> {
        let Prepared { context, program, .. } = &self.prepared;
        let (outputs, _) = self.run(candidate, false).await?;
        for (number, buffer) in outputs.iter().take(program.steps[0].writes.len()).enumerate() {
            let bytes = G::read(context, buffer).await?;
            let shape = [buffer.elements()];
            let bytes = hadal_graph::Bytes::new(bytes);
            let actual = HostTensor::from_bytes(buffer.dtype(), shape, bytes)
                .map_err(|error| DeviceError::Argument(error.to_string()))?
                .to_f64();
            let exact = step_is_exact(program, &program.steps[0]);
            for (sample, expected) in &self.expected {
                let expected = expected[number].to_f64();
                let picked = |values: &[f64]| -> Vec<f64> {
                    sample.written[number].iter().filter_map(|&i| values.get(i as usize).copied()).collect()
                };
                if let Some(largest_error) =
                    disagreement(buffer.dtype(), &picked(&actual), &picked(&expected), exact)
                {
                    return Ok(Verdict::Differs { largest_error });
                }
            }
        }
        Ok(Verdict::Agrees)
    }

    /// Nanoseconds of the fastest of some runs.
    async fn measure(&self, candidate: &Candidate) -> Result<u64, DeviceError> {
        let timestamps = self.prepared.context.gpu.clock() == Some(StepClock::Device);
        let mut fastest = u64::MAX;
        for _ in 0..TIMED_RUNS {
            let time = if timestamps {
                self.run(candidate, true).await?.1.iter().map(|t| t.nanoseconds).sum()
            } else {
                self.wall_clock(candidate).await?
            };
            fastest = fastest.min(time);
        }
        Ok(fastest)
    }

    #[cfg(not(target_arch = "wasm32"))]
    async fn wall_clock(&self, candidate: &Candidate) -> Result<u64, DeviceError> {
        G::synchronize(&self.prepared.context).await?;
        let start = std::time::Instant::now();
        self.run(candidate, false).await?;
        G::synchronize(&self.prepared.context).await?;
        Ok(start.elapsed().as_nanos() as u64)
    }

    /// A browser without timestamps has no clock that is fine enough: all candidates are equally fast, and the rules' choice stays first.
    #[cfg(target_arch = "wasm32")]
    async fn wall_clock(&self, _: &Candidate) -> Result<u64, DeviceError> {
        Ok(0)
    }
}

/// The step as a program of its own. For the reference everything it reads is a leaf; for the device values keep their roles, on which kernel texts
/// depend, and computed ones are handed in by force.
fn isolate(program: &Program, step: &Step, reference: bool) -> Program {
    let mut alone = Program { name: step.label.clone(), ..Program::default() };
    let mut roots: BTreeMap<ValueId, ValueId> = BTreeMap::new();
    let mut reads = Vec::with_capacity(step.reads.len());
    for (number, &id) in step.reads.iter().enumerate() {
        let root = program.storage(id);
        let frozen = matches!(program.values[root].role, Role::Parameter(_) | Role::Constant(_));
        let mut value =
            Value { alias: roots.get(&root).copied(), name: leaf_name(number), ..program.values[id].clone() };
        value.role = match (value.alias, frozen) {
            (None, true) => Role::Parameter(alone.parameters.len()),
            (None, false) if reference => Role::Input(alone.inputs.len()),
            _ => Role::Computed,
        };
        let role = value.role;
        let new = alone.values.push(value);
        match role {
            Role::Parameter(_) => alone.parameters.push(new),
            Role::Input(_) => alone.inputs.push(new),
            _ => {}
        }
        roots.entry(root).or_insert(new);
        reads.push(new);
    }
    let mut writes = Vec::with_capacity(step.writes.len());
    for &id in &step.writes {
        let alias = roots.get(&program.storage(id)).copied();
        let value = Value { alias, role: Role::Computed, ..program.values[id].clone() };
        alone.output_shapes.push(value.shape.clone());
        writes.push(alone.values.push(value));
    }
    alone.outputs = writes.clone();
    if !reference {
        // What leaves a program is never placed in the arena, so that it can be handed in.
        alone.outputs.extend(roots.into_values().filter(|&id| alone.values[id].role == Role::Computed));
    }
    alone.steps.push(Step { reads, writes, ..step.clone() });
    alone
}

pub(crate) fn leaf_name(number: usize) -> String {
    format!("read{number}")
}

/// Data in which every element matters: floats in -1..1; integers 0 and 1, which are in range as indices too.
fn random(dtype: DType, shape: Vec<usize>, seed: u64) -> HostTensor {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 40
    };
    let elements: usize = shape.iter().product();
    let values: Vec<Scalar> = (0..elements)
        .map(|_| match dtype.is_float() {
            true => Scalar::new(next() as f64 / f64::from(1 << 23) - 1.0, dtype),
            false => Scalar::new((next() & 1) as f64, dtype),
        })
        .collect();
    HostTensor::from_scalars(dtype, shape, values)
        .unwrap_or_else(|_| HostTensor::full(dtype, [0usize; 0], Scalar::zero(dtype)))
}

/// What no kernel computes from [`random`] data.
fn garbage(dtype: DType) -> Scalar {
    match dtype.is_float() {
        true => Scalar::Float(f64::NAN),
        false => Scalar::new(90.0, dtype),
    }
}

/// Whether nothing that the step touches is a float, so that results must be equal.
fn step_is_exact(program: &Program, step: &Step) -> bool {
    step.reads.iter().chain(&step.writes).all(|&id| !program.values[id].dtype.is_float())
}

/// The largest difference, if it is beyond the tolerance. Sums of floats may be taken in any order; a wrong element is off by about the size of
/// the results.
fn disagreement(dtype: DType, actual: &[f64], expected: &[f64], exact: bool) -> Option<f64> {
    if actual.len() != expected.len() {
        return Some(f64::INFINITY);
    }
    let relative = match dtype {
        DType::BF16 => 4e-2,
        DType::F16 => 5e-3,
        dtype if dtype.is_float() => 2e-4,
        _ if exact => 0.0,
        // A float that was rounded to an integer may fall to either side.
        _ => 1.0,
    };
    let size = expected.iter().filter(|x| x.is_finite()).fold(1f64, |most, x| most.max(x.abs()));
    let tolerance = if dtype.is_float() { relative * size } else { relative };
    let differences = actual.iter().zip(expected).map(|(&a, &e)| match (a - e).abs() {
        _ if a == e || (a.is_nan() && e.is_nan()) => 0.0,
        difference if difference.is_nan() => f64::INFINITY,
        difference => difference,
    });
    let largest = differences.fold(0f64, f64::max);
    (largest > tolerance).then_some(largest)
}
