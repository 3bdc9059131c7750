//! What kernels may use on an adapter, and what passes may plan for.

use hadal_device::DeviceKind;
use hadal_graph::{DType, Target};
use hadal_shaders::Capabilities;

/// Instructions fused into one pointwise program: beyond this, drivers spill registers and compile slowly.
const MAX_INSTRUCTIONS: usize = 48;

/// Bindings of one kernel, where the device has no smaller limit: enough for any fusion that is worth its index arithmetic.
const MAX_BINDINGS: u32 = 32;

/// What kernels may use with these `features` and `limits`.
pub(crate) fn capabilities(
    info: &wgpu::AdapterInfo,
    features: wgpu::Features,
    limits: &wgpu::Limits,
) -> Capabilities {
    let subgroups = features.contains(wgpu::Features::SUBGROUP) && info.subgroup_min_size > 0;
    Capabilities {
        f16: features.contains(wgpu::Features::SHADER_F16),
        int64: features.contains(wgpu::Features::SHADER_INT64),
        subgroups: subgroups.then_some((info.subgroup_min_size, info.subgroup_max_size)),
        max_invocations: limits.max_compute_invocations_per_workgroup,
        workgroup_memory: limits.max_compute_workgroup_storage_size,
        // One is kept for the buffer that faults are reported in.
        max_storage_buffers: (limits.max_storage_buffers_per_shader_stage.max(2) - 1).min(MAX_BINDINGS),
        max_workgroups: limits.max_compute_workgroups_per_dimension,
        software: info.device_type == wgpu::DeviceType::Cpu,
        // Mesa's llvmpipe, under Vulkan (lavapipe) and under GL.
        ends_loops: info.name.contains("llvmpipe"),
        language: None,
    }
}

/// What passes may plan for.
pub(crate) fn target(capabilities: &Capabilities, limits: &wgpu::Limits) -> Target {
    Target {
        name: "wgpu".into(),
        native: ["attention".to_string()].into(),
        dtypes: DType::ALL.into_iter().filter(|&dtype| dtype != DType::F64).collect(),
        max_bindings: capabilities.max_storage_buffers as usize,
        max_instructions: MAX_INSTRUCTIONS,
        max_binding_bytes: max_binding_bytes(limits),
        alignment: alignment(limits),
    }
}

/// Most bytes that one binding may cover: a multiple of the alignment of bindings.
pub(crate) fn max_binding_bytes(limits: &wgpu::Limits) -> u64 {
    let bytes = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
    bytes - bytes % alignment(limits)
}

/// Alignment of bindings within a buffer.
pub(crate) fn alignment(limits: &wgpu::Limits) -> u64 {
    u64::from(limits.min_storage_buffer_offset_alignment).max(256)
}

/// Features that kernels or the backend profit from.
pub(crate) fn wanted_features() -> wgpu::Features {
    wgpu::Features::SHADER_F16
        | wgpu::Features::SHADER_INT64
        | wgpu::Features::SUBGROUP
        | wgpu::Features::SUBGROUP_BARRIER
        | wgpu::Features::TIMESTAMP_QUERY
}

/// Names of features as [`hadal_device::DeviceInfo::features`] lists them.
pub(crate) fn feature_names(features: wgpu::Features) -> Vec<String> {
    let names = [
        (wgpu::Features::SHADER_F16, "f16"),
        (wgpu::Features::SHADER_INT64, "int64"),
        (wgpu::Features::SUBGROUP, "subgroups"),
        (wgpu::Features::TIMESTAMP_QUERY, "timestamps"),
    ];
    names
        .iter()
        .filter(|(feature, _)| features.contains(*feature))
        .map(|(_, name)| name.to_string())
        .collect()
}

/// The kind of hardware.
pub(crate) fn kind(device_type: wgpu::DeviceType) -> DeviceKind {
    match device_type {
        wgpu::DeviceType::Cpu => DeviceKind::Software,
        wgpu::DeviceType::DiscreteGpu => DeviceKind::DiscreteGpu,
        wgpu::DeviceType::IntegratedGpu => DeviceKind::IntegratedGpu,
        wgpu::DeviceType::VirtualGpu => DeviceKind::VirtualGpu,
        wgpu::DeviceType::Other => DeviceKind::Other,
    }
}
