//! Conversion to another dtype.

use crate::DType;
use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::NodeId;
use crate::op::{Infer, Operator, Types, one};
use crate::reference::{Array, Evaluate, Values};
use serde::{Deserialize, Serialize};

/// Conversion to another dtype. Float to integer truncates and saturates, NaN gives 0; integers wrap; to `Bool` is `x != 0`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cast {
    /// The dtype of the result.
    pub dtype: DType,
}

impl Operator for Cast {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x] = cx.expect::<1>()?;
        one(x.with_dtype(self.dtype))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x] = cx.expect::<1>()?;
        let shape = x.shape.clone();
        Ok(vec![match (&x.values, self.dtype.int_range()) {
            (Values::Float(v), None) => Array::floats(self.dtype, shape, v.clone()),
            (Values::Float(v), Some(_)) if self.dtype == DType::Bool => {
                Array::ints(self.dtype, shape, v.iter().map(|&x| (x != 0.0) as i128).collect())
            }
            (Values::Float(v), Some((low, high))) => {
                // `as` truncates, saturates and takes NaN to 0.
                Array::ints(self.dtype, shape, v.iter().map(|&x| (x as i128).clamp(low, high)).collect())
            }
            (Values::Int(v), None) => {
                Array::floats(self.dtype, shape, v.iter().map(|&x| int_to_float(x, self.dtype)).collect())
            }
            (Values::Int(v), Some(_)) => Array::ints(self.dtype, shape, v.clone()),
        }])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let (dtype, d) = (cx.input_type(0).dtype, cx.gradient()?);
        Ok(vec![Some(cx.graph.cast(d, dtype)?)])
    }
}

/// An integer as an `f64` that rounds to `dtype` as the integer itself would. What does not fit an `f64` is cut off towards zero, with
/// the last bit set to say so ("rounding to odd"): otherwise it would be rounded twice.
fn int_to_float(x: i128, dtype: DType) -> f64 {
    let bits = 128 - x.unsigned_abs().leading_zeros();
    if dtype == DType::F64 || bits <= f64::MANTISSA_DIGITS {
        return x as f64;
    }
    let shift = bits - f64::MANTISSA_DIGITS;
    let cut = x.unsigned_abs() >> shift;
    let inexact = (cut << shift != x.unsigned_abs()) as u128;
    let magnitude = (cut | inexact) as f64 * (1u128 << shift) as f64;
    if x < 0 { -magnitude } else { magnitude }
}
