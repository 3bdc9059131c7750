//! The kernel archetypes and their hooks.

use super::{Affine, Indirect, PointwiseProgram, Program, Reg};
use crate::{DType, Dim, Shape};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The families of kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Archetype {
    /// Elementwise work over one domain, gathers included.
    Pointwise,
    /// Rows reduced in one or more phases, with elementwise results.
    Reduce,
    /// Matrix multiplication and convolution.
    Contract,
    /// Scaled dot-product attention.
    Attention,
    /// Writing at run-time indices.
    Scatter,
    /// Cumulative operations along an axis.
    Scan,
    /// Sorting along an axis.
    Sort,
    /// A kernel that a program wrote itself.
    Custom,
    /// Host-driven loops and branches.
    Control,
}

/// A loaded operand: the value of a register of a program.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Operand {
    /// Evaluated at each coordinate of the operand's domain.
    pub program: PointwiseProgram,
    /// The register that holds the result.
    pub value: Reg,
}

impl Operand {
    /// Dtype of the operand's elements.
    pub fn dtype(&self) -> DType {
        self.program.dtype(self.value)
    }
}

/// Writes a register to `writes[target]`. No two coordinates write one element.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Store {
    /// Position in [`Step::writes`](super::Step::writes). The value's dtype is the register's.
    pub target: usize,
    /// The register.
    pub value: Reg,
    /// Linear index into the target, in elements.
    pub address: Affine,
    /// Run-time parts of the address.
    pub indirect: Vec<Indirect>,
}

/// A pointwise program and what it stores.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Body {
    /// Evaluated at each coordinate.
    pub program: PointwiseProgram,
    /// What is written at each coordinate.
    pub stores: Vec<Store>,
}

/// Elementwise work: `body` at every coordinate of `domain`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pointwise {
    /// Extents of the iteration domain.
    pub domain: Shape,
    /// What is computed.
    pub body: Body,
}

/// How a row is reduced to one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReduceOp {
    /// Sum; 0 for an empty row. Wraps for integers. `F16`/`BF16` are summed in `F32`.
    Sum,
    /// Product; 1 for an empty row.
    Product,
    /// Maximum, NaN if any is NaN; the lowest value (negative infinity) for an empty row. On `Bool`: any.
    Max,
    /// Minimum, NaN if any is NaN; the highest value for an empty row. On `Bool`: all.
    Min,
    /// Position of the first maximum along the row (a NaN counts as the maximum); accumulator dtype is `I64`. Rows are not empty.
    ArgMax,
    /// Position of the first minimum along the row (a NaN counts as the minimum); accumulator dtype is `I64`. Rows are not empty.
    ArgMin,
}

/// One pass over a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Phase {
    /// How values are combined.
    pub op: ReduceOp,
    /// What is combined, over `outer ++ row`. Phase n may read accumulators 0..n.
    pub operand: Operand,
    /// The dtype of the accumulator as later programs see it: the node's dtype (sums of f16 run in f32 and are rounded to it).
    pub dtype: DType,
}

/// Rows reduced in phases, then written per row, per element, or both. Softmax and layer norm are one such step each.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reduce {
    /// Extents of the axes that stay: one row for each coordinate.
    pub outer: Shape,
    /// Extents of the axes of a row; positions count row-major.
    pub row: Shape,
    /// Passes in order; accumulator n is the result of phase n.
    pub phases: Vec<Phase>,
    /// Evaluated once per row, over `outer`; sees all accumulators.
    pub per_row: Option<Body>,
    /// Evaluated at every element, over `outer ++ row`; sees all accumulators.
    pub per_element: Option<Body>,
}

/// `C[batch, m, n] = Σ_k A[batch, m, k] · B[batch, k, n]`, each group of axes of any rank. Convolution is a contraction whose operands'
/// index maps overlap.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Contract {
    /// Axes that all three share.
    pub batch: Shape,
    /// Axes of `A` and `C`.
    pub m: Shape,
    /// Axes of `B` and `C`.
    pub n: Shape,
    /// Axes that are summed.
    pub k: Shape,
    /// Over `batch ++ m ++ k`.
    pub a: Operand,
    /// Over `batch ++ k ++ n`.
    pub b: Operand,
    /// The dtype of accumulator 0 as the epilogue sees it (sums of f16/bf16 run in f32; integers are widened to this dtype first and wrap).
    pub dtype: DType,
    /// Over `batch ++ m ++ n`; sees accumulator 0.
    pub epilogue: Body,
}

/// `softmax(scale · Q Kᵀ + mask) V` without the full score matrix.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attention {
    /// Leading axes (batch, heads).
    pub batch: Shape,
    /// Number of queries.
    pub queries: Dim,
    /// Number of keys.
    pub keys: Dim,
    /// Width of queries and keys.
    pub head_dim: Dim,
    /// Width of values and results.
    pub value_dim: Dim,
    /// Factor on the scores.
    pub scale: crate::Scalar,
    /// Whether query `i` sees only keys `j <= i + keys - queries`.
    pub causal: bool,
    /// Over `batch ++ [queries, head_dim]`.
    pub q: Operand,
    /// Over `batch ++ [keys, head_dim]`.
    pub k: Operand,
    /// Over `batch ++ [keys, value_dim]`.
    pub v: Operand,
    /// Added to the scaled scores (a float), over `batch ++ [queries, keys]`. Negative infinity hides a key; a query that sees no key gives zeros.
    pub mask: Option<Operand>,
    /// Dtype of accumulator 0 as the epilogue sees it.
    pub dtype: DType,
    /// Over `batch ++ [queries, value_dim]`; accumulator 0 is the result.
    pub epilogue: Body,
    /// Where the log-sum-exp of the scaled, masked scores goes (`F32`, contiguous over `batch ++ [queries]`), as a position in
    /// [`Step::writes`](super::Step::writes).
    pub log_sum_exp: Option<usize>,
}

