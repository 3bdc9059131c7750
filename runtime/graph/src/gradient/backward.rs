//! What the gradient rule of an op is given.

use super::walk;
use crate::TensorType;
use crate::error::{GraphError, OpError};
use crate::graph::{Graph, NodeId};
use crate::op::Operator;
use crate::pass::inline;

/// What [`Operator::gradient`] is given: the node being differentiated and the graph to which the rule adds nodes.
pub struct Backward<'a> {
    /// The graph; forward nodes keep their ids.
    pub graph: &'a mut Graph,
    /// The node whose inputs get gradients.
    pub node: NodeId,
    /// The gradient of each result; `None` where nothing depends on it. At least one is there.
    pub gradients: &'a [Option<NodeId>],
    /// For each input, whether its gradient is wanted.
    pub needs: &'a [bool],
}

impl Backward<'_> {
    /// The i-th operand.
    pub fn input(&self, index: usize) -> NodeId {
        self.graph.node(self.node).inputs[index]
    }

    /// The type of the i-th operand.
    pub fn input_type(&self, index: usize) -> TensorType {
        self.graph.ty(self.input(index)).clone()
    }

    /// The gradient of the first result. Errors: `NoGradient`, when only further results have one.
    pub fn gradient(&self) -> Result<NodeId, GraphError> {
        self.gradients
            .first()
            .copied()
            .flatten()
            .ok_or_else(|| self.no_gradient("only its first result can be differentiated"))
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

    /// The rule of a composite that has no better one: computes it once more by its decomposition, and differentiates that.
    ///
    /// Errors: `NoGradient` for a primitive; whatever the ops of the decomposition say.
    pub fn by_decomposition(&mut self) -> Result<Vec<Option<NodeId>>, GraphError> {
        let node = self.graph.node(self.node);
        let (op, inputs) = (node.op.clone(), node.inputs.clone());
        let first_new = self.graph.nodes().len();
        let Some(results) = op.decompose(self.graph, &inputs)? else {
            return Err(self.no_gradient("it does not decompose"));
        };
        self.through(first_new, &results, &inputs)
    }

    /// The gradients of a region that computes the node's results from `inputs`, which stand for the node's operands.
    ///
    /// Errors: whatever the ops of the region say.
    pub(crate) fn by_region(
        &mut self,
        region: &Graph,
        inputs: &[NodeId],
    ) -> Result<Vec<Option<NodeId>>, GraphError> {
        let first_new = self.graph.nodes().len();
        let results = inline(self.graph, region, inputs);
        self.through(first_new, &results, inputs)
    }

    /// The gradient of each operand, where nodes from number `first` on compute `results` from `inputs`.
    fn through(
        &mut self,
        first: usize,
        results: &[NodeId],
        inputs: &[NodeId],
    ) -> Result<Vec<Option<NodeId>>, GraphError> {
        let seeds: Vec<(NodeId, NodeId)> =
            results.iter().zip(self.gradients).filter_map(|(&r, d)| Some((r, (*d)?))).collect();
        // An operand that is given twice gets its whole gradient at its first place.
        let earliest = |i: usize| self.needs[i] && !inputs[..i].contains(&inputs[i]);
        let wanted: Vec<usize> = (0..inputs.len()).filter(|&i| earliest(i)).collect();
        let wrt: Vec<NodeId> = wanted.iter().map(|&i| inputs[i]).collect();
        let mut gradients = vec![None; inputs.len()];
        for (i, gradient) in wanted.into_iter().zip(walk(self.graph, first, &seeds, &wrt)?) {
            gradients[i] = gradient;
        }
        Ok(gradients)
    }
}

/// Zeros of a type.
pub(crate) fn zeros(graph: &mut Graph, ty: &TensorType) -> Result<NodeId, GraphError> {
    let zero = graph.scalar(0.0, ty.dtype)?;
    graph.broadcast_to(zero, &ty.shape)
}
