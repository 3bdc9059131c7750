//! State: a tensor that lives on a device from run to run. Reading it means its value before the run.

use crate::TensorType;
use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::NodeId;
use crate::op::{Infer, Operator, Types, one};
use crate::reference::{Array, Evaluate};
use serde::{Deserialize, Serialize};

/// State: a tensor that lives on a device from run to run. Reading it means its value before the run.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Variable {
    /// Its name, unique among the leaves of a graph.
    pub name: String,
    /// The type; its shape has no symbols.
    pub ty: TensorType,
}

impl Operator for Variable {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        cx.expect::<0>()?;
        one(self.ty.clone())
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        let missing = || OpError::Value(format!("`{}` was not given", self.name));
        Ok(vec![(cx.leaf)(&self.name).ok_or_else(missing)?])
    }

    fn gradient(&self, _cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        Ok(Vec::new())
    }
}
