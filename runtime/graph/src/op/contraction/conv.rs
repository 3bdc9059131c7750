//! Convolution (cross-correlation) over any number of spatial axes.
//!
//! | | |
//! |---|---|
//! | inputs | `x: [n, c, spatial..]`, `w: [o, c / groups, kernel..]`, one float dtype |
//! | output | `[n, o, (low + dilated(s) + high - dilation * (k - 1) - 1) / stride + 1 ..]`, `dilated(s) = (s - 1) * input_dilation + 1` |
//! | accumulation | `f32` for `f16` and `bf16` |
//! | ONNX / PyTorch | `Conv`, `ConvTranspose` (with input dilation) / `torch.nn.functional.conv2d` |

use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::{Graph, NodeId};
use crate::op::Slice;
use crate::op::reduction::windows;
use crate::op::{Infer, Operator, Types, check_equal, one};
use crate::reference::{Array, Coordinates, Evaluate, Values, strides};
use crate::{Dim, Shape};
use serde::{Deserialize, Serialize};

/// Convolution over any number of spatial axes; lists have one entry for each.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Conv {
    /// Distance of windows.
    pub stride: Vec<usize>,
    /// Padding before.
    pub low: Vec<usize>,
    /// Padding after.
    pub high: Vec<usize>,
    /// Distance of the kernel's elements.
    pub dilation: Vec<usize>,
    /// Distance of the input's elements: zeros are put between them, as transposed convolution needs.
    pub input_dilation: Vec<usize>,
    /// Channels are split into this many groups.
    pub groups: usize,
}

impl Operator for Conv {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x, w] = cx.expect::<2>()?;
        if x.rank() < 2 {
            return Err(OpError::Rank {
                what: "the input".into(),
                expected: "at least 2 ([n, c, spatial..])".into(),
                given: x.rank(),
            });
        }
        check_equal("ranks of input and kernel", &x.rank().into(), &w.rank().into())?;
        if x.dtype != w.dtype {
            return Err(OpError::DType {
                what: "the kernel".into(),
                expected: x.dtype.to_string(),
                given: w.dtype,
            });
        }
        let spatial = x.rank() - 2;
        for list in [&self.stride, &self.low, &self.high, &self.dilation, &self.input_dilation] {
            check_equal(
                "the number of spatial axes and the length of every attribute",
                &spatial.into(),
                &list.len().into(),
            )?;
        }
        if self.input_dilation.contains(&0) {
            return Err(OpError::Attribute("input dilation must be positive".into()));
        }
        if self.groups == 0 || w.shape[0].exact_div(&self.groups.into()).is_none() {
            return Err(OpError::Attribute(format!(
                "{} output channels cannot be split into {} groups",
                w.shape[0], self.groups
            )));
        }
        check_equal(
            "input channels, and kernel channels times groups,",
            &x.shape[1],
            &(&w.shape[1] * self.groups),
        )?;
        let mut shape = vec![x.shape[0].clone(), w.shape[0].clone()];
        for a in 0..spatial {
            let Some(size) = w.shape[a + 2].as_usize() else {
                return Err(OpError::Attribute(
                    "the kernel's extents must be known when the graph is built".into(),
                ));
            };
            let dilated = (&x.shape[a + 2] - 1) * self.input_dilation[a] + 1;
            shape.push(windows(&dilated, size, self.stride[a], self.dilation[a], self.low[a], self.high[a])?);
        }
        one(x.with_shape(Shape(shape)))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x, w] = cx.expect::<2>()?;
        let shape = cx.shape()?;
        Ok(vec![match (&x.values, &w.values) {
            (Values::Float(xv), Values::Float(wv)) => {
                let values =
                    self.convolve([&x.shape, &w.shape, &shape], xv, wv, 0.0, |sum, a, b| sum + a * b);
                Array { dtype: cx.dtype(), shape, values: Values::Float(values) }
            }
            (Values::Int(xv), Values::Int(wv)) => {
                let add = |sum: i128, a: i128, b| sum.wrapping_add(a.wrapping_mul(b));
                let values = self.convolve([&x.shape, &w.shape, &shape], xv, wv, 0, add);
                Array { dtype: cx.dtype(), shape, values: Values::Int(values) }
            }
            _ => return Err(OpError::Value("input and kernel differ in kind".into())),
        }])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let (x, w, d) = (cx.input(0), cx.input(1), cx.gradient()?);
        let mut gradients = vec![None, None];
        if cx.needs[0] {
            gradients[0] = Some(self.input_gradient(cx.graph, x, w, d)?);
        }
        if cx.needs[1] {
            if cx.graph.shape(d)[2..].iter().any(|n| n.as_usize().is_none()) {
                return Err(cx.no_gradient(
                    "the gradient of its kernel needs spatial extents that are known when the graph is built",
                ));
            }
            gradients[1] = Some(self.kernel_gradient(cx.graph, x, w, d)?);
        }
        Ok(gradients)
    }
}

