//! The same elements in another shape, row-major.
//!
//! | | |
//! |---|---|
//! | inputs | `x`, any dtype |
//! | output | `shape`; as many elements as `x` |
//! | ONNX / PyTorch | `Reshape`, `Flatten`, `Squeeze`, `Unsqueeze` / `torch.reshape` |

use crate::Shape;
use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::NodeId;
use crate::op::{Infer, Operator, Types, one};
use crate::reference::{Array, Evaluate};
use serde::{Deserialize, Serialize};

/// The same elements in another shape, row-major.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reshape {
    /// Shape of the result.
    pub shape: Shape,
}

impl Operator for Reshape {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x] = cx.expect::<1>()?;
        if x.shape.elements() != self.shape.elements() {
            return Err(OpError::Reshape { from: x.shape.clone(), to: self.shape.clone() });
        }
        one(x.with_shape(self.shape.clone()))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x] = cx.expect::<1>()?;
        Ok(vec![Array { shape: cx.extents(&self.shape)?, ..x.clone() }])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let (shape, d) = (cx.input_type(0).shape, cx.gradient()?);
        Ok(vec![Some(cx.graph.reshape(d, shape)?)])
    }
}
