//! Parts of a program that say how they are differentiated: computed again, by a rule of their own, or as functions.

use crate::control::{Region, apply, types_of};
use crate::tensor::{Origin, Tensor, replay};
use crate::trace::{Kind, Used};
use crate::{Error, Result};
use hadal_graph::gradient::gradient;
use hadal_graph::op::{Checkpoint, CustomGradient, Op};
use hadal_graph::{Graph, NodeId};
use std::collections::HashMap;
use std::panic::Location;
use std::sync::Arc;

/// `f(arguments)`, of which a backward pass keeps nothing but the arguments: it computes `f` once more.
///
/// In a stack of layers, each in a checkpoint, what has to be kept falls from everything to one tensor a layer, for a forward pass more. `f`
/// is traced once, may use tensors from outside, and may set variables (statistics, keys of dropout): they are set once. As in
/// `torch.utils.checkpoint` (Chen et al., "Training deep nets with sublinear memory cost", 2016).
///
/// ```
/// # use hadal::{checkpoint, Device, Tensor, Variable};
/// # let device = Device::open("cpu")?;
/// let w = Variable::new("w", &Tensor::randn(&device, [8, 8], 1)?)?;
/// let mut x = Tensor::randn(&device, [4, 8], 2)?;
/// for _ in 0..6 {
///     x = checkpoint(&[&x], |x| Ok(vec![x[0].matmul(&w.get()?)?.tanh()?]))?.remove(0);
/// }
/// let gradients = x.mean(&[])?.backward()?;
/// # assert!(gradients.get(&w).is_some());
/// # Ok::<(), hadal::Error>(())
/// ```
///
/// Errors: those of `f`; no arguments; no results; asking for a value within `f`.
#[track_caller]
pub fn checkpoint(
    arguments: &[&Tensor],
    f: impl FnOnce(&[Tensor]) -> Result<Vec<Tensor>>,
) -> Result<Vec<Tensor>> {
    let location = Location::caller();
    let traced = Traced::new("checkpoint", arguments, location, f)?;
    let inputs: Vec<&Tensor> = arguments.iter().copied().chain(&traced.captured).collect();
    let all = traced.graph.outputs.len();
    let mut results = apply(Op::Checkpoint(Checkpoint), &inputs, vec![traced.graph.clone()], all, location)?;
    traced.set(results.split_off(traced.results))?;
    Ok(results)
}

/// What the backward function of [`custom_gradient`] is given.
#[derive(Clone, Debug)]
pub struct CustomBackward {
    /// The arguments of the forward function.
    pub arguments: Vec<Tensor>,
    /// Its results.
    pub results: Vec<Tensor>,
    /// The gradient of each result; zeros where nothing depends on it.
    pub gradients: Vec<Tensor>,
}

/// `forward(arguments)`, whose gradient is what `backward` says: as `torch.autograd.Function`.
///
/// `backward` returns one entry for each argument: its gradient, of the argument's type, or `None` where there is none. What it needs from
/// the forward pass is an argument or a result. It is recorded in ordinary ops, so gradients of gradients go through it. Tensors that
/// either function uses from outside get no gradient.
///
/// ```
/// # use hadal::{custom_gradient, CustomBackward, Device, Tensor, Variable};
/// # let device = Device::open("cpu")?;
/// // Rounds, and lets the gradient through as if it had not.
/// let straight_through = |x: &Tensor| {
///     let backward = |b: &CustomBackward| Ok(vec![Some(b.gradients[0].clone())]);
///     Ok::<_, hadal::Error>(custom_gradient(&[x], |x| Ok(vec![x[0].round()?]), backward)?.remove(0))
/// };
/// let w = Variable::new("w", &Tensor::new(&device, &[0.4f32, 2.7], [2])?)?;
/// let gradients = straight_through(&w.get()?)?.sum(&[])?.backward()?;
/// assert_eq!(gradients.get(&w).map(|d| d.to_vec::<f32>()).transpose()?, Some(vec![1.0, 1.0]));
/// # Ok::<(), hadal::Error>(())
/// ```
///
/// Errors: those of the functions; no arguments; no results; a list of another length than the arguments; a gradient of another type than
/// its argument's.
#[track_caller]
pub fn custom_gradient(
    arguments: &[&Tensor],
    forward: impl FnOnce(&[Tensor]) -> Result<Vec<Tensor>>,
    backward: impl FnOnce(&CustomBackward) -> Result<Vec<Option<Tensor>>>,
) -> Result<Vec<Tensor>> {
    let location = Location::caller();
    let Some(first) = arguments.first() else {
        return Err(Error::Argument { what: "a custom gradient needs arguments".into(), location });
    };
    let mut captured = Vec::new();
    let types = types_of(arguments);
    let like = (first.device(), &types[..]);
    let mut forward = Region::trace(Kind::Region, "forward", like, &mut captured, location, forward)?;
    let graph = &forward.recorder.graph;
    let results: Vec<_> = graph.outputs.iter().map(|o| graph.ty(o.node).clone()).collect();
    let given: Vec<_> = results.iter().chain(&results).chain(&types).cloned().collect();
    let mut wrt = Vec::new();
    let like = (first.device(), &given[..]);
    let mut backward = Region::trace(Kind::Region, "backward", like, &mut captured, location, |given| {
        let (outputs, rest) = given.split_at(results.len());
        let (gradients, inputs) = rest.split_at(results.len());
        let parts = [inputs, outputs, gradients].map(<[Tensor]>::to_vec);
        let [arguments, results, gradients] = parts;
        let wanted = backward(&CustomBackward { arguments, results, gradients })?;
        if wanted.len() != types.len() {
            let what = format!(
                "the backward function returned {} gradients for {} arguments\n  hint: return `None` for what has none",
                wanted.len(),
                types.len()
            );
            return Err(Error::Argument { what, location });
        }
        wrt = (0..wanted.len()).filter(|&i| wanted[i].is_some()).collect();
        Ok(wanted.into_iter().flatten().collect())
    })?;
    forward.take_in(&captured);
    backward.take_in(&captured);
    let count = results.len();
    let regions = vec![forward.finish(), backward.finish()];
    let inputs: Vec<&Tensor> = arguments.iter().copied().chain(&captured).collect();
    apply(Op::CustomGradient(CustomGradient { wrt }), &inputs, regions, count, location)
}

