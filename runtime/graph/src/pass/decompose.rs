//! Replaces composites that a target does not run itself.

use super::rewrite::{Replacement, rewrite};
use crate::error::{GraphError, OpError};
use crate::op::Operator;
use crate::{Graph, Target};
use std::cell::Cell;

/// More levels than any chain of composites has.
const MAX_LEVELS: usize = 32;

/// Replaces every composite that is not native to `target` by its decomposition, until only primitives and native composites are left, in
/// regions too. What stands for a composite has its name and location.
///
/// Errors: a composite that does not fit its inputs.
pub fn decompose(graph: &Graph, target: &Target) -> Result<Graph, GraphError> {
    let mut graph = graph.clone();
    for _ in 0..MAX_LEVELS {
        let changed = Cell::new(false);
        graph = level(&graph, target, &changed)?;
        if !changed.get() {
            return Ok(graph);
        }
    }
    let error =
        OpError::Attribute(format!("composites still remain after {MAX_LEVELS} levels: one contains itself"));
    Err(GraphError::general("decompose", error))
}

/// Replaces each composite once.
fn level(graph: &Graph, target: &Target, changed: &Cell<bool>) -> Result<Graph, GraphError> {
    rewrite(graph, &|region| level(region, target, changed), &mut |graph, node| {
        if target.native.contains(node.op.name()) {
            return Ok(None);
        }
        let results = node.op.decompose(graph, &node.inputs)?;
        if results.is_some() {
            changed.set(true);
        }
        Ok(results.map(Replacement::Results))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;
    use crate::op::{CrossEntropy, Op, Softmax};

    #[test]
    fn composites_become_primitives_that_carry_their_name() -> Result<(), GraphError> {
        let mut g = Graph::new("loss");
        let logits = g.input("logits", DType::F32, [3, 5])?;
        let targets = g.input("targets", DType::I64, [3])?;
        let loss = g.apply(CrossEntropy, &[logits, targets])?;
        g.set_name(loss, "loss");
        g.output("loss", loss);
        let flat = decompose(&g, &Target::unlimited("test"))?;
        flat.validate()?;
        assert!(flat.nodes().len() > 10);
        for (_, node) in flat.nodes().iter().filter(|(_, n)| n.op.leaf_name().is_none()) {
            assert!(!matches!(node.op, Op::CrossEntropy(_) | Op::LogSoftmax(_)));
            assert_eq!(node.name.as_deref(), Some("loss"));
            assert_eq!(node.location, g.node(loss).location);
        }
        Ok(())
    }

    #[test]
    fn native_composites_stay() -> Result<(), GraphError> {
        let mut g = Graph::new("native");
        let x = g.input("x", DType::F32, [3, 5])?;
        let y = g.apply(Softmax { axis: 1 }, &[x])?;
        g.output("y", y);
        let mut target = Target::unlimited("test");
        target.native.insert("softmax".into());
        assert_eq!(decompose(&g, &target)?, g);
        Ok(())
    }

    #[test]
    fn every_result_of_a_composite_is_replaced() -> Result<(), GraphError> {
        let mut g = Graph::new("attention");
        let q = g.input("q", DType::F16, [2, 3, 4])?;
        let scale = crate::Scalar::Float(0.5);
        let o = g.apply(crate::op::Attention { scale, causal: true }, &[q, q, q])?;
        let lse = g.project(o, 1)?;
        g.output("o", o);
        g.output("lse", lse);
        let mut target = Target::unlimited("test");
        target.native.clear();
        let flat = decompose(&g, &target)?;
        flat.validate()?;
        assert_eq!(flat.ty(flat.outputs[1].node), g.ty(lse));
        assert!(!flat.nodes().iter().any(|(_, n)| matches!(n.op, Op::Attention(_) | Op::Project(_))));
        Ok(())
    }
}
