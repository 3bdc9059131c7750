//! A constant border.
//!
//! | | |
//! |---|---|
//! | inputs | `x`, any dtype |
//! | output | `low + n + high` along each axis |
//! | ONNX / PyTorch | `Pad` (constant) / `torch.nn.functional.pad` |

use super::Slice;
use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::NodeId;
use crate::op::{Infer, Operator, Types, check_equal, one};
use crate::reference::{Array, Evaluate, Values, offsets, strides};
use crate::{Dim, Scalar, Shape};
use serde::{Deserialize, Serialize};

/// A constant border.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pad {
    /// Elements before, along each axis; not negative.
    pub low: Vec<Dim>,
    /// Elements after, along each axis; not negative.
    pub high: Vec<Dim>,
    /// The value of the border.
    pub value: Scalar,
}

impl Operator for Pad {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x] = cx.expect::<1>()?;
        for given in [self.low.len(), self.high.len()] {
            check_equal("the rank and the number of paddings", &x.rank().into(), &given.into())?;
        }
        if self.low.iter().chain(&self.high).any(|p| p.as_const().is_some_and(|p| p < 0)) {
            return Err(OpError::Attribute("padding must not be negative\n  hint: slice instead".into()));
        }
        let shape: Shape = x
            .shape
            .iter()
            .zip(self.low.iter().zip(&self.high))
            .map(|(n, (low, high))| n + low + high)
            .collect();
        one(x.with_shape(shape))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x] = cx.expect::<1>()?;
        let shape = cx.shape()?;
        let along = strides(&shape);
        let mut first = 0;
        for (axis, low) in self.low.iter().enumerate() {
            let low = cx.size(low)?;
            if low < 0 || low + x.shape[axis] as i64 > shape[axis] as i64 {
                let (n, padded) = (x.shape[axis], shape[axis]);
                return Err(OpError::Value(format!(
                    "padding must not be negative, but axis {axis} goes from {n} to {padded} with {low} before"
                )));
            }
            first += low * along[axis];
        }
        let mut values = Values::filled(x.dtype, self.value, shape.iter().product());
        values.put(offsets(&x.shape, &along, first), &x.values);
        Ok(vec![Array { dtype: x.dtype, shape, values }])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let (shape, d) = (cx.input_type(0).shape, cx.gradient()?);
        let middle = Slice { starts: self.low.clone(), extents: shape.0, steps: vec![1; self.low.len()] };
        Ok(vec![Some(cx.graph.apply(middle, &[d])?)])
    }
}
