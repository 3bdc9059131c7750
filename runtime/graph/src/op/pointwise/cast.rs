//! Conversion to another dtype.

use crate::DType;
use crate::error::OpError;
use crate::op::{Infer, Operator, Types, one};
use serde::{Deserialize, Serialize};

/// Conversion to another dtype. Float to integer truncates and saturates, NaN gives 0; integers wrap; to `Bool` is `x != 0`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cast {
    /// The dtype of the result.
    pub dtype: DType,
}

impl Operator for Cast {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x] = cx.expect::<1>()?;
        one(x.with_dtype(self.dtype))
    }
}
