//! Reductions, running sums, sorting.
//!
//! Axes are given as integers that may count from the back; no axes at all mean every axis.

use super::Tensor;
use crate::{Error, Result};
use hadal_graph::op::{Cumulative, Sort};
use hadal_graph::program::{CompareOp, ReduceOp, UnaryOp};
use hadal_graph::{DType, Dim, Shape};

macro_rules! reductions {
    ($($name:ident $keep:ident $op:ident $doc:literal),* $(,)?) => {impl Tensor {$(
        #[doc = $doc]
        ///
        /// The axes go; no axes mean all. Errors: an axis that is not there.
        #[track_caller]
        pub fn $name(&self, axes: &[i64]) -> Result<Tensor> {
            let axes = self.axes(stringify!($name), axes)?;
            Tensor::compose(&[self], |g, x| g.reduce(ReduceOp::$op, x[0], &axes))
        }

        #[doc = $doc]
        ///
        /// The axes stay, with extent 1; no axes mean all. Errors: an axis that is not there.
        #[track_caller]
        pub fn $keep(&self, axes: &[i64]) -> Result<Tensor> {
            let axes = self.axes(stringify!($name), axes)?;
            Tensor::compose(&[self], |g, x| g.reduce_keep(ReduceOp::$op, x[0], &axes))
        }
    )*}};
}

reductions! {
    sum sum_keep Sum "The sum; `f16` and `bf16` are added in `f32`.",
    prod prod_keep Product "The product.",
    max max_keep Max "The maximum; NaN if any is NaN.",
    min min_keep Min "The minimum; NaN if any is NaN.",
}

impl Tensor {
    /// The mean over axes, which go; no axes mean all. Errors: integers; an axis that is not there.
    #[track_caller]
    pub fn mean(&self, axes: &[i64]) -> Result<Tensor> {
        let resolved = self.axes("mean", axes)?;
        let shape: Shape =
            (0..self.rank()).filter(|a| !resolved.contains(a)).map(|a| self.shape()[a].clone()).collect();
        self.check_float("mean")?;
        Tensor::compose(&[self], |g, x| {
            let kept = g.mean_keep(x[0], &resolved)?;
            g.reshape(kept, shape)
        })
    }

    /// The mean over axes, which stay with extent 1. Errors: as [`Tensor::mean`].
    #[track_caller]
    pub fn mean_keep(&self, axes: &[i64]) -> Result<Tensor> {
        let axes = self.axes("mean", axes)?;
        self.check_float("mean")?;
        Tensor::compose(&[self], |g, x| g.mean_keep(x[0], &axes))
    }

    /// The variance over axes, which stay with extent 1; divides by `n - correction`.
    #[track_caller]
    pub fn var_keep(&self, axes: &[i64], correction: usize) -> Result<Tensor> {
        let axes = self.axes("var", axes)?;
        self.check_float("var")?;
        let count: Dim = axes.iter().map(|&a| self.shape()[a].clone()).product();
        Tensor::compose(&[self], |g, x| {
            let mean = g.mean_keep(x[0], &axes)?;
            let centred = g.sub(x[0], mean)?;
            let square = g.mul(centred, centred)?;
            let sum = g.reduce_keep(ReduceOp::Sum, square, &axes)?;
            let count = g.size(&(count - correction))?;
            let count = g.cast(count, g.dtype(sum))?;
            g.div(sum, count)
        })
    }

    /// The Euclidean norm over axes, which stay with extent 1. The gradient at zero is zero, as in `torch.linalg.vector_norm`.
    #[track_caller]
    pub fn norm_keep(&self, axes: &[i64]) -> Result<Tensor> {
        let axes = self.axes("norm", axes)?;
        self.check_float("norm")?;
        Tensor::compose(&[self], |g, x| {
            let square = g.mul(x[0], x[0])?;
            let sum = g.reduce_keep(ReduceOp::Sum, square, &axes)?;
            let dtype = g.dtype(sum);
            let (zero, one) = (g.scalar(0.0, dtype)?, g.scalar(1.0, dtype)?);
            // The root has an infinite slope at zero: it is taken of something else there.
            let nothing = g.compare(CompareOp::Eq, sum, zero)?;
            let some = g.select(nothing, one, sum)?;
            let root = g.unary(UnaryOp::Sqrt, some)?;
            g.select(nothing, zero, root)
        })
    }

