//! Axes reduced to one number.
//!
//! | | |
//! |---|---|
//! | inputs | `x` |
//! | output | `x` without `axes`; `I64` for `ArgMax` and `ArgMin` (row-major position among `axes`), else `x`'s dtype |
//! | ONNX / PyTorch | `ReduceSum`, `ReduceMax`, `ArgMax`, … / `torch.sum`, `torch.amax`, `torch.argmax`, … |

use crate::error::OpError;
use crate::op::{Infer, Operator, Types, check_axis, one};
use crate::program::ReduceOp;
use crate::{DType, Shape};
use serde::{Deserialize, Serialize};

/// Axes reduced to one number; see [`ReduceOp`] for each way.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reduce {
    /// How.
    pub op: ReduceOp,
    /// The axes that go; increasing, without repeats.
    pub axes: Vec<usize>,
}

impl Operator for Reduce {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x] = cx.expect::<1>()?;
        for &axis in &self.axes {
            check_axis(axis, x.rank())?;
        }
        if self.axes.windows(2).any(|w| w[0] >= w[1]) {
            return Err(OpError::Attribute(format!(
                "axes {:?} must be increasing and without repeats",
                self.axes
            )));
        }
        let position = matches!(self.op, ReduceOp::ArgMax | ReduceOp::ArgMin);
        if position && self.axes.iter().any(|&a| x.shape[a].is(0)) {
            return Err(OpError::Attribute(
                "the position of the extreme of an empty row does not exist".into(),
            ));
        }
        if x.dtype == DType::Bool && matches!(self.op, ReduceOp::Sum | ReduceOp::Product) {
            return Err(OpError::DType {
                what: "the operand of a sum".into(),
                expected: "a number".into(),
                given: x.dtype,
            });
        }
        let shape: Shape =
            (0..x.rank()).filter(|a| !self.axes.contains(a)).map(|a| x.shape[a].clone()).collect();
        one(x.with_shape(shape).with_dtype(if position { DType::I64 } else { x.dtype }))
    }
}
