//! Elementwise choice.
//!
//! | | |
//! |---|---|
//! | inputs | `condition: bool`, `a`, `b`: all of one shape |
//! | output | `a` where the condition holds, else `b` |
//! | ONNX / PyTorch | `Where` / `torch.where` |

use super::binary::check_same_type;
use crate::DType;
use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::NodeId;
use crate::op::{Infer, Operator, Types, one};
use crate::reference::{Array, Evaluate, Values};
use serde::{Deserialize, Serialize};

/// `a` where the condition holds, else `b`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Select;

impl Operator for Select {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [condition, a, b] = cx.expect::<3>()?;
        check_same_type(a, b)?;
        if condition.dtype != DType::Bool {
            return Err(OpError::DType {
                what: "the condition".into(),
                expected: "bool".into(),
                given: condition.dtype,
            });
        }
        if condition.shape != a.shape {
            return Err(OpError::Broadcast { a: condition.shape.clone(), b: a.shape.clone() });
        }
        one(a.clone())
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [condition, a, b] = cx.expect::<3>()?;
        let chosen = condition.as_ints()?.iter();
        let values = match (&a.values, &b.values) {
            (Values::Float(a), Values::Float(b)) => Values::Float(
                chosen.zip(a.iter().zip(b)).map(|(&c, (&a, &b))| if c != 0 { a } else { b }).collect(),
            ),
            (Values::Int(a), Values::Int(b)) => Values::Int(
                chosen.zip(a.iter().zip(b)).map(|(&c, (&a, &b))| if c != 0 { a } else { b }).collect(),
            ),
            _ => return Err(OpError::Value("the operands differ in kind".into())),
        };
        Ok(vec![Array { dtype: a.dtype, shape: a.shape.clone(), values }])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let (condition, d) = (cx.input(0), cx.gradient()?);
        let g = &mut *cx.graph;
        let zero = g.scalar(0.0, g.dtype(d))?;
        Ok(vec![None, Some(g.select(condition, d, zero)?), Some(g.select(condition, zero, d)?)])
    }
}
