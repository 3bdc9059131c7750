//! Batched matrix multiplication.
//!
//! | | |
//! |---|---|
//! | inputs | `a: [batch.., m, k]`, `b: [batch.., k, n]`, one dtype, equal batch axes |
//! | output | `[batch.., m, n]` of `dtype`, by default the operands' |
//! | accumulation | `f32` for `f16` and `bf16`; integers are widened to the result's dtype first and wrap |
//! | ONNX / PyTorch | `MatMul`, `Gemm`, `MatMulInteger` / `torch.matmul` |

use crate::error::OpError;
use crate::op::{Infer, Operator, Types, check_equal, one};
use crate::{DType, Shape};
use serde::{Deserialize, Serialize};

/// Batched matrix multiplication. [`Graph`](crate::Graph)'s builder method broadcasts batch axes first.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MatMul {
    /// The dtype of the result, if it is not the operands'.
    pub dtype: Option<DType>,
}

impl Operator for MatMul {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [a, b] = cx.expect::<2>()?;
        for (what, x) in [("the first operand", a), ("the second operand", b)] {
            if x.rank() < 2 {
                return Err(OpError::Rank {
                    what: what.into(),
                    expected: "at least 2".into(),
                    given: x.rank(),
                });
            }
            if x.dtype == DType::Bool {
                return Err(OpError::DType {
                    what: what.into(),
                    expected: "a number".into(),
                    given: x.dtype,
                });
            }
        }
        if a.dtype != b.dtype {
            return Err(OpError::DType {
                what: "the second operand".into(),
                expected: a.dtype.to_string(),
                given: b.dtype,
            });
        }
        check_equal("ranks", &a.rank().into(), &b.rank().into())?;
        let batch = a.rank() - 2;
        for axis in 0..batch {
            check_equal(&format!("extents of batch axis {axis}"), &a.shape[axis], &b.shape[axis])?;
        }
        check_equal(
            "the inner extents (columns of the first, rows of the second)",
            &a.shape[batch + 1],
            &b.shape[batch],
        )?;
        let shape: Shape = a.shape[..=batch].iter().chain([&b.shape[batch + 1]]).cloned().collect();
        one(a.with_shape(shape).with_dtype(self.dtype.unwrap_or(a.dtype)))
    }
}
