//! What can be wrong with a graph.

use crate::dim::DimError;
use crate::graph::Node;
use crate::{DType, Dim, HostTensorError, Shape, TensorType};
use std::fmt;
use std::panic::Location;

/// Why an op cannot take its inputs, without saying where: [`GraphError`] adds that.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpError {
    /// Wrong number of inputs.
    #[error("takes {expected} inputs, but {given} were given")]
    Arity {
        /// How many the op takes, as text (`2`, `at least 1`).
        expected: String,
        /// How many were given.
        given: usize,
    },
    /// An axis outside the rank.
    #[error("axis {axis} is out of range for rank {rank}: it must be in {low}..{rank}", low = -(*rank as i64))]
    Axis {
        /// The axis as given.
        axis: i64,
        /// Rank of the tensor.
        rank: usize,
    },
    /// Two extents that must be equal are not.
    #[error("{what} must be equal, but are {a} and {b}")]
    Extents {
        /// Which extents.
        what: String,
        /// One.
        a: Dim,
        /// The other.
        b: Dim,
    },
    /// Two shapes that must broadcast do not.
    #[error("shapes {a} and {b} do not broadcast: extents must be equal or 1, aligned from the right")]
    Broadcast {
        /// One.
        a: Shape,
        /// The other.
        b: Shape,
    },
    /// Wrong rank.
    #[error("{what} must have rank {expected}, but has rank {given}")]
    Rank {
        /// Which input.
        what: String,
        /// What is accepted, as text.
        expected: String,
        /// What was given.
        given: usize,
    },
    /// Wrong dtype.
    #[error("{what} must be {expected}, but is {given}\n  hint: cast it first")]
    DType {
        /// Which input.
        what: String,
        /// What is accepted, as text.
        expected: String,
        /// What was given.
        given: DType,
    },
    /// The numbers of elements differ.
    #[error("cannot reshape {from} ({from_elements} elements) to {to} ({to_elements} elements)", from_elements = from.elements(), to_elements = to.elements())]
    Reshape {
        /// The input's shape.
        from: Shape,
        /// The shape asked for.
        to: Shape,
    },
    /// A dtype that the target does not have.
    #[error(
        "{target} has no {dtype}: it computes with {supported}\n  hint: cast to one of those, or choose another backend (cpu has every dtype)"
    )]
    Unsupported {
        /// The dtype that is missing.
        dtype: DType,
        /// Name of the target.
        target: String,
        /// The dtypes that it has, as text.
        supported: String,
    },
    /// An attribute that makes no sense.
    #[error("{0}")]
    Attribute(String),
    /// The op has no gradient.
    #[error("has no gradient: {0}\n  hint: detach the tensor before this op")]
    NoGradient(String),
    /// The reference interpreter was given values that the op rejects, for instance an index out of range.
    #[error("{0}")]
    Value(String),
    /// A size that has no value.
    #[error(transparent)]
    Size(#[from] DimError),
    /// Bytes that do not form the tensor they claim to be.
    #[error(transparent)]
    Tensor(#[from] HostTensorError),
}

/// An [`OpError`] with everything that a person needs to find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphError {
    /// The op.
    pub op: String,
    /// Types of its inputs.
    pub inputs: Vec<TensorType>,
    /// Name of the node, if it has one.
    pub name: Option<String>,
    /// Where the caller asked for it.
    pub location: Option<String>,
    /// What is wrong.
    pub error: OpError,
}

impl GraphError {
    /// An error that is about a graph as a whole.
    pub fn general(what: &str, error: OpError) -> GraphError {
        GraphError { op: what.into(), inputs: Vec::new(), name: None, location: None, error }
    }

    /// The error of an op on inputs of the given types.
    pub fn new(
        op: &str,
        inputs: Vec<TensorType>,
        location: Option<&Location<'_>>,
        error: OpError,
    ) -> GraphError {
        let location = location.map(|l| l.to_string());
        GraphError { op: op.into(), inputs, name: None, location, error }
    }

    /// This error with the name and location of a node, where it has them.
    pub(crate) fn at(mut self, node: &Node) -> GraphError {
        if let Some(name) = &node.name {
            self.name = Some(name.to_string());
        }
        if let Some(location) = &node.location {
            self.location = Some(location.to_string());
        }
        self
    }
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.op, self.error)?;
        if !self.inputs.is_empty() {
            f.write_str("\n  inputs: ")?;
            for (i, ty) in self.inputs.iter().enumerate() {
                write!(f, "{}{ty}", if i > 0 { ", " } else { "" })?;
            }
        }
        if let Some(name) = &self.name {
            write!(f, "\n  node: {name}")?;
        }
        if let Some(location) = &self.location {
            write!(f, "\n  at: {location}")?;
        }
        Ok(())
    }
}

impl std::error::Error for GraphError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}
