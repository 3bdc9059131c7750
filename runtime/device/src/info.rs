//! What a device is.

/// The kind of hardware behind a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeviceKind {
    /// A CPU.
    Cpu,
    /// A GPU with memory of its own.
    DiscreteGpu,
    /// A GPU that shares the host's memory.
    IntegratedGpu,
    /// A GPU behind a virtual machine.
    VirtualGpu,
    /// A GPU interface that a CPU emulates; `auto` never prefers it.
    Software,
    /// Unknown.
    Other,
}

/// A device, for people and for `--json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// `cpu`, `wgpu`, `cuda` or `rocm`.
    pub backend: String,
    /// Index among the backend's devices.
    pub index: usize,
    /// Name of the hardware.
    pub name: String,
    /// Driver and version.
    pub driver: String,
    /// Kind of hardware.
    pub kind: DeviceKind,
    /// Memory in bytes, where it is known.
    pub memory: Option<u64>,
    /// Features that kernels use: `f16`, `subgroups`, `timestamps`, `avx512f`, …
    pub features: Vec<String>,
}

impl DeviceInfo {
    /// `wgpu:0`.
    pub fn id(&self) -> String {
        format!("{}:{}", self.backend, self.index)
    }
}
