//! Shapes: the same elements, arranged anew.

use super::Tensor;
use crate::{Error, Result};
use hadal_graph::op::{Broadcast, Pad, Slice};
use hadal_graph::{Dim, Scalar, Shape};

impl Tensor {
    /// The same elements in another shape; one extent may be -1 and is worked out.
    ///
    /// Errors: another number of elements.
    #[track_caller]
    pub fn reshape(&self, shape: impl Into<Shape>) -> Result<Tensor> {
        let mut shape = shape.into();
        let free: Vec<usize> = (0..shape.rank()).filter(|&a| shape[a].is(-1)).collect();
        match free.as_slice() {
            [] => {}
            [axis] => {
                let known: Dim = (0..shape.rank()).filter(|a| a != axis).map(|a| shape[a].clone()).product();
                let elements = self.shape().elements();
                let extent = if known.is(0) { None } else { elements.exact_div(&known) };
                let Some(extent) = extent else {
                    return Err(Error::argument(format!(
                        "cannot reshape {} to {shape}: the number of elements is not a multiple of the known extents",
                        self.shape()
                    )));
                };
                shape.0[*axis] = extent;
            }
            _ => return Err(Error::argument(format!("only one extent of {shape} may be -1"))),
        }
        Tensor::compose(&[self], |g, x| g.reshape(x[0], shape))
    }

    /// Two axes exchanged.
    #[track_caller]
    pub fn transpose(&self, a: i64, b: i64) -> Result<Tensor> {
        let (a, b) = (self.axis("transpose", a)?, self.axis("transpose", b)?);
        let mut permutation: Vec<usize> = (0..self.rank()).collect();
        permutation.swap(a, b);
        Tensor::compose(&[self], |g, x| g.transpose(x[0], &permutation))
    }

    /// The last two axes exchanged. Errors: rank below 2.
    #[track_caller]
    pub fn t(&self) -> Result<Tensor> {
        self.transpose(-2, -1)
    }

    /// Axis `i` of the result is axis `axes[i]` of this tensor. Errors: axes that do not name each once.
    #[track_caller]
    pub fn permute(&self, axes: &[i64]) -> Result<Tensor> {
        let mut permutation = Vec::new();
        for &axis in axes {
            permutation.push(self.axis("permute", axis)?);
        }
        Tensor::compose(&[self], |g, x| g.transpose(x[0], &permutation))
    }

    /// Elements repeated to `shape`, as in NumPy. Errors: an extent that is neither 1 nor equal.
    #[track_caller]
    pub fn broadcast_to(&self, shape: impl Into<Shape>) -> Result<Tensor> {
        let shape = shape.into();
        Tensor::compose(&[self], |g, x| g.broadcast_to(x[0], &shape))
    }

    /// The whole tensor repeated `times` along an axis.
    #[track_caller]
    pub fn repeat(&self, axis: i64, times: usize) -> Result<Tensor> {
        let axis = self.axis("repeat", axis)?;
        let shape = self.shape().clone();
        Tensor::compose(&[self], |g, x| {
            let mut wide = shape.clone();
            wide.0.insert(axis, times.into());
            let axes = (0..wide.rank()).filter(|&a| a != axis).collect();
            let repeated = g.apply(Broadcast { shape: wide, axes }, x)?;
            g.reshape(repeated, shape.with(axis, &shape[axis] * times))
        })
    }

    /// An axis of extent 1 put in at `axis`, which may be -1 for the end.
    #[track_caller]
    pub fn unsqueeze(&self, axis: i64) -> Result<Tensor> {
        let location = std::panic::Location::caller();
        let axis = hadal_graph::op::resolve_axis(axis, self.rank() + 1)
            .map_err(|e| Error::op("unsqueeze", e, location))?;
        Tensor::compose(&[self], |g, x| g.unsqueeze(x[0], axis))
    }

    /// An axis of extent 1 taken out. Errors: another extent.
    #[track_caller]
    pub fn squeeze(&self, axis: i64) -> Result<Tensor> {
        let axis = self.axis("squeeze", axis)?;
        if !self.shape()[axis].is(1) {
            return Err(Error::argument(format!(
                "axis {axis} of {} has extent {}: only an extent of 1 can be squeezed",
                self.shape(),
                self.shape()[axis]
            )));
        }
        Tensor::compose(&[self], |g, x| g.squeeze(x[0], axis))
    }

    /// Axes `first..=last` made one.
    #[track_caller]
    pub fn flatten(&self, first: i64, last: i64) -> Result<Tensor> {
        let (first, last) = (self.axis("flatten", first)?, self.axis("flatten", last)?);
        if first > last {
            return Err(Error::argument(format!(
                "the first axis {first} to flatten comes after the last {last}"
            )));
        }
        let mut dims = self.shape().0.clone();
        let merged = dims.drain(first..=last).product();
        dims.insert(first, merged);
        Tensor::compose(&[self], |g, x| g.reshape(x[0], Shape(dims)))
    }

    /// `extent` elements of an axis from `start`. Errors: elements that are not there.
    #[track_caller]
    pub fn narrow(&self, axis: i64, start: impl Into<Dim>, extent: impl Into<Dim>) -> Result<Tensor> {
        let axis = self.axis("narrow", axis)?;
        let (start, extent) = (start.into(), extent.into());
        Tensor::compose(&[self], |g, x| g.narrow(x[0], axis, start, extent))
    }

