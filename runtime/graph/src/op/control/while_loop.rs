//! Repetition while a condition holds.
//!
//! | | |
//! |---|---|
//! | inputs | the initial state |
//! | regions | `condition`: state to one `bool` scalar; `body`: state to new state, of the same types |
//! | outputs | the state for which the condition no longer holds |
//! | gradient | none: intermediate states are not kept. A `for` in the program records every step, and has one |
//! | ONNX / PyTorch | `Loop` / `torch.while_loop` |

use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::NodeId;
use crate::op::{Infer, Operator, Types};
use crate::reference::{Array, Evaluate, interpret_region};
use crate::{DType, Graph, TensorType};
use serde::{Deserialize, Serialize};

/// Repetition while a condition holds. What does not change is state that the body returns as it came; that costs nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct While;

impl Operator for While {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        let [condition, body] = cx.regions else {
            return Err(OpError::Attribute(format!("needs 2 regions, but has {}", cx.regions.len())));
        };
        check_region(
            "condition",
            condition,
            cx.inputs,
            &[&TensorType::new(DType::Bool, crate::Shape::scalar())],
        )?;
        check_region("body", body, cx.inputs, cx.inputs)?;
        Ok(cx.inputs.iter().map(|&ty| ty.clone()).collect())
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let [condition, body] = cx.regions else {
            return Err(OpError::Attribute(format!("needs 2 regions, but has {}", cx.regions.len())));
        };
        let mut state: Vec<Array> = cx.inputs.iter().map(|&x| x.clone()).collect();
        while holds(&interpret_region(condition, &state, cx.bindings)?)? {
            state = interpret_region(body, &state, cx.bindings)?;
        }
        Ok(state)
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        Err(cx.no_gradient(
            "the states of a loop are not kept: repeat its body with a `for` in the program, which records every step",
        ))
    }
}

/// Checks what a region takes and returns. Errors: `Attribute`.
pub(crate) fn check_region(
    what: &str,
    region: &Graph,
    takes: &[&TensorType],
    returns: &[&TensorType],
) -> Result<(), OpError> {
    let given: Vec<&TensorType> = region.inputs().iter().map(|&i| region.ty(i)).collect();
    if given != takes {
        return Err(OpError::Attribute(format!(
            "the {what} region takes {}, but is given {}",
            list(&given),
            list(takes)
        )));
    }
    let results: Vec<&TensorType> = region.outputs.iter().map(|o| region.ty(o.node)).collect();
    if results != returns {
        return Err(OpError::Attribute(format!(
            "the {what} region returns {}, but must return {}",
            list(&results),
            list(returns)
        )));
    }
    if !region.assigns.is_empty() {
        return Err(OpError::Attribute(format!(
            "the {what} region assigns to variables: carry them as state instead"
        )));
    }
    Ok(())
}

fn list(types: &[&TensorType]) -> String {
    let names: Vec<String> = types.iter().map(|ty| ty.to_string()).collect();
    format!("({})", names.join(", "))
}

/// The value of a predicate, the first of `results`. Errors: `Value`.
pub(crate) fn holds(results: &[Array]) -> Result<bool, OpError> {
    match results.first().map(Array::as_ints) {
        Some(Ok([value])) => Ok(*value != 0),
        _ => Err(OpError::Value("a predicate must be one bool".into())),
    }
}
