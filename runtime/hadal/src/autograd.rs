//! Gradients.
//!
//! An expression that reads a trainable [`Variable`] remembers what it was made of. [`Tensor::backward`] makes a graph of that history,
//! lets the gradient pass of `hadal-graph` add the backward nodes, and records those as tensors over the forward ones. So gradients are
//! lazy like everything else: forward, backward and the optimizer's step run as one plan. What has been computed already is used as it
//! is.
//!
//! A history is used once: `backward` releases it, so that memory does not grow.

use crate::tensor::node::{Source, State, no_grad};
use crate::tensor::record::Recorder;
use crate::tensor::{Origin, Tensor, replay};
use crate::variable::Variable;
use crate::{Error, Result};
use hadal_graph::NodeId;
use hadal_graph::gradient::differentiate;
use hadal_graph::op::Op;
use std::collections::{BTreeMap, HashMap};
use std::panic::Location;

/// The gradients of a loss with respect to the variables that it depends on.
#[derive(Clone, Debug)]
pub struct Gradients {
    loss: Tensor,
    /// In the order in which variables were made, so that what is recorded over all gradients is one graph each time.
    by_variable: BTreeMap<u64, Tensor>,
}

impl Gradients {
    /// Gradients that were made another way: sums over micro-batches, means over devices. Errors: a gradient of another type than its
    /// variable's.
    #[track_caller]
    pub fn of(loss: Tensor, gradients: impl IntoIterator<Item = (Variable, Tensor)>) -> Result<Gradients> {
        let mut all = Gradients { loss, by_variable: BTreeMap::new() };
        for (variable, gradient) in gradients {
            all.set(&variable, gradient)?;
        }
        Ok(all)
    }

    /// All gradients, in the order in which their variables were made.
    pub fn tensors(&self) -> impl ExactSizeIterator<Item = &Tensor> {
        self.by_variable.values()
    }

    /// Replaces every gradient by `f` of it, in the order of [`Gradients::tensors`]. Errors: those of `f`; a result of another type.
    #[track_caller]
    pub fn map(&mut self, mut f: impl FnMut(&Tensor) -> Result<Tensor>) -> Result<()> {
        for gradient in self.by_variable.values_mut() {
            let mapped = f(gradient)?;
            if mapped.ty() != gradient.ty() {
                return Err(Error::argument(format!(
                    "a gradient that is {} was mapped to {}",
                    gradient.ty(),
                    mapped.ty()
                )));
            }
            *gradient = mapped;
        }
        Ok(())
    }

    /// The gradient with respect to a variable; `None` if the loss does not depend on it.
    pub fn get(&self, variable: &Variable) -> Option<&Tensor> {
        self.by_variable.get(&variable.id())
    }

    /// Replaces a gradient, for instance by a clipped one. Errors: another type than the variable's.
    #[track_caller]
    pub fn set(&mut self, variable: &Variable, gradient: Tensor) -> Result<()> {
        if gradient.ty() != variable.ty() {
            return Err(Error::argument(format!(
                "the gradient of `{}` is {}, but was set to {}",
                variable.name(),
                variable.ty(),
                gradient.ty()
            )));
        }
        self.by_variable.insert(variable.id(), gradient);
        Ok(())
    }

    /// The loss that was differentiated; its value comes with an optimizer's step.
    pub fn loss(&self) -> &Tensor {
        &self.loss
    }

    /// Takes the gradient of a variable out.
    pub(crate) fn take(&mut self, variable: &Variable) -> Option<Tensor> {
        self.by_variable.remove(&variable.id())
    }
}

/// Gradients of `loss`, a scalar, with respect to each of `variables`; zeros where it does not depend on one.
///
/// Errors: as [`Tensor::backward`].
#[track_caller]
pub fn grad(loss: &Tensor, variables: &[&Variable]) -> Result<Vec<Tensor>> {
    let mut gradients = loss.backward()?;
    let mut result = Vec::with_capacity(variables.len());
    for variable in variables {
        result.push(match gradients.take(variable) {
            Some(gradient) => gradient,
            None => Tensor::zeros(variable.device(), variable.shape().clone(), variable.dtype())?,
        });
    }
    Ok(result)
}

/// Evaluates `f` and differentiates its result with respect to `variables`.
///
/// Errors: those of `f`; as [`Tensor::backward`].
#[track_caller]
pub fn value_and_grad(
    variables: &[&Variable],
    f: impl FnOnce() -> Result<Tensor>,
) -> Result<(Tensor, Vec<Tensor>)> {
    let loss = f()?;
    let gradients = grad(&loss, variables)?;
    Ok((loss, gradients))
}

