//! Every `step`-th element from a start.
//!
//! | | |
//! |---|---|
//! | inputs | `x`, any dtype |
//! | output | `extents`; element `i` along an axis is `x[start + i * step]`; a negative step reverses |
//! | ONNX / PyTorch | `Slice` / indexing, `torch.flip` |

use crate::error::OpError;
use crate::op::{Infer, Operator, Types, check_equal, one};
use crate::reference::{Array, Evaluate, offsets, strides};
use crate::{Dim, Shape};
use serde::{Deserialize, Serialize};

/// Every `step`-th element from a start, along each axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Slice {
    /// First element along each axis.
    pub starts: Vec<Dim>,
    /// Number of elements along each axis.
    pub extents: Vec<Dim>,
    /// Distance of elements along each axis; not zero.
    pub steps: Vec<i64>,
}

impl Operator for Slice {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x] = cx.expect::<1>()?;
        for given in [self.starts.len(), self.extents.len(), self.steps.len()] {
            check_equal(
                "the rank and the number of starts, extents and steps",
                &x.rank().into(),
                &given.into(),
            )?;
        }
        for (axis, extent) in x.shape.iter().enumerate() {
            let (start, count, step) = (&self.starts[axis], &self.extents[axis], self.steps[axis]);
            if step == 0 {
                return Err(OpError::Attribute("the step of a slice must not be 0".into()));
            }
            let last = start + (count - 1) * step;
            let outside = |position: &Dim| match (position.as_const(), (position - extent).as_const()) {
                (Some(p), _) if p < 0 => true,
                (_, Some(past)) => past >= 0,
                _ => false,
            };
            if count.as_const().is_some_and(|c| c < 0) || (!count.is(0) && (outside(start) || outside(&last)))
            {
                return Err(OpError::Attribute(format!(
                    "elements {start} to {last} of axis {axis} are outside its extent {extent}"
                )));
            }
        }
        one(x.with_shape(Shape(self.extents.clone())))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x] = cx.expect::<1>()?;
        let shape = cx.shape()?;
        let own = strides(&x.shape);
        let (mut along, mut first) = (Vec::new(), 0);
        for (axis, &count) in shape.iter().enumerate() {
            let (start, step, extent) = (cx.size(&self.starts[axis])?, self.steps[axis], x.shape[axis]);
            let last = start + (count as i64 - 1) * step;
            if count > 0 && (start.min(last) < 0 || start.max(last) >= extent as i64) {
                return Err(OpError::Value(format!(
                    "elements {start} to {last} of axis {axis} are outside its extent {extent}"
                )));
            }
            first += start * own[axis];
            along.push(step * own[axis]);
        }
        let values = x.values.pick(offsets(&shape, &along, first));
        Ok(vec![Array { dtype: x.dtype, shape, values }])
    }
}
