//! Telling graphs apart by what they compute.

use crate::graph::Graph;
use crate::op::Op;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

impl Graph {
    /// A number that two graphs share only if they compute the same in the same way: ops, attributes, operands, types, regions, outputs and
    /// assigns are equal, and so are the names of leaves and outputs. The names of the graph and of its nodes, and locations, do not count.
    ///
    /// Two graphs that differ share it with a probability of about 2⁻¹²⁸: a cache of plans may rely on it without comparing graphs. It is stable
    /// within a process, not across builds; it does not belong in files.
    pub fn structural_hash(&self) -> u128 {
        hash(self, true)
    }

    /// Like [`structural_hash`](Graph::structural_hash), but leaves and outputs count by their position and not by their name: how eager mode, whose
    /// leaves have no names of their own, finds the plan of an expression that it has seen before.
    pub fn structural_hash_unnamed(&self) -> u128 {
        hash(self, false)
    }
}

fn hash(graph: &Graph, names: bool) -> u128 {
    let mut hasher = Pair::new();
    for (_, node) in graph.nodes().iter() {
        match &node.op {
            Op::Input(_) | Op::Parameter(_) | Op::Variable(_) if !names => node.op.name().hash(&mut hasher),
            op => op.hash(&mut hasher),
        }
        node.inputs.hash(&mut hasher);
        node.types.hash(&mut hasher);
        node.regions.len().hash(&mut hasher);
        for region in &node.regions {
            hash(region, names).hash(&mut hasher);
        }
    }
    graph.outputs.len().hash(&mut hasher);
    for output in &graph.outputs {
        output.node.hash(&mut hasher);
        if names {
            output.name.hash(&mut hasher);
        }
    }
    graph.assigns.hash(&mut hasher);
    hasher.finish_wide()
}

/// Two SipHashes of one stream that start from different states.
struct Pair(DefaultHasher, DefaultHasher);

impl Pair {
    fn new() -> Pair {
        let mut second = DefaultHasher::new();
        second.write_u64(0x6861_6461_6c2d_6833);
        Pair(DefaultHasher::new(), second)
    }

    fn finish_wide(&self) -> u128 {
        u128::from(self.0.finish()) << 64 | u128::from(self.1.finish())
    }
}

impl Hasher for Pair {
    fn write(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
        self.1.write(bytes);
    }

    fn finish(&self) -> u64 {
        self.0.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::GraphError;
    use crate::program::BinaryOp;
    use crate::{DType, Scalar};
    use std::collections::HashSet;
    use std::sync::Arc;

    fn graph(leaf: &str, op: BinaryOp, scalar: f64, dtype: DType) -> Result<Graph, GraphError> {
        let mut g = Graph::new("g");
        let x = g.input(leaf, dtype, ["n"])?;
        let c = g.scalar(scalar, dtype)?;
        let y = g.binary(op, x, c)?;
        g.output("y", y);
        Ok(g)
    }

    #[test]
    fn names_and_locations_of_nodes_do_not_count() -> Result<(), GraphError> {
        let a = graph("x", BinaryOp::Add, 1.0, DType::F32)?;
        let mut b = graph("x", BinaryOp::Add, 1.0, DType::F32)?;
        b.name = "other".into();
        b.set_name(b.outputs[0].node, "sum");
        assert_eq!(a.structural_hash(), b.structural_hash());
        Ok(())
    }

    #[test]
    fn leaf_names_count_on_request() -> Result<(), GraphError> {
        let (a, b) =
            (graph("x", BinaryOp::Add, 1.0, DType::F32)?, graph("z", BinaryOp::Add, 1.0, DType::F32)?);
        assert_ne!(a.structural_hash(), b.structural_hash());
        assert_eq!(a.structural_hash_unnamed(), b.structural_hash_unnamed());
        Ok(())
    }

    #[test]
    fn all_that_changes_a_result_counts() -> Result<(), GraphError> {
        let mut seen = HashSet::new();
        let mut all = Vec::new();
        for dtype in [DType::F32, DType::F64, DType::F16] {
            for op in [BinaryOp::Add, BinaryOp::Sub] {
                for scalar in [1.0, 0.0, -0.0] {
                    all.push(graph("x", op, scalar, dtype)?);
                }
            }
        }
        let mut two = all[0].clone();
        two.output("z", two.inputs()[0]);
        let mut swapped = two.clone();
        swapped.outputs.swap(0, 1);
        let mut region = [Graph::new("then"), all[0].clone()];
        let x = region[0].input("x", DType::F32, ["n"])?;
        region[0].output("y", x);
        for branches in [[0, 1], [1, 0]] {
            let mut g = Graph::new("if");
            let c = g.constant_scalar(Scalar::Bool(true), DType::Bool)?;
            let x = g.input("x", DType::F32, ["n"])?;
            let regions = branches.map(|b| Arc::new(region[b].clone())).to_vec();
            let y = g.apply_regions(Op::If(crate::op::If), &[c, x], regions)?;
            g.output("y", y);
            all.push(g);
        }
        all.extend([two, swapped]);
        for g in &all {
            assert!(seen.insert(g.structural_hash_unnamed()), "{g:?} shares its hash with another graph");
        }
        Ok(())
    }
}
