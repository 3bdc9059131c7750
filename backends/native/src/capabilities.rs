//! What kernels may use on a device, and what passes may plan for.

use crate::driver::Facts;
use hadal_graph::op::KernelLanguage;
use hadal_graph::{DType, Target};
use hadal_shaders::Capabilities;
use hadal_simt::Dialect;

/// Instructions fused into one pointwise program: beyond this, compilers spill registers.
const MAX_INSTRUCTIONS: usize = 48;

/// Bindings of one kernel: enough for any fusion that is worth its index arithmetic, and far below the 4 KiB of parameters that a launch may have.
const MAX_BINDINGS: u32 = 32;

/// Alignment of values within an arena, in bytes.
pub(crate) const ALIGNMENT: u64 = 256;

/// Most bytes of one value. Kernels count elements and words in 32 bits; larger values are cut into pieces, as they are with wgpu.
pub(crate) const MAX_BINDING_BYTES: u64 = (1 << 31) - ALIGNMENT;

/// What kernels may use.
pub(crate) fn capabilities(facts: &Facts) -> Capabilities {
    let lanes = facts.dialect.subgroup_size();
    Capabilities {
        f16: true,
        int64: true,
        subgroups: Some((lanes, lanes)),
        max_invocations: facts.max_threads,
        workgroup_memory: facts.shared_memory,
        max_storage_buffers: MAX_BINDINGS,
        max_workgroups: 65_535,
        software: false,
        ends_loops: false,
        language: Some(match facts.dialect {
            Dialect::Cuda => KernelLanguage::Cuda,
            Dialect::Hip { .. } => KernelLanguage::Hip,
        }),
    }
}

/// What passes may plan for.
pub(crate) fn target(facts: &Facts, capabilities: &Capabilities) -> Target {
    Target {
        name: facts.info.backend.clone(),
        native: ["attention".to_string()].into(),
        dtypes: DType::ALL.into_iter().filter(|&dtype| dtype != DType::F64).collect(),
        max_bindings: capabilities.max_storage_buffers as usize,
        max_instructions: MAX_INSTRUCTIONS,
        max_binding_bytes: MAX_BINDING_BYTES,
        alignment: ALIGNMENT,
    }
}
