//! A small tensor that is part of the graph.

use crate::error::{GraphError, OpError};
use crate::gradient::Backward;
use crate::graph::NodeId;
use crate::op::{Infer, Operator, Types, one};
use crate::reference::{Array, Evaluate};
use crate::{HostTensor, TensorType};
use serde::{Deserialize, Serialize};

/// A small tensor that is part of the graph. Large ones are parameters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Constant {
    /// The value.
    pub value: HostTensor,
}

impl Operator for Constant {
    fn infer(&self, cx: &Infer<'_>) -> Result<Types, OpError> {
        cx.expect::<0>()?;
        one(TensorType::new(self.value.dtype(), self.value.shape()))
    }

    fn evaluate(&self, cx: &Evaluate<'_>) -> Result<Vec<Array>, OpError> {
        cx.expect::<0>()?;
        Ok(vec![Array::from_host(&self.value)])
    }

    fn gradient(&self, _cx: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        Ok(Vec::new())
    }
}
