//! Positions along an axis.
//!
//! | | |
//! |---|---|
//! | inputs | none |
//! | output | `shape`, `dtype` (integer or float): the coordinate along `axis` |
//! | ONNX / PyTorch | `Range` / `torch.arange` |

use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::NodeId;
use crate::op::{Infer, Operator, Types, check_axis, one};
use crate::reference::{Array, Evaluate, offsets};
use crate::{DType, Shape, TensorType};
use serde::{Deserialize, Serialize};

/// Positions along an axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Iota {
    /// Shape of the result.
    pub shape: Shape,
    /// The axis that counts.
    pub axis: usize,
    /// An integer dtype.
    pub dtype: DType,
}

impl Operator for Iota {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        cx.expect::<0>()?;
        check_axis(self.axis, self.shape.rank())?;
        if !self.dtype.is_int() {
            return Err(OpError::DType {
                what: "an iota".into(),
                expected: "an integer dtype".into(),
                given: self.dtype,
            });
        }
        one(TensorType::new(self.dtype, self.shape.clone()))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let shape = cx.extents(&self.shape)?;
        let mut along = vec![0; shape.len()];
        along[self.axis] = 1;
        let values = offsets(&shape, &along, 0).map(|position| position as i128).collect();
        Ok(vec![Array::ints(self.dtype, shape, values)])
    }

    fn gradient(&self, _cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        Ok(Vec::new())
    }
}
