//! Reduction over sliding windows: pooling.
//!
//! | | |
//! |---|---|
//! | inputs | `x` |
//! | output | `(low + n + high - dilation * (size - 1) - 1) / stride + 1` along each axis; padding is left out of the reduction |
//! | ONNX / PyTorch | `MaxPool`, `AveragePool` / `torch.nn.functional.max_pool2d` |

use crate::error::OpError;
use crate::op::{Infer, Operator, Types, check_equal, one};
use crate::program::ReduceOp;
use crate::{Dim, Shape};
use serde::{Deserialize, Serialize};

/// Reduction over sliding windows, one entry for each axis in every list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Window {
    /// `Sum`, `Product`, `Max` or `Min`.
    pub op: ReduceOp,
    /// Extent of the window.
    pub size: Vec<usize>,
    /// Distance of windows.
    pub stride: Vec<usize>,
    /// Distance of elements within a window.
    pub dilation: Vec<usize>,
    /// Padding before.
    pub low: Vec<usize>,
    /// Padding after.
    pub high: Vec<usize>,
}

impl Operator for Window {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x] = cx.expect::<1>()?;
        for list in [&self.size, &self.stride, &self.dilation, &self.low, &self.high] {
            check_equal("the rank and the length of every attribute", &x.rank().into(), &list.len().into())?;
        }
        if matches!(self.op, ReduceOp::ArgMax | ReduceOp::ArgMin) {
            return Err(OpError::Attribute("windows have no positions".into()));
        }
        let shape: Result<Shape, OpError> = (0..x.rank())
            .map(|a| {
                windows(
                    &x.shape[a],
                    self.size[a],
                    self.stride[a],
                    self.dilation[a],
                    self.low[a],
                    self.high[a],
                )
            })
            .collect();
        one(x.with_shape(shape?))
    }
}

/// Number of windows along an axis of extent `n`. Errors: `Attribute`, when none fits.
pub(crate) fn windows(
    n: &Dim,
    size: usize,
    stride: usize,
    dilation: usize,
    low: usize,
    high: usize,
) -> Result<Dim, OpError> {
    if size == 0 || stride == 0 || dilation == 0 {
        return Err(OpError::Attribute("window size, stride and dilation must be positive".into()));
    }
    let reach = dilation.saturating_mul(size - 1).saturating_add(1);
    let space = n + low + high - reach;
    if space.as_const().is_some_and(|s| s < 0) {
        return Err(OpError::Attribute(format!(
            "a window that reaches over {reach} elements does not fit {n} with padding {low} and {high}"
        )));
    }
    Ok(space.floor_div(&stride.into()) + 1)
}