    /// Whether any element of a boolean tensor holds. Errors: another dtype.
    #[track_caller]
    pub fn any(&self, axes: &[i64]) -> Result<Tensor> {
        self.check_bool("any")?;
        self.max(axes)
    }

    /// Whether all elements of a boolean tensor hold. Errors: another dtype.
    #[track_caller]
    pub fn all(&self, axes: &[i64]) -> Result<Tensor> {
        self.check_bool("all")?;
        self.min(axes)
    }

    /// The position of the first maximum along an axis, which goes; `I64`.
    #[track_caller]
    pub fn argmax(&self, axis: i64) -> Result<Tensor> {
        let axis = self.axis("argmax", axis)?;
        Tensor::compose(&[self], |g, x| g.reduce(ReduceOp::ArgMax, x[0], &[axis]))
    }

    /// The position of the first minimum along an axis, which goes; `I64`.
    #[track_caller]
    pub fn argmin(&self, axis: i64) -> Result<Tensor> {
        let axis = self.axis("argmin", axis)?;
        Tensor::compose(&[self], |g, x| g.reduce(ReduceOp::ArgMin, x[0], &[axis]))
    }

    /// Running sums along an axis.
    #[track_caller]
    pub fn cumsum(&self, axis: i64) -> Result<Tensor> {
        self.cumulative(ReduceOp::Sum, axis)
    }

    /// Running products along an axis.
    #[track_caller]
    pub fn cumprod(&self, axis: i64) -> Result<Tensor> {
        self.cumulative(ReduceOp::Product, axis)
    }

    #[track_caller]
    fn cumulative(&self, op: ReduceOp, axis: i64) -> Result<Tensor> {
        let axis = self.axis("cumulative", axis)?;
        Tensor::compose(&[self], |g, x| g.apply(Cumulative { op, axis, exclusive: false, reverse: false }, x))
    }

    /// Values sorted along an axis and their former positions (`I64`). Stable; NaN comes last.
    #[track_caller]
    pub fn sort(&self, axis: i64, descending: bool) -> Result<(Tensor, Tensor)> {
        let axis = self.axis("sort", axis)?;
        let mut results = Tensor::compose_many(&[self], |g, x| {
            let sorted = g.apply(Sort { axis, descending }, x)?;
            Ok(vec![g.project(sorted, 0)?, g.project(sorted, 1)?])
        })?;
        match (results.pop(), results.pop()) {
            (Some(positions), Some(values)) => Ok((values, positions)),
            _ => Err(Error::argument("a sort has two results")),
        }
    }

    /// The positions that would sort along an axis; `I64`.
    #[track_caller]
    pub fn argsort(&self, axis: i64, descending: bool) -> Result<Tensor> {
        Ok(self.sort(axis, descending)?.1)
    }

    /// The `k` largest values along an axis, largest first, and their positions (`I64`). Errors: more than there are.
    #[track_caller]
    pub fn topk(&self, k: usize, axis: i64) -> Result<(Tensor, Tensor)> {
        let (values, positions) = self.sort(axis, true)?;
        Ok((values.narrow(axis, 0, k)?, positions.narrow(axis, 0, k)?))
    }

    #[track_caller]
    pub(crate) fn check_float(&self, op: &str) -> Result<()> {
        if self.dtype().is_float() {
            return Ok(());
        }
        Err(Error::argument(format!(
            "{op} takes floats, but this is {}\n  hint: cast it with `to_dtype`",
            self.ty()
        )))
    }

    #[track_caller]
    fn check_bool(&self, op: &str) -> Result<()> {
        if self.dtype() == DType::Bool {
            return Ok(());
        }
        Err(Error::argument(format!(
            "{op} takes booleans, but this is {}\n  hint: compare it first",
            self.ty()
        )))
    }
}
