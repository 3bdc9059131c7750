//! Functions that are traced once and then run as one plan.

use crate::amp::{self, Policy, PrecisionSelector};
use crate::debug::{Watch, describe};
use crate::device::Device;
use crate::mode::Mode;
use crate::plan::{Plan, lock};
use crate::profiler::{self, HostWork};
use crate::tensor::node::{Source, State};
use crate::tensor::record::{Recorder, locate};
use crate::tensor::{Tensor, materialise};
use crate::trace::{self, Kind, Used, Uses};
use crate::variable::Variable;
use crate::{Error, Result};
use hadal_device::{Arguments, Buffer, LiveTensor, PlanReport, Weights};
use hadal_graph::op::Op;
use hadal_graph::{Bindings, Graph, NodeId, Shape, TensorType};
use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// A function on tensors that is traced once for each list of argument types; each call then runs one prepared plan.
///
/// It is traced once more where a layer that it uses goes from training to evaluation ([`Mode`](crate::nn::Mode)), or a variable into
/// training or out of it, or the precision asked for ([`amp`](crate::amp)): a plan never runs for what it was not traced for.
///
/// What `f` does with tensors and variables becomes the plan; all else that it does (printing, counting on the host) happens while
/// it is traced only. Variables that it reads are state of the plan, and those that it sets are updated in place. Other tensors from
/// outside, and numbers, are part of the plan as they are when it is traced: what changes from call to call is an argument or a
/// variable.
///
/// ```
/// use hadal::{jit, Device, Tensor, Variable};
/// let device = Device::open("cpu")?;
/// let count = Variable::state("count", &Tensor::scalar(&device, 0.0f32)?)?;
/// let step = jit(&device, |args: &[Tensor]| {
///     count.set(&(count.get()? + &args[0])?)?;
///     Ok(vec![count.get()?])
/// });
/// step.call(&[&Tensor::scalar(&device, 2.0f32)?])?;
/// let total = step.call(&[&Tensor::scalar(&device, 3.0f32)?])?;
/// assert_eq!(total[0].item::<f32>()?, 5.0);
/// assert_eq!(step.stats().traces, 1);
/// # Ok::<(), hadal::Error>(())
/// ```
pub fn jit<F>(device: &Device, f: F) -> JitFunction<F>
where
    F: Fn(&[Tensor]) -> Result<Vec<Tensor>>,
{
    JitFunction {
        device: device.clone(),
        f,
        plans: Mutex::default(),
        traces: AtomicU64::new(0),
        calls: AtomicU64::new(0),
    }
}

/// See [`jit`].
pub struct JitFunction<F> {
    device: Device,
    f: F,
    plans: Mutex<Vec<Arc<Traced>>>,
    traces: AtomicU64,
    calls: AtomicU64,
}

/// Counters of a [`JitFunction`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JitStats {
    /// How often it was traced: once for each list of argument types, and for each mode of the layers that it uses.
    pub traces: u64,
    /// How often it was called.
    pub calls: u64,
}

/// A traced function for one list of argument types.
struct Traced {
    arguments: Vec<TensorType>,
    /// What was recorded, without locations.
    graph: Arc<Graph>,
    plan: Arc<Plan>,
    captured: Vec<Tensor>,
    /// In the program's order.
    variables: Vec<Variable>,
    results: Vec<Shape>,
    /// Switches that the trace has read, and what they said.
    modes: Vec<(Mode, bool)>,
    /// Variables that the trace has read, and whether they were trained.
    trainable: Vec<(Variable, bool)>,
    /// What autocast was asked for around the call, and within.
    autocast: Option<Arc<Policy>>,
    precisions: Vec<(PrecisionSelector, Arc<Policy>)>,
    /// In debug mode: what is looked at after each run.
    watch: Option<Watch>,
}

impl Traced {
    /// Whether a trace for such arguments would give the same plan now.
    fn serves(&self, arguments: &[TensorType], debug: bool) -> bool {
        self.arguments == arguments
            && self.watch.is_some() == debug
            && self.autocast == amp::current()
            && self.precisions.iter().all(|(selector, policy)| selector.policy() == *policy)
            && self.modes.iter().all(|(mode, training)| mode.current() == *training)
            && self.trainable.iter().all(|(variable, trainable)| variable.is_trainable() == *trainable)
    }
}

