//! Matrix products, convolution and attention.

use super::Tensor;
use crate::{Error, Result};
use hadal_graph::op::{Attention, Conv, MatMul};
use hadal_graph::{DType, Scalar};

/// How windows of a convolution lie; one entry per spatial axis, or one for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvOptions {
    /// Distance of windows.
    pub stride: Vec<usize>,
    /// Zeros before and after.
    pub padding: Vec<usize>,
    /// Distance of the kernel's elements.
    pub dilation: Vec<usize>,
    /// Channels are split into this many groups.
    pub groups: usize,
}

impl Default for ConvOptions {
    fn default() -> ConvOptions {
        ConvOptions { stride: vec![1], padding: vec![0], dilation: vec![1], groups: 1 }
    }
}

/// How windows of a transposed convolution lie; one entry per spatial axis, or one for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvTransposeOptions {
    /// Distance of windows in the result.
    pub stride: Vec<usize>,
    /// What the convolution that goes the other way would pad: so much is cut from both ends.
    pub padding: Vec<usize>,
    /// What is added at the end.
    pub output_padding: Vec<usize>,
    /// Distance of the kernel's elements.
    pub dilation: Vec<usize>,
    /// Channels are split into this many groups.
    pub groups: usize,
}

impl Default for ConvTransposeOptions {
    fn default() -> ConvTransposeOptions {
        ConvTransposeOptions {
            stride: vec![1],
            padding: vec![0],
            output_padding: vec![0],
            dilation: vec![1],
            groups: 1,
        }
    }
}

impl Tensor {
    /// Matrix product of the last two axes, `[.., m, k]` by `[.., k, n]`; the other axes broadcast. `f16` and `bf16` are accumulated in
    /// `f32`.
    ///
    /// Errors: inner extents or dtypes that differ, rank below 2.
    #[track_caller]
    pub fn matmul(&self, other: &Tensor) -> Result<Tensor> {
        Tensor::compose(&[self, other], |g, x| g.matmul(x[0], x[1]))
    }

    /// As [`Tensor::matmul`] for equal batch axes, with a result of another dtype: integers are widened to it first.
    #[track_caller]
    pub fn matmul_as(&self, other: &Tensor, dtype: DType) -> Result<Tensor> {
        Tensor::compose(&[self, other], |g, x| g.apply(MatMul { dtype: Some(dtype) }, x))
    }

    /// Convolution (cross-correlation) of `[n, c, spatial..]` with a kernel `[o, c / groups, k..]`, for any number of spatial axes.
    ///
    /// Errors: channels that do not match, windows that do not fit, lists of another length.
    #[track_caller]
    pub fn conv(&self, kernel: &Tensor, options: &ConvOptions) -> Result<Tensor> {
        let padding = self.spread("conv", &options.padding)?;
        let conv = Conv {
            stride: self.spread("conv", &options.stride)?,
            low: padding.clone(),
            high: padding,
            dilation: self.spread("conv", &options.dilation)?,
            input_dilation: vec![1; self.rank().saturating_sub(2)],
            groups: options.groups,
        };
        Tensor::compose(&[self, kernel], |g, x| g.apply(conv, x))
    }

    /// Transposed convolution of `[n, c, spatial..]` with a kernel `[c, o / groups, k..]`, for any number of spatial axes: the gradient of
    /// [`Tensor::conv`] with respect to its input; `torch.nn.functional.conv_transpose2d`.
    ///
    /// Errors: channels that do not match, lists of another length, more padding than the kernel reaches.
    #[track_caller]
    pub fn conv_transpose(&self, kernel: &Tensor, options: &ConvTransposeOptions) -> Result<Tensor> {
        let op = "conv_transpose";
        let shape = kernel.dims()?;
        let groups = options.groups;
        if shape.len() != self.rank() || groups == 0 || shape[0] % groups != 0 {
            return Err(Error::argument(format!(
                "{op} of {} takes a kernel [channels, outputs / groups, k..] whose channels fall into {groups} groups, but this is {}",
                self.ty(),
                kernel.ty()
            )));
        }
        let padding = self.spread(op, &options.padding)?;
        let extra = self.spread(op, &options.output_padding)?;
        let dilation = self.spread(op, &options.dilation)?;
        let (mut low, mut high) = (Vec::new(), Vec::new());
        for axis in 0..padding.len() {
            let reach = dilation[axis] * shape[axis + 2].saturating_sub(1);
            let Some(border) = reach.checked_sub(padding[axis]) else {
                return Err(Error::argument(format!(
                    "{op}: a padding of {} is more than the kernel reaches, {reach}",
                    padding[axis]
                )));
            };
            low.push(border);
            high.push(border + extra[axis]);
        }
        let stride = vec![1; padding.len()];
        let conv =
            Conv { stride, low, high, dilation, input_dilation: self.spread(op, &options.stride)?, groups };
        Tensor::compose(&[self, kernel], |g, x| {
            let turned = g.transposed_kernel(x[1], groups)?;
            g.apply(conv, &[x[0], turned])
        })
    }

    /// Convolution along one axis: `[n, c, l]` with `[o, c / groups, k]`. Errors: as [`Tensor::conv`], or another rank.
    #[track_caller]
    pub fn conv1d(&self, kernel: &Tensor, options: &ConvOptions) -> Result<Tensor> {
        self.check_rank("conv1d", 3)?;
        self.conv(kernel, options)
    }

    /// Convolution along two axes: `[n, c, h, w]` with `[o, c / groups, kh, kw]`. Errors: as [`Tensor::conv`], or another rank.
    #[track_caller]
    pub fn conv2d(&self, kernel: &Tensor, options: &ConvOptions) -> Result<Tensor> {
        self.check_rank("conv2d", 4)?;
        self.conv(kernel, options)
    }

    /// `softmax(q kᵀ / √d + mask) v` of `q: [.., s, d]`, `k: [.., t, d]`, `v: [.., t, e]`, without the score matrix where the device can.
    ///
    /// The mask is added to the scores and broadcasts to `[.., s, t]`; `-inf` hides a key. `causal` hides keys after the query.
    /// Errors: shapes or dtypes that do not match.
    #[track_caller]
    pub fn attention(&self, k: &Tensor, v: &Tensor, mask: Option<&Tensor>, causal: bool) -> Result<Tensor> {
        self.check_float("attention")?;
        let width = match self.shape().last().and_then(|d| d.as_usize()) {
            Some(width) if width > 0 => width,
            _ => {
                return Err(Error::argument(format!(
                    "attention needs a head width, but the query is {}",
                    self.ty()
                )));
            }
        };
        let scale = Scalar::new(1.0 / (width as f64).sqrt(), DType::F32);
        let mut inputs = vec![self, k, v];
        inputs.extend(mask);
        Tensor::compose(&inputs, |g, x| {
            let mut x = x.to_vec();
            let rank = g.shape(x[0]).rank();
            if x.len() == 4 && rank >= 2 && g.shape(x[1]).rank() == rank {
                let keys = g.shape(x[1])[rank - 2].clone();
                let scores = g.shape(x[0]).with(rank - 1, keys);
                x[3] = g.broadcast_to(x[3], &scores)?;
            }
            let result = g.apply(Attention { scale, causal }, &x)?;
            g.project(result, 0)
        })
    }

    #[track_caller]
    fn check_rank(&self, op: &str, rank: usize) -> Result<()> {
        if self.rank() == rank {
            return Ok(());
        }
        Err(Error::argument(format!("{op} takes a tensor of rank {rank}, but this is {}", self.ty())))
    }
}
