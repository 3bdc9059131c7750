//! One node for equal expressions.

use super::rewrite::{Replacement, rewrite};
use crate::error::GraphError;
use crate::graph::{Graph, NodeId};
use crate::op::Op;
use crate::program::{BinaryOp, CompareOp};
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::Arc;

/// An expression: two nodes with equal ones have equal values, as ops have no effects and random bits depend on their key alone.
type Expression = (Op, SmallVec<[NodeId; 3]>, Vec<Arc<Graph>>);

/// Merges nodes that compute the same from the same, in regions too; the earliest stays.
///
/// Errors: none.
pub fn cse(graph: &Graph) -> Result<Graph, GraphError> {
    let mut seen: HashMap<Expression, NodeId> = HashMap::new();
    rewrite(graph, &cse, &mut |graph, node| {
        let mut inputs = node.inputs.clone();
        if commutes(&node.op) {
            inputs.sort();
        }
        // A kept node is the next one of the new graph.
        let next = NodeId::new(graph.nodes().len());
        let first = *seen.entry((node.op.clone(), inputs, node.regions.clone())).or_insert(next);
        Ok((first != next).then_some(Replacement::Node(first)))
    })
}

/// Whether the operands may be exchanged without changing any result.
fn commutes(op: &Op) -> bool {
    match op {
        Op::Binary(op) => {
            use BinaryOp::*;
            matches!(op.op, Add | Mul | And | Or | Xor)
        }
        Op::Compare(op) => matches!(op.op, CompareOp::Eq | CompareOp::Ne),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;
    use crate::pass::dead;

    #[test]
    fn equal_expressions_merge_and_others_do_not() -> Result<(), GraphError> {
        let mut g = Graph::new("twice");
        let (x, y) = (g.input("x", DType::F32, [4])?, g.input("y", DType::F32, [4])?);
        let sums = [g.add(x, y)?, g.add(y, x)?, g.add(x, y)?];
        let differences = [g.sub(x, y)?, g.sub(y, x)?];
        for (i, id) in sums.into_iter().chain(differences).enumerate() {
            g.output(format!("{i}"), id);
        }
        let merged = dead(&cse(&g)?)?;
        assert_eq!(merged.nodes().len(), 5, "two inputs, one sum, two differences");
        assert_eq!(merged.outputs[0].node, merged.outputs[1].node);
        assert_ne!(merged.outputs[3].node, merged.outputs[4].node);
        Ok(())
    }

    #[test]
    fn nodes_with_several_results_merge() -> Result<(), GraphError> {
        let mut g = Graph::new("sorts");
        let x = g.input("x", DType::F32, [4])?;
        for i in 0..2 {
            let sort = g.apply(crate::op::Sort { axis: 0, descending: false }, &[x])?;
            let indices = g.project(sort, 1)?;
            g.output(format!("v{i}"), sort);
            g.output(format!("i{i}"), indices);
        }
        let merged = dead(&cse(&g)?)?;
        assert_eq!(merged.nodes().iter().filter(|(_, n)| matches!(n.op, Op::Sort(_))).count(), 1);
        assert_eq!(merged.outputs[1].node, merged.outputs[3].node);
        Ok(())
    }
}
