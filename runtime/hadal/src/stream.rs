//! Models whose weights arrive while they are made ready: a download into a GPU, of which host memory never holds more than a piece.

use crate::device::Device;
use crate::model::PreparedModel;
use crate::{Error, Result};
use hadal_device::{Arriving, WeightStream};
use hadal_formats::safetensors::Outline;
use hadal_graph::op::Op;
use hadal_graph::{Graph, Shape};
use std::collections::BTreeMap;
use std::sync::Arc;

impl PreparedModel {
    /// Compiles `graph` for a device and puts its weights there as they arrive. What the graph does not read passes by.
    ///
    /// Errors: `Weights` for a graph with state, for a weight that the stream does not bring, and for one of another type; those of the stream
    /// and of the device.
    pub async fn streamed_async(
        graph: Graph,
        device: &Device,
        stream: &mut dyn WeightStream,
    ) -> Result<PreparedModel> {
        graph.validate()?;
        check(&graph, stream.tensors())?;
        let plan = device.book().prepare_streamed(device.backend()?, &graph, stream).await?;
        Ok(PreparedModel::new(device, Arc::new(graph), plan, Vec::new()))
    }
}

/// Whether a graph can be made ready with weights that arrive: one with variables cannot, since the host keeps their first values.
pub fn can_stream(graph: &Graph) -> bool {
    graph.nodes().iter().all(|(_, node)| {
        !matches!(node.op, Op::Variable(_)) && node.regions.iter().all(|region| can_stream(region))
    })
}

/// The tensors of a safetensors file in the order in which they lie there.
pub fn arriving(outline: &Outline) -> Vec<Arriving> {
    let ranges = outline.ranges();
    let describe = |(name, _): (&str, _)| {
        let (dtype, shape) = outline.describe(name)?;
        Some(Arriving { name: name.to_string(), dtype, shape: shape.to_vec() })
    };
    ranges.into_iter().filter_map(describe).collect()
}

fn check(graph: &Graph, tensors: &[Arriving]) -> Result<()> {
    if !can_stream(graph) {
        return Err(Error::Weights(format!(
            "`{}` has variables, whose first values cannot arrive later\n  hint: load the whole file",
            graph.name
        )));
    }
    let known: BTreeMap<&str, &Arriving> = tensors.iter().map(|t| (t.name.as_str(), t)).collect();
    for (_, node) in graph.nodes().iter() {
        let Op::Parameter(parameter) = &node.op else { continue };
        let (name, ty) = (&parameter.name, &parameter.ty);
        match known.get(name.as_str()) {
            None => return Err(Error::Weights(format!("the graph needs a weight `{name}`: {ty}"))),
            Some(t) if t.dtype != ty.dtype || Shape::from(t.shape.as_slice()) != ty.shape => {
                return Err(Error::Weights(format!(
                    "the weight `{name}` must be {ty}, but is {}{:?}",
                    t.dtype, t.shape
                )));
            }
            Some(_) => {}
        }
    }
    Ok(())
}
