//! Choice between two computations.
//!
//! | | |
//! |---|---|
//! | inputs | `predicate: bool` scalar, then what both regions take |
//! | regions | `then`, `else`: of the same types |
//! | outputs | those of the region that was taken |
//! | ONNX / PyTorch | `If` / `torch.cond` |

use super::while_loop::check_region;
use super::while_loop::holds;
use crate::error::OpError;
use crate::op::{Infer, Operator, Types};
use crate::reference::{Array, Evaluate, interpret_region};
use crate::{DType, TensorType};
use serde::{Deserialize, Serialize};

/// Choice between two computations; only one runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct If;

impl Operator for If {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let ([then, otherwise], Some((predicate, inputs))) = (cx.regions, cx.inputs.split_first()) else {
            return Err(OpError::Attribute("needs 2 regions and a predicate".into()));
        };
        if **predicate != TensorType::new(DType::Bool, crate::Shape::scalar()) {
            return Err(OpError::DType {
                what: "the predicate".into(),
                expected: "a bool scalar".into(),
                given: predicate.dtype,
            });
        }
        let results: Vec<&TensorType> = then.outputs.iter().map(|o| then.ty(o.node)).collect();
        check_region("then", then, inputs, &results)?;
        check_region("else", otherwise, inputs, &results)?;
        Ok(results.into_iter().cloned().collect())
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let ([then, otherwise], Some((predicate, inputs))) = (cx.regions, cx.inputs.split_first()) else {
            return Err(OpError::Attribute("needs 2 regions and a predicate".into()));
        };
        let inputs: Vec<Array> = inputs.iter().map(|&x| x.clone()).collect();
        let taken = if holds(std::slice::from_ref(*predicate))? { then } else { otherwise };
        interpret_region(taken, &inputs, cx.bindings)
    }
}
