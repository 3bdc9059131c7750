//! Stable sort along an axis.
//!
//! | | |
//! |---|---|
//! | inputs | `x` |
//! | outputs | sorted values, like `x`; their former positions, `I64` |
//! | ONNX / PyTorch | `TopK` (sorted) / `torch.sort(stable=True)` |

use crate::DType;
use crate::error::OpError;
use crate::op::{Infer, Operator, Types, check_axis};
use serde::{Deserialize, Serialize};

/// Stable sort along an axis. NaN sorts last in either order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sort {
    /// The axis.
    pub axis: usize,
    /// Largest first.
    pub descending: bool,
}

impl Operator for Sort {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x] = cx.expect::<1>()?;
        check_axis(self.axis, x.rank())?;
        Ok([(*x).clone(), x.with_dtype(DType::I64)].into_iter().collect())
    }
}