impl<F> JitFunction<F>
where
    F: Fn(&[Tensor]) -> Result<Vec<Tensor>>,
{
    /// Runs the function. Within another traced function it becomes part of that one.
    ///
    /// Errors: those of the function; arguments on another device; variables that a run under way holds.
    #[cfg(not(target_arch = "wasm32"))]
    #[track_caller]
    pub fn call(&self, arguments: &[&Tensor]) -> Result<Vec<Tensor>> {
        crate::device::block_on(self.call_async(arguments))
    }

    /// As [`JitFunction::call`], for a browser.
    pub async fn call_async(&self, arguments: &[&Tensor]) -> Result<Vec<Tensor>> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let arguments: Vec<Tensor> = arguments.iter().map(|&a| a.clone()).collect();
        if trace::scope() != 0 {
            return (self.f)(&arguments);
        }
        if let Some(other) = arguments.iter().find(|a| *a.device() != self.device) {
            return Err(Error::devices("jit", &self.device, other.device(), Location::caller()));
        }
        let traced = self.traced(&arguments).await?;
        traced.run(&self.device, arguments).await
    }

    /// How often it was traced and called.
    pub fn stats(&self) -> JitStats {
        JitStats { traces: self.traces.load(Ordering::Relaxed), calls: self.calls.load(Ordering::Relaxed) }
    }

    /// The plan of the latest trace, as a table; `None` before the first call.
    pub fn plan(&self) -> Option<Result<PlanReport>> {
        let traced = lock(&self.plans).last()?.clone();
        Some(traced.plan.executable().plan(&Bindings::new()).map_err(Error::from))
    }

    /// The graph of the latest trace, before any pass; `None` before the first call. Arguments are its inputs `a0`, `a1` and so on, variables
    /// those of [`JitFunction::variables`], `v0`, `v1` and so on.
    pub fn graph(&self) -> Option<Arc<Graph>> {
        Some(lock(&self.plans).last()?.graph.clone())
    }

    /// The variables that the latest trace has used, in the order of their numbers in [`JitFunction::graph`]; none before the first call.
    pub fn variables(&self) -> Vec<Variable> {
        let latest = lock(&self.plans).last().cloned();
        latest.map_or(Vec::new(), |traced| {
            traced.trainable.iter().map(|(variable, _)| variable.clone()).collect()
        })
    }

    async fn traced(&self, arguments: &[Tensor]) -> Result<Arc<Traced>> {
        let types: Vec<TensorType> = arguments.iter().map(|a| a.ty().clone()).collect();
        if let Some(known) = lock(&self.plans).iter().find(|t| t.serves(&types, self.device.debug())) {
            return Ok(known.clone());
        }
        self.traces.fetch_add(1, Ordering::Relaxed);
        let tracing = profiler::span(&self.device, HostWork::Trace, || "step".into());
        let recorded = record_step(&self.device, &types, &self.f)?;
        drop(tracing);
        let traced = Arc::new(recorded.prepare(&self.device, types).await?);
        lock(&self.plans).push(traced.clone());
        Ok(traced)
    }
}

/// A step as a graph, before it is prepared.
struct Recorded {
    recorder: Recorder,
    captured: Vec<Tensor>,
    weights: Weights,
    used: Vec<Used>,
    modes: Vec<(Mode, bool)>,
    autocast: Option<Arc<Policy>>,
    precisions: Vec<(PrecisionSelector, Arc<Policy>)>,
    results: Vec<Shape>,
}

fn record_step(
    device: &Device,
    types: &[TensorType],
    f: impl Fn(&[Tensor]) -> Result<Vec<Tensor>>,
) -> Result<Recorded> {
    let location = Location::caller();
    let ((scope, arguments, results), uses) = trace::traced(Kind::Step, |scope| {
        let place = |(i, ty): (usize, &TensorType)| {
            trace::placeholder(device, ty.clone(), &format!("a{i}"), location)
        };
        let arguments: Vec<Tensor> = types.iter().enumerate().map(place).collect();
        let results = f(&arguments)?;
        Ok((scope, arguments, results))
    })?;
    let Uses { variables: used, modes, precisions } = uses;
    let mut recorder = Recorder::new("step");
    for (i, argument) in arguments.iter().enumerate() {
        let id = recorder.input(format!("a{i}"), argument);
        recorder.bind(argument, id);
    }
    let mut variables: Vec<NodeId> = Vec::new();
    for (i, used) in used.iter().enumerate() {
        let id = recorder.variable(format!("v{i}"), &used.before);
        recorder.bind(&used.before, id);
        variables.push(id);
    }
    let mut outside = Outside::new(scope);
    for (i, result) in results.iter().enumerate() {
        let id = recorder.record(result, &mut outside.rule())?;
        recorder.graph.output(format!("y{i}"), id);
    }
    for (used, &variable) in used.iter().zip(&variables) {
        if let Some(after) = &used.after {
            let id = recorder.record(after, &mut outside.rule())?;
            recorder.graph.assign(variable, id)?;
        }
    }
    let results = results.iter().map(|r| r.shape().clone()).collect();
    let (captured, weights, autocast) = (outside.captured, outside.weights, amp::current());
    Ok(Recorded { recorder, captured, weights, used, modes, autocast, precisions, results })
}

