//! Elements zeroed at random, the others scaled up.
//!
//! | | |
//! |---|---|
//! | inputs | `x`, any float dtype; `key: u32[2]` |
//! | output | like `x`: 0 with probability `p`, else `x / (1 - p)` |
//! | decomposes to | [`RandomBits`](crate::op::RandomBits) `>= p · 2³²` |
//! | ONNX / PyTorch | `Dropout` / `torch.nn.functional.dropout` |
//! | paper | Srivastava et al., JMLR 15, 2014 |

use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::{Graph, NodeId};
use crate::op::RandomBits;
use crate::op::leaf::random_words;
use crate::op::{Infer, Operator, Types, one};
use crate::program::CompareOp;
use crate::reference::{Array, Evaluate};
use crate::{DType, Scalar};
use serde::{Deserialize, Serialize};

/// Elements zeroed at random, the others scaled up. One key draws the same elements on every backend.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Dropout {
    /// Probability of zero, in `0..1`.
    pub p: Scalar,
}

impl Operator for Dropout {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [x, key] = cx.expect::<2>()?;
        if !x.dtype.is_float() {
            return Err(OpError::DType {
                what: "the operand".into(),
                expected: "a float".into(),
                given: x.dtype,
            });
        }
        if !(0.0..1.0).contains(&self.p.to_f64()) {
            return Err(OpError::Attribute(format!("the probability must be in 0..1, but is {}", self.p)));
        }
        if key.dtype != DType::U32 {
            return Err(OpError::DType {
                what: "the key".into(),
                expected: "u32[2]".into(),
                given: key.dtype,
            });
        }
        one((*x).clone())
    }

    fn decompose(&self, graph: &mut Graph, inputs: &[NodeId]) -> Result<Option<Vec<NodeId>>, GraphError> {
        let [x, key] = [inputs[0], inputs[1]];
        let dtype = graph.dtype(x);
        let bits = graph.apply(RandomBits { shape: graph.shape(x).clone() }, &[key])?;
        let threshold =
            graph.constant_scalar(Scalar::Int((self.p.to_f64() * 4294967296.0) as i128), DType::U32)?;
        let kept = graph.compare(CompareOp::Ge, bits, threshold)?;
        let scale = graph.scalar(1.0 / (1.0 - self.p.to_f64()), dtype)?;
        let scaled = graph.mul(x, scale)?;
        let zero = graph.scalar(0.0, dtype)?;
        Ok(Some(vec![graph.select(kept, scaled, zero)?]))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [x, key] = cx.expect::<2>()?;
        let [low, high] = key.as_ints()? else {
            return Err(OpError::Value(format!("the key must have 2 words, but has shape {:?}", key.shape)));
        };
        let p = self.p.to_f64();
        let words = random_words([*low as u32, *high as u32], x.values.len());
        // The scale is an element of x's dtype, as it is in the decomposition.
        let scale = x.dtype.round(1.0 / (1.0 - p));
        let keep = |(&x, word): (&f64, u32)| {
            if f64::from(word) >= (p * 4294967296.0).trunc() { x * scale } else { 0.0 }
        };
        Ok(vec![Array::floats(
            x.dtype,
            x.shape.clone(),
            x.as_floats()?.iter().zip(words).map(keep).collect(),
        )])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let (key, d) = (cx.input(1), cx.gradient()?);
        Ok(vec![Some(cx.graph.apply(self.clone(), &[d, key])?), None])
    }
}
