//! Running what is pending.

use super::Tensor;
use super::node::{Source, State};
use super::record::{Recorder, address, locate};
use crate::debug::{Watch, describe};
use crate::device::Device;
use crate::{Error, Result};
use hadal_device::{Arguments, Buffer};
use hadal_graph::op::Op;
use hadal_graph::{NodeId, Shape};
use std::collections::HashMap;
use std::sync::Arc;

/// The longest chain of pending nodes: a longer one is run on the spot. (In a browser, which cannot wait, it only grows: await
/// [`flush_async`] now and then.)
const MAX_DEPTH: u32 = 2048;

/// Computes tensors together, in one run per device. Those that have values are left alone.
#[cfg(not(target_arch = "wasm32"))]
pub fn flush(tensors: &[&Tensor]) -> Result<()> {
    crate::device::block_on(flush_async(tensors))
}

/// As [`flush()`]; on wasm32 it is this one that exists.
#[cfg(target_arch = "wasm32")]
pub fn flush(_tensors: &[&Tensor]) -> Result<()> {
    Err(Error::argument("a browser cannot wait: use `flush_async`"))
}

/// Computes tensors together, in one run per device, and returns as soon as the runs are queued.
pub async fn flush_async(tensors: &[&Tensor]) -> Result<()> {
    let tensors: Vec<Tensor> = tensors.iter().map(|&t| t.clone()).collect();
    materialise(tensors).await
}

/// Runs a tensor that is the end of a chain too long to keep.
pub(crate) fn bound_depth(tensor: &Tensor) -> Result<()> {
    #[cfg(not(target_arch = "wasm32"))]
    if tensor.0.pending_depth() > MAX_DEPTH && tensor.0.scope == 0 && tensor.device().info().is_some() {
        crate::device::block_on(materialise(vec![tensor.clone()]))?;
    }
    #[cfg(target_arch = "wasm32")]
    let _ = (tensor, MAX_DEPTH);
    Ok(())
}

/// Gives every tensor a value.
pub(crate) async fn materialise(mut wanted: Vec<Tensor>) -> Result<()> {
    while let Some(first) = wanted.first() {
        let device = first.device().clone();
        let (here, elsewhere) = wanted.into_iter().partition(|t| *t.device() == device);
        materialise_on(&device, here).await?;
        wanted = elsewhere;
    }
    Ok(())
}

async fn materialise_on(device: &Device, mut wanted: Vec<Tensor>) -> Result<()> {
    wanted.retain(|t| !t.is_computed());
    for tensor in &wanted {
        upload_weight(tensor)?;
    }
    wanted.retain(|t| !t.is_computed());
    if wanted.is_empty() {
        return Ok(());
    }
    wanted.extend(device.effects().take());
    let backend = device.backend()?.clone();
    let run = gather(&wanted, device.debug())?;
    let Run { graph, locations, leaves, stored, watch } = run;
    let mut inputs = Vec::with_capacity(leaves.len());
    for leaf in &leaves {
        upload_weight(leaf)?;
        inputs.push(leaf.buffer()?);
    }
    drop(leaves);
    let plan = device.book().find(&backend, graph, |graph| locate(graph, &locations)).await?;
    let results = plan.run(Arguments { inputs, ..Arguments::default() }).await?;
    if let Some(watch) = watch {
        watch.check(&*backend, &results.outputs).await?;
    }
    for (tensor, position) in &stored {
        match results.outputs.get(*position) {
            Some(buffer) => {
                device.book().remember(&tensor.0);
                tensor.0.fulfil(buffer.clone());
            }
            None => return Err(Error::argument("a run returned fewer results than its graph has")),
        }
    }
    Ok(())
}

/// A graph ready to be run, and what its inputs and outputs are.
struct Run {
    graph: hadal_graph::Graph,
    locations: Vec<(NodeId, &'static std::panic::Location<'static>)>,
    leaves: Vec<Tensor>,
    stored: Vec<(Tensor, usize)>,
    watch: Option<Watch>,
}