/// `f(arguments)`, a float scalar, and its gradient for each argument (zeros where it does not depend on one): as `jax.value_and_grad`.
///
/// `f` is traced once and may use tensors and variables from outside, which are not differentiated for; for those there is
/// [`value_and_grad`](crate::value_and_grad). The results are ordinary tensors: this nests, and its gradients can be differentiated again.
///
/// ```
/// # use hadal::{grad_of, Device, Tensor};
/// # let device = Device::open("cpu")?;
/// let cube = |x: &[Tensor]| &(&x[0] * &x[0])? * &x[0];
/// let slope = |x: &[Tensor]| Ok(grad_of(&[&x[0]], cube)?.remove(0));
/// let x = Tensor::scalar(&device, 2.0f32)?;
/// assert_eq!(slope(&[x.clone()])?.item::<f32>()?, 12.0);
/// assert_eq!(grad_of(&[&x], slope)?[0].item::<f32>()?, 12.0);
/// # Ok::<(), hadal::Error>(())
/// ```
///
/// Errors: those of `f`; no arguments; a result that is no float scalar; an argument that is no float; an op without gradient.
#[track_caller]
pub fn value_and_grad_of(
    arguments: &[&Tensor],
    f: impl FnOnce(&[Tensor]) -> Result<Tensor>,
) -> Result<(Tensor, Vec<Tensor>)> {
    let location = Location::caller();
    let traced = Traced::new("function", arguments, location, |x| Ok(vec![f(x)?]))?;
    if let Some(whole) = arguments.iter().find(|a| !a.dtype().is_float()) {
        let what = format!("only floats have gradients, but an argument is {}", whole.ty());
        return Err(Error::Argument { what, location });
    }
    let forward = &traced.graph;
    let wrt = &forward.inputs()[..arguments.len()];
    let loss = forward.outputs[0].node;
    let (graph, gradients) = gradient(forward, loss, wrt)?;
    let operands = arguments.iter().copied().chain(&traced.captured).cloned();
    let mut known: HashMap<NodeId, Tensor> = graph.inputs().iter().copied().zip(operands).collect();
    let set = forward.outputs[1..].iter().map(|o| o.node);
    let roots: Vec<NodeId> = [loss].into_iter().chain(gradients).chain(set).collect();
    let device = arguments[0].device();
    let origin = Origin::gradient(device, location, forward.nodes().len(), &traced.locations);
    let mut results = replay(&graph, &roots, &mut known, device, &origin)?;
    traced.set(results.split_off(1 + arguments.len()))?;
    let gradients = results.split_off(1);
    Ok((results.remove(0), gradients))
}

/// The gradient of `f` for each argument, as [`value_and_grad_of`] gives it.
///
/// Errors: as [`value_and_grad_of`].
#[track_caller]
pub fn grad_of(arguments: &[&Tensor], f: impl FnOnce(&[Tensor]) -> Result<Tensor>) -> Result<Vec<Tensor>> {
    value_and_grad_of(arguments, f).map(|(_, gradients)| gradients)
}

/// A function as one region that is computed where it stands.
struct Traced {
    graph: Arc<Graph>,
    locations: Vec<(NodeId, &'static Location<'static>)>,
    captured: Vec<Tensor>,
    /// How many results the function returned; what it set comes after them.
    results: usize,
    set: Vec<Used>,
}

impl Traced {
    fn new(
        name: &str,
        arguments: &[&Tensor],
        location: &'static Location<'static>,
        f: impl FnOnce(&[Tensor]) -> Result<Vec<Tensor>>,
    ) -> Result<Traced> {
        let Some(first) = arguments.first() else {
            let what = format!("a {name} needs arguments: what it is differentiated for");
            return Err(Error::Argument { what, location });
        };
        let mut captured = Vec::new();
        let types = types_of(arguments);
        let like = (first.device(), &types[..]);
        let mut region = Region::trace(Kind::Inline, name, like, &mut captured, location, f)?;
        let set = std::mem::take(&mut region.set);
        let locations = region.recorder.locations().to_vec();
        let graph = region.finish();
        let results = graph.outputs.len() - set.len();
        Ok(Traced { graph, locations, captured, results, set })
    }

    /// Sets outside what was set within.
    fn set(&self, values: Vec<Tensor>) -> Result<()> {
        for (used, value) in self.set.iter().zip(values) {
            used.variable.set(&value)?;
        }
        Ok(())
    }
}