impl Conv {
    /// A convolution of the result's gradient with the reversed kernel, in which stride and input dilation change places.
    fn input_gradient(&self, g: &mut Graph, x: NodeId, w: NodeId, d: NodeId) -> Result<NodeId, GraphError> {
        let (x_shape, w_shape) = (g.shape(x).clone(), g.shape(w).clone());
        let spatial = x_shape.rank() - 2;
        let kernel = g.transposed_kernel(w, self.groups)?;
        let (mut low, mut high, mut d) = (Vec::new(), Vec::new(), d);
        for a in 0..spatial {
            let reach = self.dilation[a] * (w_shape[a + 2].as_usize().unwrap_or(1) - 1);
            // Windows that lie in the padding alone have nothing to give.
            let unseen = self.low[a].saturating_sub(reach).div_ceil(self.stride[a]);
            if unseen > 0 {
                let rest = &g.shape(d)[a + 2] - unseen;
                d = g.narrow(d, a + 2, unseen, rest)?;
            }
            low.push(reach + unseen * self.stride[a] - self.low[a]);
            // Elements after the last window's start: as many as there can be, then cut to what there is.
            high.push((reach + self.stride[a] - 1).saturating_sub(self.high[a]));
        }
        let transposed = Conv {
            stride: self.input_dilation.clone(),
            low,
            high,
            dilation: self.dilation.clone(),
            input_dilation: self.stride.clone(),
            groups: self.groups,
        };
        let gradient = g.apply(transposed, &[d, kernel])?;
        crop(g, gradient, &x_shape)
    }

    /// A convolution of the input with the result's gradient as kernel, in which images and channels change places.
    fn kernel_gradient(&self, g: &mut Graph, x: NodeId, w: NodeId, d: NodeId) -> Result<NodeId, GraphError> {
        let (x_shape, w_shape) = (g.shape(x).clone(), g.shape(w).clone());
        let (images, spatial) = (x_shape[0].clone(), x_shape.rank() - 2);
        let split = [images.clone(), self.groups.into(), w_shape[1].clone()];
        let grouped =
            g.reshape(x, split.into_iter().chain(x_shape[2..].iter().cloned()).collect::<Shape>())?;
        let order: Vec<usize> = [2, 1, 0].into_iter().chain(3..3 + spatial).collect();
        let swapped = g.transpose(grouped, &order)?;
        let merged = [w_shape[1].clone(), images * self.groups];
        let input =
            g.reshape(swapped, merged.into_iter().chain(x_shape[2..].iter().cloned()).collect::<Shape>())?;
        let exchange: Vec<usize> = [1, 0].into_iter().chain(2..2 + spatial).collect();
        let kernel = g.transpose(d, &exchange)?;
        let correlation = Conv {
            stride: self.dilation.clone(),
            low: self.low.clone(),
            high: self.high.clone(),
            dilation: self.stride.clone(),
            input_dilation: self.input_dilation.clone(),
            groups: self.groups,
        };
        let gradient = g.apply(correlation, &[input, kernel])?;
        let gradient = g.transpose(gradient, &exchange)?;
        crop(g, gradient, &w_shape)
    }

    /// The definition: for every result, the sum over the kernel of what it lies on.
    fn convolve<T: Copy>(
        &self,
        [x_shape, w_shape, shape]: [&[usize]; 3],
        x: &[T],
        w: &[T],
        zero: T,
        add: impl Fn(T, T, T) -> T,
    ) -> Vec<T> {
        let (x_strides, w_strides) = (strides(x_shape), strides(w_shape));
        let outputs_per_group = w_shape[0] / self.groups;
        let mut result = Vec::with_capacity(shape.iter().product());
        let mut places = Coordinates::new(shape);
        while let Some(place) = places.next() {
            let (image, output) = (place[0], place[1]);
            let group = output / outputs_per_group;
            let first_channel = group * w_shape[1];
            let mut sum = zero;
            let mut kernel = Coordinates::new(&w_shape[1..]);
            while let Some(offset) = kernel.next() {
                let Some(element) = self.element(&x_shape[2..], &x_strides[2..], &place[2..], &offset[1..])
                else {
                    continue;
                };
                let channel = first_channel + offset[0];
                let element = element + image * x_strides[0] as usize + channel * x_strides[1] as usize;
                let weight: usize = offset.iter().zip(&w_strides[1..]).map(|(&o, &s)| o * s as usize).sum();
                sum = add(sum, x[element], w[output * w_strides[0] as usize + weight]);
            }
            result.push(sum);
        }
        result
    }

    /// Where, within a channel, the kernel element `offset` lies for the result at `place`; `None` in padding and between dilated elements.
    fn element(&self, shape: &[usize], strides: &[i64], place: &[usize], offset: &[usize]) -> Option<usize> {
        let mut element = 0;
        for axis in 0..shape.len() {
            let padded = place[axis] * self.stride[axis] + offset[axis] * self.dilation[axis];
            let dilated = padded.checked_sub(self.low[axis])?;
            if dilated % self.input_dilation[axis] != 0 {
                return None;
            }
            let position = dilated / self.input_dilation[axis];
            if position >= shape[axis] {
                return None;
            }
            element += position * strides[axis] as usize;
        }
        Some(element)
    }
}

/// The first `extents` elements along each axis.
fn crop(g: &mut Graph, x: NodeId, extents: &Shape) -> Result<NodeId, GraphError> {
    if g.shape(x) == extents {
        return Ok(x);
    }
    let rank = extents.rank();
    let slice = Slice { starts: vec![Dim::ZERO; rank], extents: extents.0.clone(), steps: vec![1; rank] };
    g.apply(slice, &[x])
}
