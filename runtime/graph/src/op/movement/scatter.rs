//! Updates written at run-time indices, in order.
//!
//! | | |
//! |---|---|
//! | inputs | `x: [A.., n, B..]`, `indices: [u]` (an integer dtype, each in `0..n`), `updates: [A.., u, B..]` |
//! | output | like `x`: for each `i` in order, `out[.., indices[i], ..] = out ∘ updates[.., i, ..]` |
//! | errors | an index out of range is an error of the run |
//! | ONNX / PyTorch | `ScatterND` / `torch.index_add`, `torch.index_copy` |

use super::check_index;
use crate::error::OpError;
use crate::op::{Infer, Operator, Types, check_axis, check_equal, one};
use crate::program::ScatterOp;
use serde::{Deserialize, Serialize};

/// Updates written at run-time indices, in order: deterministic.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Scatter {
    /// The indexed axis.
    pub axis: usize,
    /// How an update combines with what is there.
    pub op: ScatterOp,
}

impl Operator for Scatter {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x, indices, updates] = cx.expect::<3>()?;
        check_axis(self.axis, x.rank())?;
        check_index("indices", indices)?;
        if indices.rank() != 1 {
            return Err(OpError::Rank {
                what: "indices".into(),
                expected: "1".into(),
                given: indices.rank(),
            });
        }
        let expected = x.with_shape(x.shape.with(self.axis, indices.shape[0].clone()));
        if *updates != expected {
            return Err(OpError::Attribute(format!("updates must be {expected}, but are {updates}")));
        }
        check_equal("ranks", &x.rank().into(), &updates.rank().into())?;
        one((*x).clone())
    }
}
