//! Tensors one after another along an axis.
//!
//! | | |
//! |---|---|
//! | inputs | one or more of one dtype; extents equal but along `axis` |
//! | output | extents added along `axis` |
//! | ONNX / PyTorch | `Concat` / `torch.cat` |

use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::NodeId;
use crate::op::{Infer, Operator, Types, check_axis, check_equal, one};
use crate::reference::{Array, Evaluate, Values, offsets, strides};
use crate::{Dim, Scalar};
use serde::{Deserialize, Serialize};

/// Tensors one after another along an axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Concat {
    /// The axis along which they follow each other.
    pub axis: usize,
}

impl Operator for Concat {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let Some((first, rest)) = cx.inputs.split_first() else {
            return Err(OpError::Arity { expected: "at least 1".into(), given: 0 });
        };
        check_axis(self.axis, first.rank())?;
        let mut result = (*first).clone();
        for x in rest {
            if x.dtype != first.dtype {
                return Err(OpError::DType {
                    what: "every input".into(),
                    expected: first.dtype.to_string(),
                    given: x.dtype,
                });
            }
            if x.rank() != first.rank() {
                return Err(OpError::Rank {
                    what: "every input".into(),
                    expected: first.rank().to_string(),
                    given: x.rank(),
                });
            }
            for axis in 0..first.rank() {
                if axis == self.axis {
                    result.shape.0[axis] = &result.shape[axis] + &x.shape[axis];
                } else {
                    check_equal(&format!("extents of axis {axis}"), &first.shape[axis], &x.shape[axis])?;
                }
            }
        }
        one(result)
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let shape = cx.shape()?;
        let along = strides(&shape);
        let mut values = Values::filled(cx.dtype(), Scalar::zero(cx.dtype()), shape.iter().product());
        let mut first = 0;
        for x in cx.inputs {
            values.put(offsets(&x.shape, &along, first), &x.values);
            first += x.shape[self.axis] as i64 * along[self.axis];
        }
        Ok(vec![Array { dtype: cx.dtype(), shape, values }])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let d = cx.gradient()?;
        let mut start = Dim::ZERO;
        let mut gradients = Vec::new();
        for index in 0..cx.needs.len() {
            let extent = cx.input_type(index).shape[self.axis].clone();
            let end = &start + &extent;
            let part =
                if cx.needs[index] { Some(cx.graph.narrow(d, self.axis, start, extent)?) } else { None };
            gradients.push(part);
            start = end;
        }
        Ok(gradients)
    }
}
