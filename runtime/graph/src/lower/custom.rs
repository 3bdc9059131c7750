//! Kernels of a program's own.

use super::{Lowering, Stop};
use crate::graph::NodeId;
use crate::op;
use crate::program::{Custom, Kernel, ValueId};

impl Lowering<'_> {
    /// The operands lie in memory as they are, and nothing is fused: what the kernel reads is not known.
    pub(super) fn emit_custom(&mut self, group: usize, anchor: NodeId, op: &op::Custom) -> Result<(), Stop> {
        let mut reads: Vec<ValueId> = Vec::new();
        let mut operands = Vec::new();
        for &input in &self.graph.node(anchor).inputs {
            let value = self.memory(input)?;
            let known = reads.iter().position(|&read| read == value);
            let position = known.unwrap_or(reads.len());
            if known.is_none() {
                reads.push(value);
            }
            operands.push((position, self.graph.shape(input).clone()));
        }
        let kernel = Kernel::Custom(Custom { op: op.clone(), operands });
        self.push_step(group, kernel, reads, &[anchor])
    }
}
