//! The ops.
//!
//! An op is a struct with its attributes, in a file of its own, that implements [`Operator`]. The list at the end of this file makes
//! them variants of [`Op`]. *Primitives* are what backends and the lowering know; *composites* decompose into primitives
//! and other composites, and a target may also run one natively.

pub mod composite;
pub mod contraction;
pub mod control;
pub mod custom;
pub mod leaf;
pub mod movement;
pub mod pointwise;
pub mod reduction;

pub use composite::*;
pub use contraction::*;
pub use control::*;
pub use custom::{Custom, CustomOperand, HostElement, KernelLanguage, KernelSource};
pub use leaf::*;
pub use movement::*;
pub use pointwise::*;
pub use reduction::*;

use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::{Graph, NodeId};
use crate::reference::{Array, Evaluate};
use crate::{Dim, Shape, TensorType};
use serde::{Deserialize, Serialize};
use smallvec::{SmallVec, smallvec};
use std::sync::Arc;

/// Types of an op's results.
pub type Types = SmallVec<[TensorType; 1]>;

/// What [`Operator::infer`] is given.
pub struct Infer<'a> {
    /// The first result type of each input.
    pub inputs: &'a [&'a TensorType],
    /// All result types of the i-th input.
    pub all: &'a dyn Fn(usize) -> &'a [TensorType],
    /// The op's regions.
    pub regions: &'a [Arc<Graph>],
}

impl<'a> Infer<'a> {
    /// The inputs, if there are exactly `N`. Errors: `Arity`.
    pub fn expect<const N: usize>(&self) -> Result<[&'a TensorType; N], OpError> {
        self.inputs
            .try_into()
            .map_err(|_| OpError::Arity { expected: N.to_string(), given: self.inputs.len() })
    }
}

/// What every op implements.
pub trait Operator {
    /// Types of the results. Errors say which input is wrong and what would be right.
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError>;

    /// Adds nodes to `graph` that compute the same from `inputs`, and returns one per result; `None` for primitives.
    fn decompose(&self, _graph: &mut Graph, _inputs: &[NodeId]) -> Result<Option<Vec<NodeId>>, GraphError> {
        Ok(None)
    }

    /// The gradient of each input, from those of the results; `None` where an input gets none (it is an integer, or the gradient is zero).
    /// Errors: `NoGradient`, with the reason, for an op that is not differentiated.
    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError>;

    /// Reference semantics on host arrays: floats in `f64`, integers in `i128`; the caller rounds and wraps them to the result's dtype.
    /// Composites say what they compute directly, not by their decomposition, which is tested against it.
    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError>;
}

/// One result.
pub(crate) fn one(ty: TensorType) -> Result<Types, OpError> {
    Ok(smallvec![ty])
}

/// Checks an axis that counts from the front. Errors: `Axis`.
pub(crate) fn check_axis(axis: usize, rank: usize) -> Result<(), OpError> {
    if axis < rank { Ok(()) } else { Err(OpError::Axis { axis: axis as i64, rank }) }
}

/// Checks that two extents are equal. Errors: `Extents`.
pub(crate) fn check_equal(what: &str, a: &Dim, b: &Dim) -> Result<(), OpError> {
    if a == b { Ok(()) } else { Err(OpError::Extents { what: what.into(), a: a.clone(), b: b.clone() }) }
}

/// The shape to which two shapes broadcast (NumPy's rule). Errors: `Broadcast`.
pub fn broadcast_shapes(a: &Shape, b: &Shape) -> Result<Shape, OpError> {
    let rank = a.rank().max(b.rank());
    let extent = |s: &Shape, axis: usize| match (axis + s.rank()).checked_sub(rank) {
        Some(own) => s[own].clone(),
        None => Dim::ONE,
    };
    (0..rank)
        .map(|axis| match (extent(a, axis), extent(b, axis)) {
            (x, y) if x == y || y.is(1) => Ok(x),
            (x, y) if x.is(1) => Ok(y),
            _ => Err(OpError::Broadcast { a: a.clone(), b: b.clone() }),
        })
        .collect()
}

