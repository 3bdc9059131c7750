//! Elementwise comparison.

use super::binary::check_same_type;
use crate::DType;
use crate::error::OpError;
use crate::op::{Infer, Operator, Types, one};
use crate::program::CompareOp;
use serde::{Deserialize, Serialize};

/// An elementwise comparison of two tensors of one type; the result is `Bool`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Compare {
    /// The comparison.
    pub op: CompareOp,
}

impl Operator for Compare {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [a, b] = cx.expect::<2>()?;
        check_same_type(a, b)?;
        one(a.with_dtype(DType::Bool))
    }
}