    /// Element `index` of an axis, which goes; a negative index counts from the back.
    #[track_caller]
    pub fn select(&self, axis: i64, index: i64) -> Result<Tensor> {
        let resolved = self.axis("select", axis)?;
        let extent = &self.shape()[resolved];
        let start = if index < 0 { extent + index } else { Dim::from(index) };
        self.narrow(axis, start, 1)?.squeeze(axis)
    }

    /// Every `step`-th element of an axis from `start` to before `end`; a negative step goes backwards from `start` to after `end`.
    #[track_caller]
    pub fn slice(&self, axis: i64, start: i64, end: i64, step: i64) -> Result<Tensor> {
        let axis = self.axis("slice", axis)?;
        let n = self.dims()?[axis] as i64;
        if step == 0 {
            return Err(Error::argument("the step of a slice must not be 0"));
        }
        // As in Python: negative positions count from the back, and what lies outside is cut off.
        let at = |p: i64, low: i64, high: i64| (if p < 0 { p + n } else { p }).clamp(low, high);
        let (start, count) = if step > 0 {
            let (start, end) = (at(start, 0, n), at(end, 0, n));
            (start, (end - start + step - 1).max(0) / step)
        } else {
            let (start, end) = (at(start, -1, n - 1), if end < -n { -1 } else { at(end, -1, n - 1) });
            (start, (start - end - step - 1).max(0) / -step)
        };
        self.stride(axis, start.max(0).into(), count.into(), step)
    }

    /// The axis backwards.
    #[track_caller]
    pub fn flip(&self, axis: i64) -> Result<Tensor> {
        let axis = self.axis("flip", axis)?;
        let extent = self.shape()[axis].clone();
        self.stride(axis, &extent - 1, extent, -1)
    }

    #[track_caller]
    fn stride(&self, axis: usize, start: Dim, extent: Dim, step: i64) -> Result<Tensor> {
        let mut slice = Slice {
            starts: vec![Dim::ZERO; self.rank()],
            extents: self.shape().0.clone(),
            steps: vec![1; self.rank()],
        };
        slice.starts[axis] = start;
        slice.extents[axis] = extent;
        slice.steps[axis] = step;
        Tensor::compose(&[self], |g, x| g.apply(slice, x))
    }

    /// A border of `value`: `(low, high)` elements for each axis.
    #[track_caller]
    pub fn pad(&self, padding: &[(usize, usize)], value: f64) -> Result<Tensor> {
        let low = padding.iter().map(|p| p.0.into()).collect();
        let high = padding.iter().map(|p| p.1.into()).collect();
        let value = Scalar::new(value, self.dtype());
        Tensor::compose(&[self], |g, x| g.apply(Pad { low, high, value }, x))
    }

    /// Tensors one after another along an axis. Errors: none at all; extents that differ elsewhere.
    #[track_caller]
    pub fn cat(tensors: &[&Tensor], axis: i64) -> Result<Tensor> {
        let axis = match tensors.first() {
            Some(first) => first.axis("cat", axis)?,
            None => return Err(Error::argument("cat needs at least one tensor")),
        };
        Tensor::compose(tensors, |g, x| g.concat(x, axis))
    }

    /// Tensors one after another along a new axis. Errors: none at all; shapes that differ.
    #[track_caller]
    pub fn stack(tensors: &[&Tensor], axis: i64) -> Result<Tensor> {
        let location = std::panic::Location::caller();
        let Some(first) = tensors.first() else {
            return Err(Error::argument("stack needs at least one tensor"));
        };
        let axis = hadal_graph::op::resolve_axis(axis, first.rank() + 1)
            .map_err(|e| Error::op("stack", e, location))?;
        Tensor::compose(tensors, |g, x| {
            let mut parts = Vec::new();
            for &part in x {
                parts.push(g.unsqueeze(part, axis)?);
            }
            g.concat(&parts, axis)
        })
    }

    /// Parts of the given sizes along an axis. Errors: sizes that do not add up.
    #[track_caller]
    pub fn split(&self, sizes: &[usize], axis: i64) -> Result<Vec<Tensor>> {
        let resolved = self.axis("split", axis)?;
        let total: usize = sizes.iter().sum();
        if !self.shape()[resolved].is(total as i64) {
            return Err(Error::argument(format!(
                "sizes {sizes:?} add up to {total}, but axis {resolved} of {} has {}",
                self.shape(),
                self.shape()[resolved]
            )));
        }
        let mut parts = Vec::new();
        let mut start = 0;
        for &size in sizes {
            parts.push(self.narrow(axis, start, size)?);
            start += size;
        }
        Ok(parts)
    }

    /// `count` parts along an axis, the first ones larger by at most one. Errors: no parts.
    #[track_caller]
    pub fn chunk(&self, count: usize, axis: i64) -> Result<Vec<Tensor>> {
        let resolved = self.axis("chunk", axis)?;
        let n = self.dims()?[resolved];
        if count == 0 {
            return Err(Error::argument("a tensor cannot be cut into 0 parts"));
        }
        let sizes: Vec<usize> = (0..count).map(|i| n / count + usize::from(i < n % count)).collect();
        self.split(&sizes, axis)
    }
}
