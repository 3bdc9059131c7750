//! A tensor that each run is given.

use crate::TensorType;
use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::NodeId;
use crate::op::{Infer, Operator, Types, one};
use crate::reference::{Array, Evaluate};
use serde::{Deserialize, Serialize};

/// A tensor that each run is given.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Input {
    /// Its name, unique among the leaves of a graph.
    pub name: String,
    /// The type; symbols in its shape are bound by the tensor that a run is given.
    pub ty: TensorType,
}

impl Operator for Input {
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
