//! Elements repeated along new or unit axes.
//!
//! | | |
//! |---|---|
//! | inputs | `x`, any dtype |
//! | output | `shape`; axis `i` of `x` becomes axis `axes[i]`, where extents are equal or that of `x` is 1 |
//! | ONNX / PyTorch | `Expand` / `torch.broadcast_to` |

use crate::Shape;
use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::NodeId;
use crate::op::{Infer, Operator, Types, check_axis, one};
use crate::program::ReduceOp;
use crate::reference::{Array, Evaluate, offsets, strides};
use serde::{Deserialize, Serialize};

/// Elements repeated along new or unit axes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Broadcast {
    /// Shape of the result.
    pub shape: Shape,
    /// For each axis of the input, the axis of the result; increasing.
    pub axes: Vec<usize>,
}

impl Operator for Broadcast {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x] = cx.expect::<1>()?;
        if self.axes.len() != x.rank() || self.axes.windows(2).any(|w| w[0] >= w[1]) {
            return Err(OpError::Attribute(format!(
                "axes {:?} must be increasing, one for each of {}",
                self.axes,
                x.rank()
            )));
        }
        for (extent, &axis) in x.shape.iter().zip(&self.axes) {
            check_axis(axis, self.shape.rank())?;
            if !extent.is(1) && *extent != self.shape[axis] {
                return Err(OpError::Broadcast { a: x.shape.clone(), b: self.shape.clone() });
            }
        }
        one(x.with_shape(self.shape.clone()))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x] = cx.expect::<1>()?;
        let shape = cx.extents(&self.shape)?;
        let own = strides(&x.shape);
        let mut along = vec![0; shape.len()];
        for (axis, &target) in self.axes.iter().enumerate() {
            match x.shape[axis] {
                1 => {}
                extent if extent == shape[target] => along[target] = own[axis],
                _ => return Err(OpError::Value(format!("{:?} does not broadcast to {shape:?}", x.shape))),
            }
        }
        let values = x.values.pick(offsets(&shape, &along, 0));
        Ok(vec![Array { dtype: x.dtype, shape, values }])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let (shape, d) = (cx.input_type(0).shape, cx.gradient()?);
        let kept = |axis: &usize| {
            let own = self.axes.iter().position(|a| a == axis);
            own.is_some_and(|own| shape[own] == self.shape[*axis])
        };
        let repeated: Vec<usize> = (0..self.shape.rank()).filter(|axis| !kept(axis)).collect();
        let sum = if repeated.is_empty() { d } else { cx.graph.reduce(ReduceOp::Sum, d, &repeated)? };
        Ok(vec![Some(cx.graph.reshape(sum, shape)?)])
    }
}
