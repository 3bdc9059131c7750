//! Tensors one after another along an axis.
//!
//! | | |
//! |---|---|
//! | inputs | one or more of one dtype; extents equal but along `axis` |
//! | output | extents added along `axis` |
//! | ONNX / PyTorch | `Concat` / `torch.cat` |

use crate::Scalar;
use crate::error::OpError;
use crate::op::{Infer, Operator, Types, check_axis, check_equal, one};
use crate::reference::{Array, Evaluate, Values, offsets, strides};
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
}
