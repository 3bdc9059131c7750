//! Convolution (cross-correlation) over any number of spatial axes.
//!
//! | | |
//! |---|---|
//! | inputs | `x: [n, c, spatial..]`, `w: [o, c / groups, kernel..]`, one float dtype |
//! | output | `[n, o, (low + dilated(s) + high - dilation * (k - 1) - 1) / stride + 1 ..]`, `dilated(s) = (s - 1) * input_dilation + 1` |
//! | accumulation | `f32` for `f16` and `bf16` |
//! | ONNX / PyTorch | `Conv`, `ConvTranspose` (with input dilation) / `torch.nn.functional.conv2d` |

use crate::Shape;
use crate::error::OpError;
use crate::op::reduction::windows;
use crate::op::{Infer, Operator, Types, check_equal, one};
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
}
