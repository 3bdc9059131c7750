//! Running sums, products and extremes along an axis.
//!
//! | | |
//! |---|---|
//! | inputs | `x` |
//! | output | like `x`: `x[0] ∘ … ∘ x[i]` |
//! | ONNX / PyTorch | `CumSum`, `CumProd` / `torch.cumsum`, `torch.cummax` |

use crate::error::OpError;
use crate::op::{Infer, Operator, Types, check_axis, one};
use crate::program::ReduceOp;
use serde::{Deserialize, Serialize};

/// Running sums, products and extremes along an axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cumulative {
    /// `Sum`, `Product`, `Max` or `Min`.
    pub op: ReduceOp,
    /// The axis.
    pub axis: usize,
    /// Leave element `i` itself out.
    pub exclusive: bool,
    /// From the end.
    pub reverse: bool,
}

impl Operator for Cumulative {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x] = cx.expect::<1>()?;
        check_axis(self.axis, x.rank())?;
        if matches!(self.op, ReduceOp::ArgMax | ReduceOp::ArgMin) {
            return Err(OpError::Attribute("there are no running positions".into()));
        }
        one((*x).clone())
    }
}
