//! A size as a number.
//!
//! | | |
//! |---|---|
//! | inputs | none |
//! | output | a scalar of `dtype` (an integer) |
//! | ONNX / PyTorch | `Shape`, `Size` / `x.size(axis)` |

use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::NodeId;
use crate::op::{Infer, Operator, Types, one};
use crate::reference::{Array, Evaluate};
use crate::{DType, Dim, Shape, TensorType};
use serde::{Deserialize, Serialize};

/// A size as a number: how a symbolic extent enters arithmetic.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Size {
    /// The size.
    pub size: Dim,
    /// An integer dtype.
    pub dtype: DType,
}

impl Operator for Size {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        cx.expect::<0>()?;
        if !self.dtype.is_int() {
            return Err(OpError::DType {
                what: "a size".into(),
                expected: "an integer dtype".into(),
                given: self.dtype,
            });
        }
        one(TensorType::new(self.dtype, Shape::scalar()))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        Ok(vec![Array::ints(self.dtype, [], vec![cx.size(&self.size)? as i128])])
    }

    fn gradient(&self, _cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        Ok(Vec::new())
    }
}