impl Recorded {
    async fn prepare(mut self, device: &Device, arguments: Vec<TensorType>) -> Result<Traced> {
        let (used, captured) = (&self.used, &self.captured);
        let name = |leaf: &str| {
            let (kind, number) = leaf.split_at_checked(1)?;
            let number: usize = number.parse().ok()?;
            match kind {
                "a" => Some(format!("argument {number}")),
                "v" => used.get(number).map(|used| format!("the variable `{}`", used.variable.name())),
                _ => captured.get(number).map(describe),
            }
        };
        let watch = device.debug().then(|| Watch::new(&mut self.recorder, name));
        let locations = self.recorder.take_locations();
        let mut graph = self.recorder.graph;
        let recorded = Arc::new(graph.clone());
        locate(&mut graph, &locations);
        drop(self.recorder.order);
        materialise(self.captured.clone()).await?;
        let plan = device.book().prepare(device.backend()?, &graph, &self.weights).await?;
        let program = plan.executable().program();
        let mut variables = Vec::with_capacity(program.variables.len());
        for &value in &program.variables {
            let name = &program.values[value].name;
            let index = name.strip_prefix('v').and_then(|digits| digits.parse::<usize>().ok());
            match index.and_then(|i| self.used.get(i)) {
                Some(used) => variables.push(used.variable.clone()),
                None => {
                    return Err(Error::argument(format!(
                        "the program has a variable `{name}` that nobody named"
                    )));
                }
            }
        }
        let trainable = self.used.iter().map(|used| (used.variable.clone(), used.trainable)).collect();
        let (captured, results, modes) = (self.captured, self.results, self.modes);
        let (autocast, precisions) = (self.autocast, self.precisions);
        Ok(Traced {
            arguments,
            graph: recorded,
            plan,
            captured,
            variables,
            results,
            modes,
            trainable,
            autocast,
            precisions,
            watch,
        })
    }
}

impl Traced {
    async fn run(&self, device: &Device, arguments: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let mut needed = arguments.clone();
        for variable in &self.variables {
            needed.push(variable.held()?);
        }
        materialise(needed).await?;
        let mut inputs = Vec::with_capacity(arguments.len() + self.captured.len());
        for input in arguments.iter().chain(&self.captured) {
            inputs.push(input.buffer()?);
        }
        let mut loan = Loan { variables: &self.variables, taken: 0 };
        let variables = loan.take()?;
        let run = self.plan.run(Arguments { bindings: Bindings::new(), inputs, variables });
        match run.await {
            Ok(results) => {
                loan.give(results.variables);
                if let Some(watch) = &self.watch {
                    watch.check(&**device.backend()?, &results.outputs).await?;
                }
                let pair =
                    |(shape, buffer): (&Shape, Buffer)| Tensor::from_buffer(device, shape.clone(), buffer);
                Ok(self.results.iter().zip(results.outputs).map(pair).collect())
            }
            Err(error) => {
                loan.lose(&error.to_string());
                Err(self.name_variables(error))
            }
        }
    }
}

impl Traced {
    /// An error of a run, with the largest of the variables that it held, if memory has run out.
    fn name_variables(&self, error: Error) -> Error {
        let Error::Device(error) = error else { return error };
        let live = |variable: &Variable| {
            let ty = variable.ty().clone();
            let bytes = ty.shape.elements().as_usize().unwrap_or(0) * ty.dtype.size();
            LiveTensor { what: format!("the variable `{}`", variable.name()), ty, bytes: bytes as u64 }
        };
        error.naming(self.variables.iter().map(live)).into()
    }
}

