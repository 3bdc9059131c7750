//! One of several results of a node.

use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::NodeId;
use crate::op::{Infer, Operator, Types, one};
use crate::reference::{Array, Evaluate};
use serde::{Deserialize, Serialize};

/// Result number `index` of its operand.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Project {
    /// Which result.
    pub index: usize,
}

impl Operator for Project {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        cx.expect::<1>()?;
        let all = (cx.all)(0);
        let ty = all.get(self.index).ok_or_else(|| {
            OpError::Attribute(format!(
                "result {} of a node with {} results was asked for",
                self.index,
                all.len()
            ))
        })?;
        one(ty.clone())
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let all = (cx.all)(0);
        let result = all
            .get(self.index)
            .ok_or_else(|| OpError::Value(format!("result {} of {} was asked for", self.index, all.len())))?;
        Ok(vec![result.clone()])
    }

    fn gradient(&self, cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        Ok(vec![Some(cx.gradient()?)])
    }
}
