//! Debug mode: the result of every op is looked at, and the first that is not a number is reported with its source line.
//!
//! While [`Device::set_debug`](crate::Device::set_debug) is on, a plan returns the values of all its nodes, which come back to the host, where
//! their bits are looked at: fast arithmetic on a device may assume that there are no NaNs, bits do not lie. An op is at fault where it
//! makes NaN of numbers, or an infinity of finite ones; what only passes one on is not. A mask of `-inf` that a program writes down is
//! therefore no fault.
//!
//! Gradients take the line of the forward op that they belong to, if debug mode was on when `backward` was called.

use crate::tensor::Tensor;
use crate::tensor::record::Recorder;
use crate::{Error, Result};
use hadal_device::{Backend, Buffer};
use hadal_graph::op::Op;
use hadal_graph::{DType, NodeId, TensorType};
use std::collections::HashMap;
use std::panic::Location;

/// What a plan is watched for: one entry for each node of its graph.
pub(crate) struct Watch {
    nodes: Vec<Watched>,
}

struct Watched {
    /// The op, or the name of a leaf.
    what: String,
    leaf: bool,
    ty: TensorType,
    inputs: Vec<usize>,
    /// Where its value lies among the results of the plan.
    output: Option<usize>,
    /// What is known of it without looking.
    constant: Content,
    place: Option<Place>,
}

/// Where a node comes from.
#[derive(Clone, Copy)]
struct Place {
    location: &'static Location<'static>,
    gradient: bool,
}

/// What is among the values of a tensor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Content {
    /// The first NaN.
    nan: Option<usize>,
    /// The first infinity.
    infinity: Option<usize>,
}

impl Content {
    fn and(self, other: Content) -> Content {
        Content { nan: self.nan.or(other.nan), infinity: self.infinity.or(other.infinity) }
    }
}

impl Watch {
    /// Makes every float that a recorded graph computes a result, after those that it has. `leaf` says what a leaf of this name is for people.
    pub(crate) fn new(recorder: &mut Recorder, leaf: impl Fn(&str) -> Option<String>) -> Watch {
        let mut places: HashMap<NodeId, Place> = HashMap::new();
        for tensor in &recorder.order {
            if let Some(id) = recorder.id(tensor) {
                let place = Place { location: tensor.0.location, gradient: tensor.0.gradient };
                places.entry(id).or_insert(place);
            }
        }
        let graph = &mut recorder.graph;
        let mut nodes = Vec::with_capacity(graph.nodes().len());
        for id in graph.nodes().handles() {
            let node = graph.node(id);
            let ty = node.types[0].clone();
            let name = node.op.leaf_name();
            let what = match name {
                Some(name) => leaf(name).unwrap_or_else(|| format!("`{name}`")),
                None => node.op.label(),
            };
            let constant = match &node.op {
                Op::Constant(constant) => look(constant.value.dtype(), constant.value.bytes()),
                _ => Content::default(),
            };
            let watched = ty.dtype.is_float() && node.types.len() == 1 && !matches!(node.op, Op::Constant(_));
            let inputs = node.inputs.iter().map(|i| i.index()).collect();
            let leaf = name.is_some();
            let output = watched.then_some(graph.outputs.len());
            if watched {
                graph.output(format!("watched{}", id.index()), id);
            }
            let place = places.get(&id).copied();
            nodes.push(Watched { what, leaf, ty, inputs, output, constant, place });
        }
        Watch { nodes }
    }

    /// Looks at the results of a run.
    ///
    /// Errors: `NotFinite`, for the first node that is at fault; a device that does not give the values back.
    pub(crate) async fn check(&self, backend: &dyn Backend, results: &[Buffer]) -> Result<()> {
        let mut contents: Vec<Content> = Vec::with_capacity(self.nodes.len());
        for (index, node) in self.nodes.iter().enumerate() {
            let inputs = node.inputs.iter().map(|&i| contents[i]).fold(Content::default(), Content::and);
            let Some(buffer) = node.output.and_then(|output| results.get(output)) else {
                contents.push(node.constant.and(inputs));
                continue;
            };
            let own = look(buffer.dtype(), &backend.read(buffer).await?);
            let (what, element) = match (own.nan, own.infinity) {
                (Some(element), _) if inputs.nan.is_none() => ("NaN", element),
                (None, Some(element)) if !node.leaf && inputs == Content::default() => {
                    ("an infinity", element)
                }
                _ => {
                    contents.push(own);
                    continue;
                }
            };
            return Err(node.fault(index, what, element));
        }
        Ok(())
    }
}

impl Watched {
    fn fault(&self, index: usize, what: &str, element: usize) -> Error {
        let made = match (self.leaf, self.place) {
            (true, _) => format!("{} holds {what} at element {element}", self.what),
            (false, Some(Place { gradient: true, .. })) => {
                format!("`{}` makes {what} at element {element}, in the gradient of an op", self.what)
            }
            (false, _) => format!("`{}` makes {what} at element {element}", self.what),
        };
        Error::NotFinite {
            what: made,
            node: format!("%{index} {}", self.ty),
            location: self.place.map_or_else(|| "outside of the plan".into(), |p| p.location.to_string()),
        }
    }
}

/// Where leaves of a plan of recorded expressions come from.
pub(crate) fn describe(tensor: &Tensor) -> String {
    match &tensor.0.variable {
        Some(variable) => format!("the variable `{}`", variable.name),
        None => format!("the tensor from {}", tensor.0.location),
    }
}

/// The first NaN and the first infinity, by bits: all ones in the exponent, and a fraction or none.
fn look(dtype: DType, bytes: &[u8]) -> Content {
    let (exponent, fraction): (u64, u64) = match dtype {
        DType::F16 => (0x7c00, 0x03ff),
        DType::BF16 => (0x7f80, 0x007f),
        DType::F32 => (0x7f80_0000, 0x007f_ffff),
        DType::F64 => (0x7ff0_0000_0000_0000, 0x000f_ffff_ffff_ffff),
        _ => return Content::default(),
    };
    let mut content = Content::default();
    for (element, bytes) in bytes.chunks_exact(dtype.size()).enumerate() {
        let bits = bytes.iter().rev().fold(0u64, |bits, &byte| bits << 8 | u64::from(byte));
        if bits & exponent == exponent {
            let first = if bits & fraction == 0 { &mut content.infinity } else { &mut content.nan };
            first.get_or_insert(element);
        }
    }
    content
}

#[cfg(test)]
mod tests {
    use super::*;
    use hadal_graph::{HostTensor, Scalar};

    #[test]
    fn bits_tell_nan_from_infinity_in_every_float() {
        for dtype in [DType::F16, DType::BF16, DType::F32, DType::F64] {
            let values = [0.5, -2.0, f64::NEG_INFINITY, f64::NAN, f64::INFINITY].map(Scalar::Float);
            let tensor = HostTensor::from_scalars(dtype, [5], values).unwrap();
            let content = look(dtype, tensor.bytes());
            assert_eq!(content, Content { nan: Some(3), infinity: Some(2) }, "{dtype}");
        }
        assert_eq!(look(DType::I32, &[0xff; 8]), Content::default());
        assert_eq!(look(DType::F32, &[]), Content::default());
    }
}
