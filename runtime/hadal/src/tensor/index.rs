//! Indexing: `t.i((0, 1..3, .., &rows))`.

use super::Tensor;
use crate::{Error, Result};
use hadal_graph::op::{DynamicSlice, DynamicUpdate, Scatter, TakeAlong};
use hadal_graph::program::ScatterOp;
use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

/// What is taken of one axis.
#[derive(Clone, Debug)]
pub enum Index {
    /// One position, which may count from the back; the axis goes.
    Position(i64),
    /// Positions from a start to before an end; either may count from the back.
    Range(Option<i64>, Option<i64>),
    /// Positions in an integer tensor, whose axes take the place of the axis.
    Gather(Tensor),
    /// A new axis of extent 1.
    NewAxis,
    /// As many whole axes as are left over.
    Ellipsis,
}

/// A new axis of extent 1, in an index.
#[derive(Clone, Copy, Debug)]
pub struct NewAxis;

/// As many whole axes as are left over, in an index.
#[derive(Clone, Copy, Debug)]
pub struct Ellipsis;

macro_rules! from {
    ($($t:ty, $value:ident => $index:expr);* $(;)?) => {$(
        impl From<$t> for Index {
            fn from($value: $t) -> Index { $index }
        }
    )*};
}
from! {
    i64, p => Index::Position(p);
    i32, p => Index::Position(p as i64);
    usize, p => Index::Position(p as i64);
    RangeFull, _r => Index::Range(None, None);
    Range<i64>, r => Index::Range(Some(r.start), Some(r.end));
    RangeFrom<i64>, r => Index::Range(Some(r.start), None);
    RangeTo<i64>, r => Index::Range(None, Some(r.end));
    RangeInclusive<i64>, r => Index::Range(Some(*r.start()), after(*r.end()));
    RangeToInclusive<i64>, r => Index::Range(None, after(r.end));
    Range<i32>, r => Index::Range(Some(r.start.into()), Some(r.end.into()));
    RangeFrom<i32>, r => Index::Range(Some(r.start.into()), None);
    RangeTo<i32>, r => Index::Range(None, Some(r.end.into()));
    RangeInclusive<i32>, r => Index::Range(Some((*r.start()).into()), after((*r.end()).into()));
    RangeToInclusive<i32>, r => Index::Range(None, after(r.end.into()));
    Range<usize>, r => Index::Range(Some(r.start as i64), Some(r.end as i64));
    RangeFrom<usize>, r => Index::Range(Some(r.start as i64), None);
    RangeTo<usize>, r => Index::Range(None, Some(r.end as i64));
    &Tensor, t => Index::Gather(t.clone());
    NewAxis, _n => Index::NewAxis;
    Ellipsis, _e => Index::Ellipsis;
}

/// The position after an inclusive end; after -1 there is no end.
fn after(end: i64) -> Option<i64> {
    if end == -1 { None } else { Some(end + 1) }
}

/// One index or a tuple of them.
pub trait IntoIndices {
    /// One entry per axis, from the first on.
    fn into_indices(self) -> Vec<Index>;
}

impl<I: Into<Index>> IntoIndices for I {
    fn into_indices(self) -> Vec<Index> {
        vec![self.into()]
    }
}

macro_rules! tuples {
    ($(($($name:ident)+))*) => {$(
        impl<$($name: Into<Index>),+> IntoIndices for ($($name,)+) {
            #[allow(non_snake_case)]
            fn into_indices(self) -> Vec<Index> {
                let ($($name,)+) = self;
                vec![$($name.into()),+]
            }
        }
    )*};
}
tuples! { (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H) }

