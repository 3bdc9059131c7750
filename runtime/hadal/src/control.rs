//! Loops and branches whose course depends on values: `while` and `if` as parts of a graph.

use crate::device::Device;
use crate::tensor::node::{Source, State};
use crate::tensor::record::{Recorder, locate};
use crate::tensor::{Tensor, build_many};
use crate::trace::{self, Kind, Used};
use crate::{Error, Result};
use hadal_graph::op::{If, Op, While};
use hadal_graph::{Graph, NodeId, TensorType};
use std::panic::Location;
use std::sync::Arc;

/// Repeats `body` while `condition` holds, and returns the state for which it no longer does.
///
/// `condition` maps the state to a boolean scalar; `body` maps it to the next state, of the same types. Both are traced once. They may
/// use tensors from outside, which the loop carries along unchanged at no cost. A cache grows by
/// [`Tensor::dynamic_update`] at a position that is part of the state.
///
/// ```
/// # use hadal::{while_loop, Device, Tensor};
/// # let device = Device::open("cpu")?;
/// let limit = Tensor::scalar(&device, 1000i32)?;
/// let start = Tensor::scalar(&device, 1i32)?;
/// let state = while_loop(&[&start], |s| s[0].lt(&limit), |s| Ok(vec![(&s[0] * 2)?]))?;
/// assert_eq!(state[0].item::<i32>()?, 1024);
/// # Ok::<(), hadal::Error>(())
/// ```
///
/// Errors: those of the functions; no state; a body that returns other types. The result has no gradient, as the states of a loop are not
/// kept: a `for` in the program, which records every step, has one.
#[track_caller]
pub fn while_loop(
    state: &[&Tensor],
    condition: impl FnOnce(&[Tensor]) -> Result<Tensor>,
    body: impl FnOnce(&[Tensor]) -> Result<Vec<Tensor>>,
) -> Result<Vec<Tensor>> {
    let location = Location::caller();
    if state.is_empty() {
        return Err(Error::argument("a loop needs state: what its condition tests"));
    }
    let mut captured = Vec::new();
    let types = types_of(state);
    let like = (state[0].device(), &types[..]);
    let condition = |s: &[Tensor]| Ok(vec![condition(s)?]);
    let mut test = Region::trace(Kind::Region, "condition", like, &mut captured, location, condition)?;
    let mut body = Region::trace(Kind::Region, "body", like, &mut captured, location, body)?;
    test.take_in(&captured);
    body.take_in(&captured);
    for tensor in &captured {
        body.return_as_it_came(tensor);
    }
    let regions = vec![test.finish(), body.finish()];
    let inputs: Vec<&Tensor> = state.iter().copied().chain(&captured).collect();
    let results = state.len();
    apply(Op::While(While), &inputs, regions, results, location)
}

/// `then(arguments)` where the boolean scalar holds, else `otherwise(arguments)`; only one is computed.
///
/// Both are traced once and return the same types. They may use tensors from outside.
///
/// Errors: those of the functions; results of different types; a predicate that is no boolean scalar. The gradient is a choice, too.
#[track_caller]
pub fn cond(
    predicate: &Tensor,
    arguments: &[&Tensor],
    then: impl FnOnce(&[Tensor]) -> Result<Vec<Tensor>>,
    otherwise: impl FnOnce(&[Tensor]) -> Result<Vec<Tensor>>,
) -> Result<Vec<Tensor>> {
    let location = Location::caller();
    let mut captured = Vec::new();
    let types = types_of(arguments);
    let like = (predicate.device(), &types[..]);
    let mut then = Region::trace(Kind::Region, "then", like, &mut captured, location, then)?;
    let mut otherwise = Region::trace(Kind::Region, "else", like, &mut captured, location, otherwise)?;
    then.take_in(&captured);
    otherwise.take_in(&captured);
    let results = then.recorder.graph.outputs.len();
    let regions = vec![then.finish(), otherwise.finish()];
    let inputs: Vec<&Tensor> =
        [predicate].into_iter().chain(arguments.iter().copied()).chain(&captured).collect();
    apply(Op::If(If), &inputs, regions, results, location)
}

/// The types of tensors.
pub(crate) fn types_of(tensors: &[&Tensor]) -> Vec<TensorType> {
    tensors.iter().map(|t| t.ty().clone()).collect()
}