fn gather(wanted: &[Tensor], debug: bool) -> Result<Run> {
    let mut recorder = Recorder::new("tensors");
    let mut leaves: Vec<Tensor> = Vec::new();
    let mut rule = |recorder: &mut Recorder, tensor: &Tensor, state: &State| {
        if state.value.is_none() {
            match &state.source {
                Source::Applied(_) | Source::Alias(_) => return Ok(None),
                Source::Placeholder(name) => {
                    return Err(Error::Traced { name: name.to_string(), location: tensor.0.location });
                }
                Source::Weight(_) | Source::Nothing => {}
            }
        }
        let id = recorder.input(format!("x{}", leaves.len()), tensor);
        leaves.push(tensor.clone());
        Ok(Some(id))
    };
    for tensor in wanted {
        recorder.record(tensor, &mut rule)?;
    }
    // Results of one op are computed together, if somebody holds them.
    let mut seen = 0;
    while seen < recorder.order.len() {
        let siblings: Vec<Tensor> = {
            let state = recorder.order[seen].0.state();
            let alive = state.projections.iter().filter_map(|p| p.upgrade().map(Tensor));
            alive.filter(|projection| !projection.is_computed()).collect()
        };
        for sibling in &siblings {
            recorder.record(sibling, &mut rule)?;
        }
        seen += 1;
    }
    let kept = kept(&recorder, wanted);
    let mut positions: HashMap<NodeId, usize> = HashMap::new();
    let mut stored = Vec::new();
    for tensor in kept {
        let Some(id) = recorder.id(&tensor) else { continue };
        let position = *positions.entry(id).or_insert_with(|| {
            let position = recorder.graph.outputs.len();
            recorder.graph.output(format!("y{position}"), id);
            position
        });
        stored.push((tensor, position));
    }
    let name =
        |leaf: &str| leaf.strip_prefix('x')?.parse().ok().and_then(|i: usize| leaves.get(i)).map(describe);
    let watch = debug.then(|| Watch::new(&mut recorder, name));
    let locations = recorder.take_locations();
    Ok(Run { graph: recorder.graph, locations, leaves, stored, watch })
}

/// The tensors whose values outlive the run: see the [module's page](super).
fn kept(recorder: &Recorder, wanted: &[Tensor]) -> Vec<Tensor> {
    let uses = recorder.uses();
    let wanted: std::collections::HashSet<usize> = wanted.iter().map(address).collect();
    let is_kept = |tensor: &&Tensor| {
        if tensor.0.types.len() > 1 {
            return false;
        }
        if wanted.contains(&address(tensor)) {
            return true;
        }
        // One handle is the recorder's own.
        let outside = Arc::strong_count(&tensor.0) > 1 + uses.get(&address(tensor)).copied().unwrap_or(0);
        outside || needed_by_backward(tensor)
    };
    recorder.order.iter().filter(is_kept).cloned().collect()
}

fn needed_by_backward(tensor: &Tensor) -> bool {
    let state = tensor.0.state();
    if !tensor.0.requires_grad || state.released {
        return false;
    }
    let Source::Applied(applied) = &state.source else { return false };
    !matches!(
        applied.op,
        Op::Unary(_)
            | Op::Binary(_)
            | Op::Compare(_)
            | Op::Select(_)
            | Op::Cast(_)
            | Op::Reshape(_)
            | Op::Transpose(_)
            | Op::Broadcast(_)
            | Op::Slice(_)
            | Op::Pad(_)
            | Op::Concat(_)
            | Op::Gelu(_)
            | Op::Relu(_)
            | Op::Sigmoid(_)
            | Op::Silu(_)
            | Op::Softplus(_)
            | Op::BatchNorm(_)
            | Op::Rope(_)
            | Op::OneHot(_)
            | Op::Dropout(_)
    )
}

/// Uploads a frozen tensor that only lies in host memory.
fn upload_weight(tensor: &Tensor) -> Result<()> {
    let weight = match &*tensor.0.state() {
        State { value: None, source: Source::Weight(weight), .. } => weight.clone(),
        _ => return Ok(()),
    };
    let buffer = tensor.device().upload(&weight.value)?;
    tensor.device().book().remember(&tensor.0);
    // The source stays: a traced model names its weights.
    tensor.0.state().value.get_or_insert(buffer);
    Ok(())
}

impl Tensor {
    /// The value. Errors: when there is none.
    pub(crate) fn buffer(&self) -> Result<Buffer> {
        let state = self.0.state();
        match (&state.value, &state.source) {
            (Some(buffer), _) => Ok(buffer.clone()),
            (None, Source::Placeholder(name)) => {
                Err(Error::Traced { name: name.to_string(), location: self.0.location })
            }
            (None, _) => Err(Error::argument("the tensor has not been computed")),
        }
    }

    /// A tensor over device memory that holds it already.
    #[track_caller]
    pub(crate) fn from_buffer(device: &Device, shape: Shape, buffer: Buffer) -> Tensor {
        let ty = hadal_graph::TensorType { dtype: buffer.dtype(), shape };
        let location = std::panic::Location::caller();
        let mut fresh = super::node::Fresh::new(device, smallvec::smallvec![ty], location, Source::Nothing);
        fresh.value = Some(buffer);
        fresh.into_tensor()
    }
}