/// Resolves an axis that may count from the back. Errors: `Axis`.
pub fn resolve_axis(axis: i64, rank: usize) -> Result<usize, OpError> {
    let resolved = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(resolved).ok().filter(|&a| a < rank).ok_or(OpError::Axis { axis, rank })
}

macro_rules! operators {
    ($($variant:ident $name:literal),* $(,)?) => {
        /// An op with its attributes.
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Op {
            $(#[doc = concat!("See [`struct@", stringify!($variant), "`].")] $variant($variant),)*
        }

        $(impl From<$variant> for Op {
            fn from(op: $variant) -> Op { Op::$variant(op) }
        })*

        impl Op {
            /// Names of all ops, in declaration order.
            pub const NAMES: &[&str] = &[$($name),*];

            /// The op's name in printed graphs, errors and files.
            pub fn name(&self) -> &'static str {
                match self { $(Op::$variant(_) => $name,)* }
            }
        }

        impl Operator for Op {
            fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
                match self { $(Op::$variant(op) => op.infer(cx),)* }
            }
            fn decompose(&self, graph: &mut Graph, inputs: &[NodeId]) -> Result<Option<Vec<NodeId>>, GraphError> {
                match self { $(Op::$variant(op) => op.decompose(graph, inputs),)* }
            }
            fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
                match self { $(Op::$variant(op) => op.gradient(cx),)* }
            }
            fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
                match self { $(Op::$variant(op) => op.evaluate(cx),)* }
            }
        }
    };
}

operators! {
    Input "input", Parameter "parameter", Variable "variable", Constant "constant", Iota "iota", Size "size", RandomBits "random_bits",
    Unary "unary", Binary "binary", Compare "compare", Select "select", Cast "cast",
    Reshape "reshape", Transpose "transpose", Broadcast "broadcast", Slice "slice", Pad "pad", Concat "concat",
    Gather "gather", Scatter "scatter", DynamicSlice "dynamic_slice", DynamicUpdate "dynamic_update",
    Reduce "reduce", Cumulative "cumulative", Sort "sort", Window "window",
    MatMul "matmul", Conv "conv",
    Project "project", While "while", If "if", Checkpoint "checkpoint", CustomGradient "custom_gradient",
    Barrier "barrier", Detach "detach", Custom "custom",
    Softmax "softmax", LogSoftmax "log_softmax", LayerNorm "layer_norm", Gelu "gelu", Attention "attention",
    AttentionBackward "attention_backward", CrossEntropy "cross_entropy", Dropout "dropout",
    Relu "relu", Sigmoid "sigmoid", Silu "silu", Softplus "softplus", LogSumExp "log_sum_exp",
    RmsNorm "rms_norm", BatchNorm "batch_norm", GroupNorm "group_norm", Rope "rope",
    TakeAlong "take_along", OneHot "one_hot", TopK "top_k", Uniform "uniform", Normal "normal",
    QuantizeLinear "quantize_linear", DequantizeLinear "dequantize_linear",
}

impl Op {
    /// The version of the op's attributes and meaning, as files record it. It grows when a file with the old ones would be misread.
    pub fn version(&self) -> u32 {
        1
    }

    /// The name by which an input, parameter or variable is known.
    pub fn leaf_name(&self) -> Option<&str> {
        match self {
            Op::Input(op) => Some(&op.name),
            Op::Parameter(op) => Some(&op.name),
            Op::Variable(op) => Some(&op.name),
            _ => None,
        }
    }

    /// What is printed for the op: the name of the function for pointwise ops, else the op's name.
    pub fn label(&self) -> String {
        /// The snake-case name of a unit variant.
        fn snake(variant: impl std::fmt::Debug) -> String {
            let mut name = String::new();
            for c in format!("{variant:?}").chars() {
                if c.is_ascii_uppercase() && !name.is_empty() {
                    name.push('_');
                }
                name.push(c.to_ascii_lowercase());
            }
            name
        }
        match self {
            Op::Unary(op) => snake(op.op),
            Op::Binary(op) => snake(op.op),
            Op::Compare(op) => snake(op.op),
            Op::Reduce(op) => format!("reduce_{}", snake(op.op)),
            _ => self.name().into(),
        }
    }
}