/// How scattered values combine with what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScatterOp {
    /// The last update in order wins.
    Set,
    /// Updates are added in order, so the result is the same on every run.
    Add,
    /// The maximum.
    Max,
    /// The minimum.
    Min,
}

/// `out = init; for u in 0..updates { out[outer, index[u], inner] ∘= update[outer, u, inner] }`, in the order of `u`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scatter {
    /// Axes before the indexed one.
    pub outer: Shape,
    /// Number of updates.
    pub updates: Dim,
    /// Extent of the indexed axis of the result.
    pub extent: Dim,
    /// Axes after the indexed one.
    pub inner: Shape,
    /// How values combine.
    pub op: ScatterOp,
    /// The result before any update, over `outer ++ [extent] ++ inner`; `None` when `writes[0]` aliases it and holds it already.
    pub init: Option<Operand>,
    /// Integer index, over `[updates]`. Out of range is an error (see [`Indirect::limit`](super::Indirect)).
    pub index: Operand,
    /// Over `outer ++ [updates] ++ inner`.
    pub update: Operand,
}

/// Cumulative reduction along an axis: `out[i] = x[0] ∘ … ∘ x[i]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scan {
    /// All other axes.
    pub outer: Shape,
    /// Extent of the scanned axis.
    pub length: Dim,
    /// `Sum`, `Product`, `Max` or `Min`.
    pub op: ReduceOp,
    /// Leave `x[i]` itself out; the first result is the identity.
    pub exclusive: bool,
    /// From the end.
    pub reverse: bool,
    /// Over `outer ++ [length]`.
    pub operand: Operand,
    /// Dtype of accumulator 0.
    pub dtype: DType,
    /// Over `outer ++ [length]`; accumulator 0 is the running value.
    pub epilogue: Body,
}

/// Stable sort along an axis. NaN sorts last, in either order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sort {
    /// All other axes.
    pub outer: Shape,
    /// Extent of the sorted axis.
    pub length: Dim,
    /// Largest first.
    pub descending: bool,
    /// Over `outer ++ [length]`.
    pub operand: Operand,
    /// Where sorted values go: address over `outer ++ [length]` of `writes[0]`.
    pub values: Affine,
    /// Where their former positions (`I64`) go: address over `outer ++ [length]` of `writes[1]`.
    pub indices: Affine,
}

/// `state = reads; while condition(state) { state = body(state) }; writes = state`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Loop {
    /// Inputs: the state. Output: one `Bool` scalar.
    pub condition: Arc<Program>,
    /// Variables: the state, with an update for each part that changes. No inputs, no outputs.
    pub body: Arc<Program>,
}

/// `writes = if reads[0] { then(reads[1..]) } else { otherwise(reads[1..]) }`; `reads[0]` is a `Bool` scalar.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Branch {
    /// Taken when the predicate holds.
    pub then: Arc<Program>,
    /// Taken when it does not.
    pub otherwise: Arc<Program>,
}

/// `writes[0][i] = element(i)` for every element, where the op's functions may read any element of the operands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Custom {
    /// The op.
    pub op: crate::op::Custom,
    /// For each operand of the op: its position among the step's reads, and its shape.
    pub operands: Vec<(usize, Shape)>,
}

/// What a step computes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// Elementwise.
    Pointwise(Pointwise),
    /// Row reductions.
    Reduce(Reduce),
    /// Matrix multiplication, convolution.
    Contract(Contract),
    /// Attention.
    Attention(Attention),
    /// Writing at run-time indices.
    Scatter(Scatter),
    /// Cumulative operations.
    Scan(Scan),
    /// Sorting.
    Sort(Sort),
    /// A kernel of the program's own.
    Custom(Custom),
    /// Repetition, driven by the host.
    Loop(Loop),
    /// Choice, made by the host.
    Branch(Branch),
}

impl Kernel {
    /// The family.
    pub fn archetype(&self) -> Archetype {
        match self {
            Kernel::Pointwise(_) => Archetype::Pointwise,
            Kernel::Reduce(_) => Archetype::Reduce,
            Kernel::Contract(_) => Archetype::Contract,
            Kernel::Attention(_) => Archetype::Attention,
            Kernel::Scatter(_) => Archetype::Scatter,
            Kernel::Scan(_) => Archetype::Scan,
            Kernel::Sort(_) => Archetype::Sort,
            Kernel::Custom(_) => Archetype::Custom,
            Kernel::Loop(_) | Kernel::Branch(_) => Archetype::Control,
        }
    }
}
