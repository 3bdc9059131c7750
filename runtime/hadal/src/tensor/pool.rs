//! Pooling: a reduction over windows of `[n, c, spatial..]`, for any number of spatial axes.

use super::Tensor;
use crate::{Error, Result};
use hadal_graph::HostTensor;
use hadal_graph::op::Window;
use hadal_graph::program::ReduceOp;

/// How the windows of pooling lie; one entry per spatial axis, or one for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolOptions {
    /// Distance of windows; empty for windows side by side.
    pub stride: Vec<usize>,
    /// What is put before and after; at most half of a window.
    pub padding: Vec<usize>,
    /// Distance of elements within a window; 1 for averages.
    pub dilation: Vec<usize>,
    /// Whether a last window that reaches over the end counts.
    pub ceil_mode: bool,
    /// Whether an average counts padding as zeros.
    pub count_include_pad: bool,
}

impl Default for PoolOptions {
    fn default() -> PoolOptions {
        PoolOptions {
            stride: Vec::new(),
            padding: vec![0],
            dilation: vec![1],
            ceil_mode: false,
            count_include_pad: true,
        }
    }
}

/// One spatial axis.
struct Axis {
    extent: usize,
    size: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
    windows: usize,
}

impl Tensor {
    /// The maximum of each window; `torch.nn.functional.max_pool2d`. Padding never wins.
    ///
    /// Errors: windows that do not fit, lists of another length, extents that are not known.
    #[track_caller]
    pub fn max_pool(&self, size: &[usize], options: &PoolOptions) -> Result<Tensor> {
        self.check_float("max_pool")?;
        let axes = self.pooled_axes("max_pool", size, options)?;
        self.pool(ReduceOp::Max, &axes)
    }

    /// The mean of each window; `torch.nn.functional.avg_pool2d`. Errors: as [`Tensor::max_pool`]; dilation.
    #[track_caller]
    pub fn avg_pool(&self, size: &[usize], options: &PoolOptions) -> Result<Tensor> {
        self.check_float("avg_pool")?;
        let axes = self.pooled_axes("avg_pool", size, options)?;
        if axes.iter().any(|axis| axis.dilation != 1) {
            return Err(Error::argument("averages take windows without dilation"));
        }
        let mut result = self.pool(ReduceOp::Sum, &axes)?;
        for (i, axis) in axes.iter().enumerate() {
            let counts = axis.counts(options.count_include_pad);
            if counts.iter().all(|count| *count == axis.size as f32) {
                result = (result / axis.size as f64)?;
            } else {
                let mut shape = vec![1; self.rank()];
                shape[i + 2] = counts.len();
                let counts = Tensor::from_host(self.device(), &HostTensor::new(shape, &counts)?)?;
                result = (result / counts.to_dtype(self.dtype())?)?;
            }
        }
        Ok(result)
    }

    /// Means over as many windows as the result has elements, each of which covers its part of the input;
    /// `torch.nn.functional.adaptive_avg_pool2d`. `extents` has one entry per spatial axis, or one for all.
    ///
    /// Errors: an extent of 0, lists of another length, extents that are not known.
    #[track_caller]
    pub fn adaptive_avg_pool(&self, extents: &[usize]) -> Result<Tensor> {
        self.check_float("adaptive_avg_pool")?;
        let mut result = self.clone();
        for (i, outputs) in self.spread("adaptive_avg_pool", extents)?.into_iter().enumerate() {
            let (axis, inputs) = (i as i64 + 2, self.extent(i + 2)?);
            if outputs == 0 || inputs == 0 {
                return Err(Error::argument(format!("{inputs} elements cannot be pooled to {outputs}")));
            }
            if outputs == 1 {
                result = result.mean_keep(&[axis])?;
            } else if outputs != inputs {
                // A matrix with the mean of window `o` in column `o`; windows of different lengths may overlap.
                let mut means = vec![0f32; inputs * outputs];
                for o in 0..outputs {
                    let (start, end) = (o * inputs / outputs, ((o + 1) * inputs).div_ceil(outputs));
                    for position in start..end {
                        means[position * outputs + o] = 1.0 / (end - start) as f32;
                    }
                }
                let means = Tensor::new(self.device(), &means, [inputs, outputs])?.to_dtype(self.dtype())?;
                result = result.transpose(axis, -1)?.matmul(&means)?.transpose(axis, -1)?;
            }
        }
        Ok(result)
    }

