//! Lazy tensors.
//!
//! A method on a tensor checks dtypes and shapes and records an op; nothing runs. Asking for a value ([`Tensor::to_vec`], printing) or
//! an optimizer's step gathers what is pending below it into one graph, finds or prepares that graph's plan, and runs it.
//!
//! # What is kept
//!
//! A run stores the values of
//!
//! 1. the tensors that were asked for,
//! 2. other tensors of the graph that somebody outside of it still refers to: handles in the program's hands, expressions not yet asked
//!    for,
//! 3. results of contractions, reductions and composites that a later `backward` would need. Elementwise and movement ops are computed again
//!    instead; they are cheap and fuse.
//!
//! Everything else is an intermediate of the plan and has no memory of its own afterwards. A tensor with a value forgets how it was
//! computed, unless a later `backward` may ask; so a loop without end uses memory without growth.

mod activation;
mod arithmetic;
mod build;
mod contraction;
mod create;
mod custom;
mod display;
mod einsum;
mod flush;
mod index;
mod layout;
pub(crate) mod node;
mod normalise;
mod pool;
mod random;
mod read;
pub(crate) mod record;
mod reduction;

pub use arithmetic::Operand;
pub use contraction::{ConvOptions, ConvTransposeOptions};
pub use custom::CustomKernel;
pub use flush::{flush, flush_async};
pub use index::{Ellipsis, Index, IntoIndices, NewAxis};
pub use pool::PoolOptions;
pub use random::{Key, KeySequence};

pub(crate) use build::{Origin, build_many, replay};
pub(crate) use flush::materialise;

use crate::device::Device;
use crate::{Error, Result};
use hadal_graph::{DType, Dim, Shape, TensorType};
use node::Node;
use std::sync::Arc;

/// A tensor on a device: a value, or an expression that will have one. Cloning gives another handle to the same tensor.
#[derive(Clone)]
pub struct Tensor(pub(crate) Arc<Node>);

impl Tensor {
    /// Where it lives.
    pub fn device(&self) -> &Device {
        &self.0.device
    }

    /// Element type.
    pub fn dtype(&self) -> DType {
        self.ty().dtype
    }

    /// Extents; symbolic ones only while a model is traced.
    pub fn shape(&self) -> &Shape {
        &self.ty().shape
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.shape().rank()
    }

    /// Extents as numbers. Errors: an extent that is symbolic.
    #[track_caller]
    pub fn dims(&self) -> Result<Vec<usize>> {
        match self.shape().as_const() {
            Some(dims) => Ok(dims),
            None => {
                Err(Error::argument(format!("the shape {} is not known until the model runs", self.shape())))
            }
        }
    }

    /// The extent of an axis, which may count from the back. Errors: an axis that is not there.
    #[track_caller]
    pub fn dim(&self, axis: i64) -> Result<Dim> {
        let axis = self.axis("dim", axis)?;
        Ok(self.shape()[axis].clone())
    }

    /// Dtype and shape.
    pub fn ty(&self) -> &TensorType {
        &self.0.types[0]
    }

    /// Whether a gradient can be taken through it.
    pub fn requires_grad(&self) -> bool {
        self.0.requires_grad
    }

    /// Whether it has a value already; otherwise it is an expression.
    pub fn is_computed(&self) -> bool {
        self.0.state().value.is_some()
    }

    /// Resolves an axis that may count from the back.
    #[track_caller]
    pub(crate) fn axis(&self, op: &str, axis: i64) -> Result<usize> {
        let location = std::panic::Location::caller();
        hadal_graph::op::resolve_axis(axis, self.rank()).map_err(|e| Error::op(op, e, location))
    }

    /// Resolves axes; none at all means every axis. Sorted, without repeats.
    #[track_caller]
    pub(crate) fn axes(&self, op: &str, axes: &[i64]) -> Result<Vec<usize>> {
        if axes.is_empty() {
            return Ok((0..self.rank()).collect());
        }
        let mut resolved = Vec::new();
        for &axis in axes {
            resolved.push(self.axis(op, axis)?);
        }
        resolved.sort_unstable();
        resolved.dedup();
        Ok(resolved)
    }
}
