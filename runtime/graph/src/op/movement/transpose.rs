//! Axes in another order.
//!
//! | | |
//! |---|---|
//! | inputs | `x`, any dtype |
//! | output | axis `i` is axis `permutation[i]` of `x` |
//! | ONNX / PyTorch | `Transpose` / `torch.permute` |

use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::NodeId;
use crate::op::{Infer, Operator, Types, check_axis, one};
use crate::reference::{Array, Evaluate, offsets, strides};
use serde::{Deserialize, Serialize};

/// Axes in another order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Transpose {
    /// For each axis of the result, the axis of the input.
    pub permutation: Vec<usize>,
}

impl Operator for Transpose {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x] = cx.expect::<1>()?;
        let mut seen = vec![false; x.rank()];
        for &axis in &self.permutation {
            check_axis(axis, x.rank())?;
            seen[axis] = true;
        }
        if self.permutation.len() != x.rank() || seen.contains(&false) {
            return Err(OpError::Attribute(format!(
                "{:?} does not name each of {} axes once",
                self.permutation,
                x.rank()
            )));
        }
        one(x
            .with_shape(self.permutation.iter().map(|&axis| x.shape[axis].clone()).collect::<crate::Shape>()))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x] = cx.expect::<1>()?;
        let own = strides(&x.shape);
        let shape: Vec<usize> = self.permutation.iter().map(|&axis| x.shape[axis]).collect();
        let along: Vec<i64> = self.permutation.iter().map(|&axis| own[axis]).collect();
        let values = x.values.pick(offsets(&shape, &along, 0));
        Ok(vec![Array { dtype: x.dtype, shape, values }])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let d = cx.gradient()?;
        let mut inverse = vec![0; self.permutation.len()];
        for (axis, &from) in self.permutation.iter().enumerate() {
            inverse[from] = axis;
        }
        Ok(vec![Some(cx.graph.transpose(d, &inverse)?)])
    }
}
