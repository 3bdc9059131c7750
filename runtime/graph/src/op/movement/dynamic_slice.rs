//! Some consecutive elements from a start that is known at run time.
//!
//! | | |
//! |---|---|
//! | inputs | `x`, `start`: an integer scalar, clamped to `0..=n - extent` |
//! | output | like `x` with `extent` along `axis` |
//! | ONNX / PyTorch | `Slice` / `torch.narrow` |

use super::DynamicUpdate;
use super::check_index;
use super::clamped_start;
use crate::Dim;
use crate::error::{GraphError, OpError};
use crate::gradient::{Backward, zeros};
use crate::graph::NodeId;
use crate::op::{Infer, Operator, Types, check_axis, one};
use crate::reference::{Array, Evaluate, offsets, strides};
use serde::{Deserialize, Serialize};

/// Some consecutive elements from a start that is known at run time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DynamicSlice {
    /// The sliced axis.
    pub axis: usize,
    /// Number of elements.
    pub extent: Dim,
}

impl Operator for DynamicSlice {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x, start] = cx.expect::<2>()?;
        check_axis(self.axis, x.rank())?;
        check_index("the start", start)?;
        if start.rank() != 0 {
            return Err(OpError::Rank {
                what: "the start".into(),
                expected: "0".into(),
                given: start.rank(),
            });
        }
        if (&self.extent - &x.shape[self.axis]).as_const().is_some_and(|d| d > 0) {
            return Err(OpError::Attribute(format!(
                "{} elements do not fit an axis of {}",
                self.extent, x.shape[self.axis]
            )));
        }
        one(x.with_shape(x.shape.with(self.axis, self.extent.clone())))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x, start] = cx.expect::<2>()?;
        let shape = cx.shape()?;
        let own = strides(&x.shape);
        let start = clamped_start(start, x.shape[self.axis], shape[self.axis])?;
        let values = x.values.pick(offsets(&shape, &own, start * own[self.axis]));
        Ok(vec![Array { dtype: x.dtype, shape, values }])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let (x, start, d) = (cx.input_type(0), cx.input(1), cx.gradient()?);
        let none = zeros(cx.graph, &x)?;
        Ok(vec![Some(cx.graph.apply(DynamicUpdate { axis: self.axis }, &[none, d, start])?), None])
    }
}
