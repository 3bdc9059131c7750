//! Reverse-mode differentiation as a pass.

use crate::error::{GraphError, OpError};
use crate::graph::{Graph, NodeId};

/// What [`Operator::gradient`](crate::op::Operator::gradient) is given: the node being differentiated and the graph to which the rule adds nodes.
pub struct Backward<'a> {
    /// The graph; forward nodes keep their ids.
    pub graph: &'a mut Graph,
    /// The node whose inputs get gradients.
    pub node: NodeId,
    /// The gradient of each result; `None` where nothing depends on it.
    pub gradients: &'a [Option<NodeId>],
}

impl Backward<'_> {
    /// The i-th operand.
    pub fn input(&self, index: usize) -> NodeId {
        self.graph.node(self.node).inputs[index]
    }

    /// The error of an op that cannot be differentiated.
    pub fn no_gradient(&self, reason: &str) -> GraphError {
        let node = self.graph.node(self.node);
        let inputs = node.inputs.iter().map(|&i| self.graph.ty(i).clone()).collect();
        let mut error = GraphError::new(node.op.name(), inputs, None, OpError::NoGradient(reason.into()));
        error.name = node.name.as_ref().map(|n| n.to_string());
        error.location = node.location.as_ref().map(|l| l.to_string());
        error
    }
}