/// Applies an op that owns regions; its first `results` results.
pub(crate) fn apply(
    op: Op,
    inputs: &[&Tensor],
    regions: Vec<Arc<Graph>>,
    results: usize,
    location: &'static Location<'static>,
) -> Result<Vec<Tensor>> {
    let Some(first) = inputs.first() else {
        return Err(Error::Argument { what: "an op needs at least one operand".into(), location });
    };
    build_many(first.device(), inputs, location, |g, x| {
        let node = g.apply_regions(op, x, regions)?;
        (0..results).map(|i| g.project(node, i)).collect()
    })
}

/// A region of a control op while it is made. Its inputs are its arguments, and then what is captured from outside, in one order for
/// all regions of the op.
pub(crate) struct Region {
    pub(crate) recorder: Recorder,
    known: usize,
    /// Variables that were set within, and what they hold afterwards.
    pub(crate) set: Vec<Used>,
}

impl Region {
    /// Traces `f` on placeholders of these types. What it uses from outside is added to `captured`, which all regions of an op share.
    pub(crate) fn trace(
        kind: Kind,
        name: &str,
        (device, types): (&Device, &[TensorType]),
        captured: &mut Vec<Tensor>,
        location: &'static Location<'static>,
        f: impl FnOnce(&[Tensor]) -> Result<Vec<Tensor>>,
    ) -> Result<Region> {
        let ((scope, placeholders, mut results), uses) = trace::traced(kind, |scope| {
            let place = |(i, ty): (usize, &TensorType)| {
                trace::placeholder(device, ty.clone(), &format!("s{i}"), location)
            };
            let placeholders: Vec<Tensor> = types.iter().enumerate().map(place).collect();
            let results = f(&placeholders)?;
            Ok((scope, placeholders, results))
        })?;
        let set = uses.variables;
        results.extend(set.iter().filter_map(|used| used.after.clone()));
        let mut region = Region { recorder: Recorder::new(name), known: 0, set };
        for (i, placeholder) in placeholders.iter().enumerate() {
            let id = region.recorder.input(format!("s{i}"), placeholder);
            region.recorder.bind(placeholder, id);
        }
        region.take_in(captured);
        for (i, result) in results.iter().enumerate() {
            let mut rule = |recorder: &mut Recorder, tensor: &Tensor, state: &State| {
                capture(scope, captured, recorder, tensor, state)
            };
            let id = region.recorder.record(result, &mut rule)?;
            region.recorder.graph.output(format!("y{i}"), id);
        }
        region.known = captured.len();
        Ok(region)
    }

    /// Makes inputs of captured tensors that this region does not have yet.
    pub(crate) fn take_in(&mut self, captured: &[Tensor]) {
        for (i, tensor) in captured.iter().enumerate().skip(self.known) {
            let id = self.recorder.input(format!("c{i}"), tensor);
            self.recorder.bind(tensor, id);
        }
        self.known = captured.len();
    }

    fn return_as_it_came(&mut self, captured: &Tensor) {
        if let Some(id) = self.recorder.id(captured) {
            let name = format!("y{}", self.recorder.graph.outputs.len());
            self.recorder.graph.output(name, id);
        }
    }

    pub(crate) fn finish(mut self) -> Arc<Graph> {
        let locations = self.recorder.take_locations();
        locate(&mut self.recorder.graph, &locations);
        Arc::new(self.recorder.graph)
    }
}

/// The leaf rule of a region: what was recorded outside of it is captured.
fn capture(
    scope: u64,
    captured: &mut Vec<Tensor>,
    recorder: &mut Recorder,
    tensor: &Tensor,
    state: &State,
) -> Result<Option<NodeId>> {
    let inside = tensor.0.scope >= scope && state.value.is_none();
    match &state.source {
        Source::Applied(applied) if inside || matches!(applied.op, Op::Constant(_)) => return Ok(None),
        Source::Applied(_) if tensor.0.types.len() > 1 => return Ok(None),
        Source::Alias(_) if inside => return Ok(None),
        Source::Placeholder(name) if inside => {
            return Err(Error::Traced { name: name.to_string(), location: tensor.0.location });
        }
        _ => {}
    }
    let id = recorder.input(format!("c{}", captured.len()), tensor);
    captured.push(tensor.clone());
    Ok(Some(id))
}