impl Tensor {
    /// Gradients of this scalar with respect to the trainable variables that it depends on. The history is released.
    ///
    /// Errors: a tensor that is not a float scalar, one that depends on no variable, a history that was released before, an op without
    /// gradient.
    #[track_caller]
    pub fn backward(&self) -> Result<Gradients> {
        if self.rank() != 0 {
            return Err(Error::argument(format!(
                "backward() takes a scalar, but this is {}\n  hint: take its mean or sum first, or use `backward_with`",
                self.ty()
            )));
        }
        self.backward_with(&self.ones_like()?)
    }

    /// The vector-Jacobian product: gradients of `sum(self · seed)`. The history is released.
    ///
    /// Errors: as [`Tensor::backward`]; a seed of another type.
    #[track_caller]
    pub fn backward_with(&self, seed: &Tensor) -> Result<Gradients> {
        let location = Location::caller();
        let history = no_grad(|| self.differentiate(seed, location))?;
        for tensor in &history.nodes {
            tensor.0.release();
        }
        Ok(Gradients { loss: self.clone(), by_variable: history.gradients })
    }

    /// As [`Tensor::backward`], but the history stays, and the gradients have one too: they can be differentiated again.
    #[track_caller]
    pub fn backward_keeping_history(&self) -> Result<Gradients> {
        let history = self.differentiate(&self.ones_like()?, Location::caller())?;
        Ok(Gradients { loss: self.clone(), by_variable: history.gradients })
    }

    fn differentiate(&self, seed: &Tensor, location: &'static Location<'static>) -> Result<History> {
        if !self.requires_grad() {
            return Err(Error::Gradient(format!(
                "the tensor recorded at {} depends on no trainable variable",
                self.0.location
            )));
        }
        let mut recorder = Recorder::new("gradient");
        let mut known: HashMap<NodeId, Tensor> = HashMap::new();
        let mut variables: Vec<(u64, NodeId)> = Vec::new();
        let root = recorder.record(self, &mut |recorder: &mut Recorder, tensor: &Tensor, state: &State| {
            if !tensor.requires_grad() {
                // Constants stay visible to the rules; all else is given.
                if let Source::Applied(applied) = &state.source
                    && matches!(applied.op, Op::Constant(_))
                {
                    return Ok(None);
                }
            } else if tensor.0.variable.is_none() {
                if !matches!(state.source, Source::Applied(_) | Source::Alias(_)) {
                    return Err(Error::Gradient(format!(
                        "the history of the tensor recorded at {} was released by an earlier backward\n  hint: use `backward_keeping_history` there",
                        tensor.0.location
                    )));
                }
                return Ok(None);
            }
            let id = recorder.input(format!("x{}", known.len()), tensor);
            known.insert(id, tensor.clone());
            if let Some(variable) = &tensor.0.variable
                && tensor.requires_grad()
            {
                variables.push((variable.id, id));
            }
            Ok(Some(id))
        })?;
        for tensor in &recorder.order {
            if let Some(id) = recorder.id(tensor) {
                known.insert(id, tensor.clone());
            }
        }
        let seed_id = recorder.input("seed".into(), seed);
        known.insert(seed_id, seed.clone());
        let locations = recorder.take_locations();
        let mut graph = recorder.graph;
        crate::tensor::record::locate(&mut graph, &locations);
        let leaves: Vec<NodeId> = variables.iter().map(|(_, id)| *id).collect();
        let origin = Origin::gradient(self.device(), location, graph.nodes().len(), &locations);
        let gradients = differentiate(&mut graph, &[(root, seed_id)], &leaves)?;
        let roots: Vec<NodeId> = gradients.iter().flatten().copied().collect();
        let mut tensors = replay(&graph, &roots, &mut known, self.device(), &origin)?.into_iter();
        let mut by_variable: BTreeMap<u64, Tensor> = BTreeMap::new();
        for ((variable, _), gradient) in variables.iter().zip(&gradients) {
            let Some(gradient) = gradient.and_then(|_| tensors.next()) else { continue };
            // Two versions of one variable in one expression: their gradients add up.
            let total = match by_variable.remove(variable) {
                Some(earlier) => earlier.add(&gradient)?,
                None => gradient,
            };
            by_variable.insert(*variable, total);
        }
        Ok(History { nodes: recorder.order, gradients: by_variable })
    }
}

struct History {
    nodes: Vec<Tensor>,
    gradients: BTreeMap<u64, Tensor>,
}