/// Variables whose values a run has taken. What does not come back is marked as lost, also when the run is cancelled.
struct Loan<'a> {
    variables: &'a [Variable],
    taken: usize,
}

impl Loan<'_> {
    fn take(&mut self) -> Result<Vec<Buffer>> {
        let mut values = Vec::with_capacity(self.variables.len());
        for variable in self.variables {
            match variable.take() {
                Ok(value) => values.push(value),
                Err(error) => {
                    self.give(values);
                    return Err(error);
                }
            }
            self.taken += 1;
        }
        Ok(values)
    }

    fn give(&mut self, values: Vec<Buffer>) {
        let given = values.len();
        for (variable, value) in self.variables.iter().zip(values) {
            variable.give(value);
        }
        for variable in self.variables.iter().take(self.taken).skip(given) {
            variable.lose("the run did not return it");
        }
        self.taken = 0;
    }

    fn lose(&mut self, reason: &str) {
        for variable in self.variables.iter().take(self.taken) {
            variable.lose(reason);
        }
        self.taken = 0;
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        self.lose("the run that held it was cancelled");
    }
}

/// What a traced function uses from outside. Weights are parameters; other tensors are captured: as inputs of a step, as parameters of
/// a model.
pub(crate) struct Outside {
    scope: u64,
    freeze: bool,
    /// Inputs, in order.
    pub(crate) captured: Vec<Tensor>,
    /// Parameters whose values are in host memory.
    pub(crate) weights: Weights,
    /// Parameters whose values are on a device.
    pub(crate) frozen: Vec<(String, Tensor)>,
}

impl Outside {
    /// The outside of a step.
    pub(crate) fn new(scope: u64) -> Outside {
        Outside { scope, freeze: false, captured: Vec::new(), weights: Weights::new(), frozen: Vec::new() }
    }

    /// The outside of a model.
    pub(crate) fn frozen(scope: u64) -> Outside {
        Outside { freeze: true, ..Outside::new(scope) }
    }

    pub(crate) fn rule(
        &mut self,
    ) -> impl FnMut(&mut Recorder, &Tensor, &State) -> Result<Option<NodeId>> + '_ {
        |recorder, tensor, state| self.leaf(recorder, tensor, state)
    }

    fn leaf(&mut self, recorder: &mut Recorder, tensor: &Tensor, state: &State) -> Result<Option<NodeId>> {
        match &state.source {
            Source::Weight(weight) => {
                let name = self.unused(&weight.name);
                self.weights.insert(name.clone(), weight.value.clone());
                return Ok(Some(recorder.parameter(name, tensor)));
            }
            Source::Placeholder(name) => {
                return Err(Error::Traced { name: name.to_string(), location: tensor.0.location });
            }
            Source::Applied(applied) if matches!(applied.op, Op::Constant(_)) => return Ok(None),
            _ => {}
        }
        if state.value.is_none() && tensor.0.scope >= self.scope {
            return Ok(None);
        }
        // The one result of several that is asked for is captured, not the node that has them all.
        if state.value.is_none() && tensor.0.types.len() > 1 {
            return Ok(None);
        }
        if self.freeze {
            let name = match &tensor.0.variable {
                Some(variable) => self.unused(&variable.name),
                None => self.unused("constant"),
            };
            self.frozen.push((name.clone(), tensor.clone()));
            return Ok(Some(recorder.parameter(name, tensor)));
        }
        let id = recorder.input(format!("c{}", self.captured.len()), tensor);
        self.captured.push(tensor.clone());
        Ok(Some(id))
    }

    /// `name`, or that with a number if a parameter has it already.
    fn unused(&self, name: &str) -> String {
        let taken =
            |name: &str| self.weights.contains_key(name) || self.frozen.iter().any(|(n, _)| n == name);
        let numbered = (1..).map(|i| if i == 1 { name.to_string() } else { format!("{name}.{i}") });
        numbered.into_iter().find(|n| !taken(n)).unwrap_or_default()
    }
}

impl<F> fmt::Debug for JitFunction<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (traces, calls) = (self.traces.load(Ordering::Relaxed), self.calls.load(Ordering::Relaxed));
        write!(f, "JitFunction on {}: {traces} traces, {calls} calls", self.device)
    }
}
