//! Uniform random numbers.
//!
//! | | |
//! |---|---|
//! | inputs | `key: u32[2]` |
//! | output | `dtype` (a float), `shape`: in `0..1`, multiples of 2⁻²⁴ (`f32`), 2⁻¹¹ (`f16`), 2⁻⁸ (`bf16`) or 2⁻³² (`f64`), so that none rounds to 1 |
//! | decomposes to | the upper bits of [`RandomBits`] |
//! | ONNX / PyTorch | `RandomUniform` / `torch.rand` |

use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::{Graph, NodeId};
use crate::op::leaf::random_words;
use crate::op::{Infer, Operator, RandomBits, Types, one};
use crate::program::BinaryOp;
use crate::reference::{Array, Evaluate};
use crate::{DType, Scalar, Shape};
use serde::{Deserialize, Serialize};

/// Uniform random numbers: every backend draws the same ones from one key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Uniform {
    /// Shape of the result.
    pub shape: Shape,
    /// A float dtype.
    pub dtype: DType,
}

impl Operator for Uniform {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        if !self.dtype.is_float() {
            let expected = "a float".into();
            return Err(OpError::DType { what: "the result".into(), expected, given: self.dtype });
        }
        let bits = RandomBits { shape: self.shape.clone() }.infer(cx)?;
        one(bits[0].with_dtype(self.dtype))
    }

    fn decompose(&self, graph: &mut Graph, inputs: &[NodeId]) -> Result<Option<Vec<NodeId>>, GraphError> {
        let bits = graph.apply(RandomBits { shape: self.shape.clone() }, inputs)?;
        let kept = kept_bits(self.dtype);
        let shift = graph.constant_scalar(Scalar::Int(32 - i128::from(kept)), DType::U32)?;
        let upper = graph.binary(BinaryOp::Shr, bits, shift)?;
        let wide = graph.cast(upper, self.dtype.accumulator())?;
        let unit = graph.scalar(libm::exp2(-f64::from(kept)), self.dtype.accumulator())?;
        let result = graph.mul(wide, unit)?;
        Ok(Some(vec![graph.cast(result, self.dtype)?]))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [key] = cx.expect::<1>()?;
        let shape = cx.shape()?;
        let kept = kept_bits(self.dtype);
        let words = random_words(key_words(key)?, shape.iter().product()).into_iter();
        let values = words.map(|word| f64::from(word >> (32 - kept)) * libm::exp2(-f64::from(kept)));
        Ok(vec![Array::floats(self.dtype, shape, values.collect())])
    }

    fn gradient(&self, _cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        Ok(vec![None])
    }
}

/// How many bits of a word become a number: no more than the dtype holds exactly.
fn kept_bits(dtype: DType) -> u32 {
    match dtype {
        DType::F16 => 11,
        DType::BF16 => 8,
        DType::F64 => 32,
        _ => 24,
    }
}

/// The two words of a key. Errors: `Value`.
pub(super) fn key_words(key: &Array) -> Result<[u32; 2], OpError> {
    match key.as_ints()? {
        [low, high] => Ok([*low as u32, *high as u32]),
        _ => Err(OpError::Value(format!("the key must have 2 words, but has shape {:?}", key.shape))),
    }
}