impl Tensor {
    /// A part of the tensor: positions, ranges, index tensors, [`NewAxis`] and [`Ellipsis`], one for each axis from the first on.
    ///
    /// ```
    /// # use hadal::{Device, DType, Tensor};
    /// # let device = Device::open("cpu")?;
    /// let x = Tensor::arange(&device, 24, DType::I32)?.reshape([2, 3, 4])?;
    /// assert_eq!(x.i((1, 0..2, -1))?.to_vec::<i32>()?, [15, 19]);
    /// # Ok::<(), hadal::Error>(())
    /// ```
    ///
    /// Errors: more entries than axes, positions that are not there.
    #[track_caller]
    pub fn i(&self, indices: impl IntoIndices) -> Result<Tensor> {
        let mut indices = indices.into_indices();
        let taken = indices.iter().filter(|i| !matches!(i, Index::NewAxis | Index::Ellipsis)).count();
        if taken > self.rank() {
            return Err(Error::argument(format!("{taken} indices for a tensor of rank {}", self.rank())));
        }
        let whole = vec![Index::Range(None, None); self.rank() - taken];
        match indices.iter().position(|i| matches!(i, Index::Ellipsis)) {
            Some(at) => {
                indices.splice(at..=at, whole);
            }
            None => indices.extend(whole),
        }
        let mut result = self.clone();
        let mut axis = 0i64;
        for index in indices {
            match index {
                Index::Position(p) => {
                    let extent = result.dim(axis)?;
                    let inside = extent.as_const().is_none_or(|n| (-n..n).contains(&p));
                    if !inside {
                        return Err(Error::argument(format!(
                            "position {p} of axis {axis} is outside its extent {extent}"
                        )));
                    }
                    result = result.select(axis, p)?;
                }
                Index::Range(None, None) => axis += 1,
                Index::Range(start, end) => {
                    let extent = result.dim(axis)?;
                    let at = |p: i64| if p < 0 { &extent + p } else { p.into() };
                    let start = at(start.unwrap_or(0));
                    let end = end.map_or(extent.clone(), at);
                    let length = &end - &start;
                    if length.as_const().is_some_and(|l| l < 0) {
                        return Err(Error::argument(format!("the range {start}..{end} runs backwards")));
                    }
                    result = result.narrow(axis, start, length)?;
                    axis += 1;
                }
                Index::Gather(positions) => {
                    result = result.index_select(axis, &positions)?;
                    axis += positions.rank() as i64;
                }
                Index::NewAxis => {
                    result = result.unsqueeze(axis)?;
                    axis += 1;
                }
                Index::Ellipsis => return Err(Error::argument("an index has at most one ellipsis")),
            }
        }
        Ok(result)
    }

    /// Slices at the positions in an integer tensor, whose axes take the place of `axis`; an embedding table is looked up so.
    ///
    /// A position that is not there is an error of the run. Errors: indices that are not integers.
    #[track_caller]
    pub fn index_select(&self, axis: i64, indices: &Tensor) -> Result<Tensor> {
        let axis = self.axis("index_select", axis)?;
        Tensor::compose(&[self, indices], |g, x| g.gather(x[0], axis, x[1]))
    }

    /// One element for each index along an axis: `out[i, j, k] = x[i, indices[i, j, k], k]` for the middle one; `torch.gather`.
    ///
    /// A position that is not there is an error of the run. Errors: indices that are not integers, or of another shape but for the axis.
    #[track_caller]
    pub fn take_along(&self, axis: i64, indices: &Tensor) -> Result<Tensor> {
        let axis = self.axis("take_along", axis)?;
        Tensor::compose(&[self, indices], |g, x| g.apply(TakeAlong { axis }, x))
    }

    /// `updates[.., i, ..]` added at position `indices[i]` of an axis, in order: the same result on every run.
    #[track_caller]
    pub fn index_add(&self, axis: i64, indices: &Tensor, updates: &Tensor) -> Result<Tensor> {
        self.scatter(ScatterOp::Add, axis, indices, updates)
    }

    /// `updates[.., i, ..]` written at position `indices[i]` of an axis; the last one wins.
    #[track_caller]
    pub fn index_copy(&self, axis: i64, indices: &Tensor, updates: &Tensor) -> Result<Tensor> {
        self.scatter(ScatterOp::Set, axis, indices, updates)
    }

    #[track_caller]
    fn scatter(&self, op: ScatterOp, axis: i64, indices: &Tensor, updates: &Tensor) -> Result<Tensor> {
        let axis = self.axis("scatter", axis)?;
        Tensor::compose(&[self, indices, updates], |g, x| g.apply(Scatter { axis, op }, x))
    }

    /// `extent` elements of an axis from a start that is a run-time number (an integer scalar); clamped to fit.
    #[track_caller]
    pub fn dynamic_slice(&self, axis: i64, start: &Tensor, extent: usize) -> Result<Tensor> {
        let axis = self.axis("dynamic_slice", axis)?;
        Tensor::compose(&[self, start], |g, x| g.apply(DynamicSlice { axis, extent: extent.into() }, x))
    }

    /// This tensor with `update` from a start that is a run-time number (an integer scalar), clamped to fit: how a cache grows.
    #[track_caller]
    pub fn dynamic_update(&self, axis: i64, update: &Tensor, start: &Tensor) -> Result<Tensor> {
        let axis = self.axis("dynamic_update", axis)?;
        Tensor::compose(&[self, update, start], |g, x| g.apply(DynamicUpdate { axis }, x))
    }
}
