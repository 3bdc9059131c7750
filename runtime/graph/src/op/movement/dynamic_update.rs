//! Some consecutive elements replaced, from a start that is known at run time: how a cache grows.
//!
//! | | |
//! |---|---|
//! | inputs | `x`, `update`: like `x` but shorter along `axis`, `start`: an integer scalar, clamped to `0..=n - extent` |
//! | output | like `x` |
//! | ONNX / PyTorch | `ScatterND` / `x[:, start:start + n] = update` |

use super::DynamicSlice;
use super::check_index;
use super::clamped_start;
use crate::error::{GraphError, OpError};
use crate::gradient::{Backward, zeros};
use crate::graph::NodeId;
use crate::op::{Infer, Operator, Types, check_axis, check_equal, one};
use crate::reference::{Array, Evaluate, offsets, strides};
use serde::{Deserialize, Serialize};

/// Some consecutive elements replaced, from a start that is known at run time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DynamicUpdate {
    /// The axis along which the update lies.
    pub axis: usize,
}

impl Operator for DynamicUpdate {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x, update, start] = cx.expect::<3>()?;
        check_axis(self.axis, x.rank())?;
        check_index("the start", start)?;
        check_equal("the rank of the start and 0", &start.rank().into(), &0.into())?;
        check_equal("ranks", &x.rank().into(), &update.rank().into())?;
        if update.dtype != x.dtype {
            return Err(OpError::DType {
                what: "the update".into(),
                expected: x.dtype.to_string(),
                given: update.dtype,
            });
        }
        for axis in (0..x.rank()).filter(|&a| a != self.axis) {
            check_equal(&format!("extents of axis {axis}"), &x.shape[axis], &update.shape[axis])?;
        }
        if (&update.shape[self.axis] - &x.shape[self.axis]).as_const().is_some_and(|d| d > 0) {
            return Err(OpError::Attribute("the update is longer than the tensor".into()));
        }
        one((*x).clone())
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x, update, start] = cx.expect::<3>()?;
        let own = strides(&x.shape);
        let start = clamped_start(start, x.shape[self.axis], update.shape[self.axis])?;
        let mut result = x.clone();
        result.values.put(offsets(&update.shape, &own, start * own[self.axis]), &update.values);
        Ok(vec![result])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let (update, start, d) = (cx.input_type(1), cx.input(2), cx.gradient()?);
        let g = &mut *cx.graph;
        let none = zeros(g, &update)?;
        let d_x = g.apply(DynamicUpdate { axis: self.axis }, &[d, none, start])?;
        let slice = DynamicSlice { axis: self.axis, extent: update.shape[self.axis].clone() };
        Ok(vec![Some(d_x), Some(g.apply(slice, &[d, start])?), None])
    }
}