    /// An extent as a number.
    #[track_caller]
    fn extent(&self, axis: usize) -> Result<usize> {
        self.shape()[axis].as_usize().ok_or_else(|| {
            Error::argument(format!(
                "pooling needs spatial extents that are known, but this is {}",
                self.ty()
            ))
        })
    }

    /// One entry for each spatial axis.
    #[track_caller]
    pub(crate) fn spread(&self, op: &str, list: &[usize]) -> Result<Vec<usize>> {
        let spatial = self.rank().saturating_sub(2);
        match list {
            [one] => Ok(vec![*one; spatial]),
            list if list.len() == spatial => Ok(list.to_vec()),
            list => Err(Error::argument(format!(
                "{op}: a list has {} entries, but {} has {spatial} spatial axes",
                list.len(),
                self.ty()
            ))),
        }
    }

    #[track_caller]
    fn pooled_axes(&self, op: &str, size: &[usize], options: &PoolOptions) -> Result<Vec<Axis>> {
        let size = self.spread(op, size)?;
        let stride = if options.stride.is_empty() { size.clone() } else { self.spread(op, &options.stride)? };
        let padding = self.spread(op, &options.padding)?;
        let dilation = self.spread(op, &options.dilation)?;
        let mut axes = Vec::new();
        for (i, &size) in size.iter().enumerate() {
            let (extent, stride, padding, dilation) =
                (self.extent(i + 2)?, stride[i], padding[i], dilation[i]);
            if size == 0 || stride == 0 || dilation == 0 || padding > size / 2 {
                return Err(Error::argument(format!(
                    "{op}: a window of {size} elements, stride {stride}, dilation {dilation} and padding {padding}: the first three must be positive, and padding at most half of the window"
                )));
            }
            let reach = dilation * (size - 1) + 1;
            let Some(space) = (extent + 2 * padding).checked_sub(reach) else {
                return Err(Error::argument(format!(
                    "{op}: a window that reaches over {reach} elements does not fit {extent} with padding {padding}"
                )));
            };
            let mut windows = space / stride + 1;
            // A window more, if it starts before the padding at the end.
            if options.ceil_mode && space % stride != 0 && windows * stride < extent + padding {
                windows += 1;
            }
            axes.push(Axis { extent, size, stride, padding, dilation, windows });
        }
        Ok(axes)
    }

    #[track_caller]
    fn pool(&self, op: ReduceOp, axes: &[Axis]) -> Result<Tensor> {
        let list = |first: usize, of: &dyn Fn(&Axis) -> usize| -> Vec<usize> {
            [first; 2].into_iter().chain(axes.iter().map(of)).collect()
        };
        let window = Window {
            op,
            size: list(1, &|a| a.size),
            stride: list(1, &|a| a.stride),
            dilation: list(1, &|a| a.dilation),
            low: list(0, &|a| a.padding),
            high: list(0, &|a| a.padding + a.beyond()),
        };
        Tensor::compose(&[self], |g, x| g.apply(window, x))
    }
}

impl Axis {
    /// How far the last window reaches over the padding at the end.
    fn beyond(&self) -> usize {
        let end = (self.windows - 1) * self.stride + self.dilation * (self.size - 1) + 1;
        end.saturating_sub(self.extent + 2 * self.padding)
    }

    /// By what each window's sum is divided.
    fn counts(&self, include_padding: bool) -> Vec<f32> {
        let count = |window: usize| {
            let (start, end) = (window * self.stride, window * self.stride + self.size);
            let (first, last) = match include_padding {
                true => (0, self.extent + 2 * self.padding),
                false => (self.padding, self.extent + self.padding),
            };
            end.min(last).saturating_sub(start.max(first)) as f32
        };
        (0..self.windows).map(count).collect()
    }
}
