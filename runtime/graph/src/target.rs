//! What a device can run, as plain data.

use crate::DType;
use std::collections::BTreeSet;

/// The facts about a device that passes need. Holds no handle to any device.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// For messages: `cpu`, `wgpu`.
    pub name: String,
    /// Names of the composites that the device runs as one step; all others are decomposed.
    pub native: BTreeSet<String>,
    /// dtypes that tensors may have; another one is refused with an error that names the op.
    pub dtypes: BTreeSet<DType>,
    /// Most values that one step may bind, reads and writes together.
    pub max_bindings: usize,
    /// Most instructions fused into one pointwise program.
    pub max_instructions: usize,
    /// Most bytes that one binding may cover.
    pub max_binding_bytes: u64,
    /// Alignment of values in the arena, in bytes.
    pub alignment: u64,
}

impl Target {
    /// A target without limits that runs only primitives and attention: what tests of passes use.
    pub fn unlimited(name: &str) -> Target {
        Target {
            name: name.into(),
            native: BTreeSet::from(["attention".to_string()]),
            dtypes: DType::ALL.into(),
            max_bindings: usize::MAX,
            max_instructions: usize::MAX,
            max_binding_bytes: u64::MAX,
            alignment: 64,
        }
    }
}
